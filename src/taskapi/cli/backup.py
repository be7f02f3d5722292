"""`task-api backup`: save one moment of the database in a file, while everybody goes on working; once or for ever."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from taskapi.backup import shelf
from taskapi.backup.keeping import Saved, Unseen, repeat, save_into
from taskapi.backup.saving import save
from taskapi.cli.progress import shown
from taskapi.cli.rooms import explained
from taskapi.cli.servers import database_url, resolved_settings
from taskapi.cli.stoppable import run_stoppable
from taskapi.kit.clock import system_clock
from taskapi.kit.telemetry import configure_logs, logger

FAILED = "The backup failed: "


def backup(
    path: Annotated[
        Path, typer.Argument(help="File to make, or folder to put a file into that is named for the moment.")
    ] = Path(),
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Then delete all but so many of the folder's newest; the new one is read back first."),
    ] = None,
    every: Annotated[
        int | None,
        typer.Option(min=1, help="Go on for ever: a backup whenever the folder's newest is so many hours old."),
    ] = None,
    newest_within: Annotated[
        int | None,
        typer.Option(min=1, help="Save nothing; exit code 1 unless the folder's newest is at most so many hours old."),
    ] = None,
) -> None:
    """Save one moment of the database in a file: whole, compressed, with checksums. Requests go on meanwhile."""
    if not path.is_dir() and (keep, every, newest_within) != (None, None, None):
        raise typer.BadParameter(f"{path} is no folder.")
    if newest_within is not None:
        _look(path, newest_within)
    elif every is not None:
        _go_on(path, keep, timedelta(hours=every))
    elif path.is_dir():
        _save_into(path, keep)
    else:
        _save_as(path)


def _save_as(file: Path) -> None:
    with database_url(FAILED) as url, shown("Saving") as progress:
        _tell(Saved(file, run_stoppable(save(url, file, progress)), []))


def _save_into(folder: Path, keep: int | None) -> None:
    with database_url(FAILED) as url, shown("Saving") as progress:
        _tell(run_stoppable(save_into(url, folder, keep, system_clock(), progress)))


def _tell(saved: Saved) -> None:
    moment, size = f"{saved.manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC", saved.path.stat().st_size
    typer.echo(f"{saved.path}: {saved.manifest.rows:,} rows as of {moment}, {size:,} bytes")
    for old in saved.given_up:
        typer.echo(f"{old}: deleted")


def _go_on(folder: Path, keep: int | None, period: timedelta) -> None:
    with resolved_settings(own=False, what=FAILED) as settings:
        configure_logs(settings.logs)
        assert settings.database.direct is not None
        url = settings.database.direct.reveal()

        async def save_one() -> None:
            _log(await save_into(url, folder, keep, system_clock(), Unseen()))

        run_stoppable(repeat(save_one, lambda now: shelf.newest(folder, now), period, system_clock))


def _log(saved: Saved) -> None:
    told = {"file": str(saved.path), "rows": saved.manifest.rows, "bytes": saved.path.stat().st_size}
    logger("taskapi.backup").info("backup made", **told, deleted=[old.name for old in saved.given_up])


def _look(folder: Path, hours: int) -> NoReturn:
    now = system_clock()
    with explained():
        found = shelf.newest(folder, now)
    if found is None:
        typer.echo(f"There is no backup in {folder}.", err=True)
        raise typer.Exit(1)
    age = now - found
    typer.echo(f"The newest backup in {folder} is {age / timedelta(hours=1):.1f} hours old.")
    raise typer.Exit(0 if age <= timedelta(hours=hours) else 1)
