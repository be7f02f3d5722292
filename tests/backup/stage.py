"""Saves and restores as the command line does, and says what a database holds."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg

from taskapi.backup.archive import opened_archive
from taskapi.backup.model import Contents, Manifest
from taskapi.backup.restoration import Wishes, restore_archive
from taskapi.backup.saving import save
from taskapi.backup.tables import NEVER_SAVED, SESSIONS
from taskapi.backup.verification import verify
from taskapi.kit.database import url as database_urls
from taskapi.migrations import run
from tests.waiting import eventually

REPLACE = Wishes(replace=True, keep_sessions=False)
WITH_SESSIONS = Wishes(replace=True, keep_sessions=True)


class Watch:
    """Is told of the progress; `at` is called when a table begins."""

    def __init__(self, at: Callable[[str], object] = lambda table: None) -> None:
        self._at = at
        self.rows: dict[str, int] = {}
        self._table = ""

    def begin(self, table: str, rows: int | None) -> None:
        """Note a table."""
        self._at(table)
        self._table = table
        self.rows[table] = 0

    def advance(self, rows: int) -> None:
        """Note rows."""
        self.rows[self._table] += rows


def saved(url: str, path: Path, at: Callable[[str], object] = lambda table: None) -> Manifest:
    """Save a database."""
    return asyncio.run(save(url, path, Watch(at)))


def restored(url: str, path: Path, wishes: Wishes = REPLACE) -> None:
    """Verify and restore a backup, and bring the schema up to date."""
    verify(path, Watch())
    with opened_archive(path) as archive:
        asyncio.run(restore_archive(url, archive, wishes, Watch()))
    run.upgrade(url)


def contents(manifest: Manifest, *, sessions: bool = False) -> dict[str, Contents]:
    """Return what each table held."""
    return {table.name: table.contents for table in manifest.tables if sessions or table.name != SESSIONS}


def rows(url: str, query: str, *args: Any) -> list[tuple[Any, ...]]:
    """Run SQL on a database."""

    async def asked() -> list[tuple[Any, ...]]:
        place = database_urls.parse(url)
        settings = {"search_path": place.search_path} if place.search_path else {}
        connection = await asyncpg.connect(place.dsn, server_settings=settings)
        try:
            return [tuple(row.values()) for row in await connection.fetch(query, *args)]
        finally:
            await connection.close()

    return asyncio.run(asked())


def tables(url: str) -> set[str]:
    """Return all tables of a database."""
    found = rows(url, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    return {name for (name,) in found}


def announced(url: str) -> None:
    """Wait until the house has announced its writes: it notes that off the requests' way."""
    eventually(lambda: not rows(url, "SELECT FROM outbox WHERE announced_at IS NULL"))


def everything(url: str) -> dict[str, list[str]]:
    """Return every row of what backups hold, generated columns included."""
    return {
        name: sorted(str(row) for row in rows(url, f'SELECT * FROM "{name}"'))
        for name in tables(url) - set(NEVER_SAVED)
    }


def generation(url: str) -> str:
    """Return the gate's generation."""
    return str(rows(url, "SELECT generation FROM gate_state")[0][0])
