"""Puts a backup into a database, all of it or nothing: one transaction, which compares what was stored.

While it runs, nobody reads or writes these tables; what was there before is there again if it fails. Processes that
serve are no danger: the gate's row is locked for longer than any permission to serve what is kept lasts, and has a
generation that never was when it is unlocked.
"""

import asyncio
import time
from typing import NamedTuple

from taskapi.backup import store
from taskapi.backup.archive import Archive
from taskapi.backup.model import (
    BackupDamaged,
    Manifest,
    Progress,
    RestoreDiffers,
    SavedTable,
    Tally,
    TargetFilled,
    TargetTooNew,
)
from taskapi.backup.tables import GATE, NEVER_SAVED, SESSIONS
from taskapi.gate.lease import CLOSED_SECONDS
from taskapi.kit.database.bulk import BulkConnection, bulk_connection
from taskapi.migrations import run


class Wishes(NamedTuple):
    """What may be done."""

    replace: bool
    """Give up what the database holds."""

    keep_sessions: bool
    """Let the sessions of that moment go on, also those that were ended after it."""


async def restore_archive(database_url: str, archive: Archive, wishes: Wishes, progress: Progress) -> None:
    """Put the backup into the database, at the backup's step of the schema; the backup has been verified."""
    async with bulk_connection(database_url, snapshot=False) as connection:
        await store.wait_for_turn(connection)
        await store.make_schema(connection)
        await _refuse_unless_empty(connection, wishes)
        serving_ends_at = await _lock(connection)
        await _refuse_unless_empty(connection, wishes)  # what came before the lock was there
        await _prepare(connection, archive.manifest)
        loaded = [table for table in archive.manifest.tables if wishes.keep_sessions or table.name != SESSIONS]
        await _load(connection, archive, loaded, progress)
        await store.begin_anew(connection)
        await asyncio.sleep(max(0.0, serving_ends_at - time.monotonic()))


async def _refuse_unless_empty(connection: BulkConnection, wishes: Wishes) -> None:
    if wishes.replace:
        return
    if await store.is_filled(connection, [name for name in await store.tables(connection) if name not in NEVER_SAVED]):
        raise TargetFilled


async def _lock(connection: BulkConnection) -> float:
    """Lock all tables and return when no process serves what it kept before."""
    there = await store.tables(connection)
    await connection.lock(tuple(there), "ACCESS EXCLUSIVE")
    return time.monotonic() + (CLOSED_SECONDS if GATE in there else 0)


async def _prepare(connection: BulkConnection, manifest: Manifest) -> None:
    """Leave empty tables of the backup's step; a schema that is at this step already keeps what was granted on it."""
    current = await store.step(connection)
    if current not in (None, *run.steps()):
        raise TargetTooNew(f"The database is at step {current}, which only a newer release knows; restore with that.")
    if current == manifest.step:
        await store.empty(connection, [name for name in await store.tables(connection) if name not in NEVER_SAVED])
    else:
        await connection.execute(run.rebuilding_sql(current, manifest.step))


async def _load(connection: BulkConnection, archive: Archive, loaded: list[SavedTable], progress: Progress) -> None:
    for table in archive.manifest.tables:
        if not table.columns or table.columns != await store.columns(connection, table.name):
            raise BackupDamaged(f"The backup is damaged: its table {table.name} is not that of its step of the schema.")
    names = [table.name for table in archive.manifest.tables]
    obstacles = await store.obstacles(connection, names)
    await store.run_all(connection, obstacles.removal)
    for table in loaded:
        await _load_table(connection, archive, table, progress)
    await store.run_all(connection, obstacles.renewal)


async def _load_table(connection: BulkConnection, archive: Archive, table: SavedTable, progress: Progress) -> None:
    progress.begin(table.name, table.contents.rows)
    await connection.copy_in(table.name, table.columns, archive.pieces(table, progress.advance))
    stored = Tally()
    await connection.copy_out(table.name, table.columns, stored.add)
    if stored.contents != table.contents:
        raise RestoreDiffers(f"The database stored table {table.name} differently; nothing was changed.")
