"""A database that falls silent is not waited for without a limit."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from taskapi.backup.archive import opened_archive
from taskapi.backup.restoration import restore_archive
from taskapi.backup.saving import save
from taskapi.errors import Overloaded
from taskapi.kit.database import bulk
from tests.backup.stage import REPLACE, Watch, rows, saved
from tests.kit.wire import line_to


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wants to wait for a minute here."""
    monkeypatch.setattr(bulk, "STALL_SECONDS", 0.3)


def test_a_backup_of_a_silent_database_ends_and_leaves_nothing(url: str, path: Path) -> None:
    async def silent() -> None:
        async with line_to(url) as (wire, address):
            hold = wire.hold_request(b"COPY")
            with pytest.raises(Overloaded, match="did not answer in time"):
                await save(address, path, Watch())
            assert hold.reached.is_set()

    asyncio.run(silent())
    assert not list(path.parent.iterdir())


def test_a_restore_into_a_silent_database_ends_and_changes_nothing(url: str, path: Path) -> None:
    saved(url, path)
    rows(url, "INSERT INTO users VALUES (gen_random_uuid(), 'ada@example.org', 'Ada', 'user', now(), NULL, 1)")

    async def silent() -> None:
        async with line_to(url) as (wire, address):
            hold = wire.hold_request(b"COPY")
            with opened_archive(path) as archive, pytest.raises(Overloaded, match="did not answer in time"):
                await restore_archive(address, archive, REPLACE, Watch())
            assert hold.reached.is_set()

    asyncio.run(silent())
    assert rows(url, "SELECT name FROM users") == [("Ada",)]


@pytest.mark.parametrize("command", ["save", "restore"])
def test_a_connection_that_is_lost_is_said(url: str, path: Path, command: str) -> None:
    saved(url, path.with_name("before"))

    async def lost() -> None:
        async with line_to(url) as (wire, address):
            hold = wire.hold_request(b"COPY")
            with opened_archive(path.with_name("before")) as archive:
                work = (
                    save(address, path, Watch())
                    if command == "save"
                    else restore_archive(address, archive, REPLACE, Watch())
                )
                working = asyncio.create_task(work)
                await hold.reached.wait()
                wire.cut()
                hold.release()
                with pytest.raises((Overloaded, OSError, asyncpg.PostgresError)):
                    await working

    asyncio.run(lost())
    assert not path.exists()
