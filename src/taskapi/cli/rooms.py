"""Opens the rooms for one command: settings as the server reads them, servers as the server finds them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import typer

from taskapi.app import close_rooms, open_rooms
from taskapi.config import Settings, SettingsInvalid
from taskapi.errors import Error
from taskapi.kit.database.faults import ServerRefusal, TableMissing
from taskapi.resources import Resources

Result = TypeVar("Result")


@contextmanager
def explained(what: str = "") -> Iterator[None]:
    """Turn what people can mend into one sentence, which begins with `what` failed, and exit code 1."""
    try:
        yield
    except TableMissing:
        _refuse(f"{what}The database is not up to date; run `task-api migrate up`, or start `task-api serve`, first.")
    except (SettingsInvalid, Error, ServerRefusal, OSError) as error:
        reasons = "".join(f"\n  {part.pointer}: {part.detail}" for part in getattr(error, "violations", ()))
        _refuse(f"{what}{error}{reasons}")


def _refuse(reason: str) -> NoReturn:
    typer.secho(reason, fg="red", err=True)
    raise typer.Exit(1) from None


def with_rooms(settings: Settings, work: Callable[[Resources], Awaitable[Result]]) -> Result:
    """Run `work` with open rooms and close them."""

    async def opened() -> Result:
        rooms = open_rooms(settings)
        await rooms.database.open()
        await rooms.gate.open()
        try:
            return await work(rooms)
        finally:
            await close_rooms(rooms)

    return asyncio.run(opened())
