"""Saves one moment of the database while everybody goes on working.

The tables are locked against changes of their form only, before the snapshot is taken; rows that are written later are
not in it. So every table shows the same moment, and row counts and digests are those of that moment.
"""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from taskapi.backup import store
from taskapi.backup.archive import NewArchive, new_archive
from taskapi.backup.model import FORMAT, Manifest, Progress, SavedTable, SchemaMoved, Tally, TargetTooNew
from taskapi.backup.tables import NEVER_SAVED
from taskapi.kit.database.bulk import BulkConnection, bulk_connection
from taskapi.kit.database.faults import TableMissing
from taskapi.migrations import run


async def save(database_url: str, path: Path, progress: Progress) -> Manifest:
    """Save the database to `path`, which must not be there yet, and return what was saved."""
    with new_archive(path) as archive:
        manifest = await _save(database_url, archive, progress)
        archive.finish(manifest)
    return manifest


async def _save(database_url: str, archive: NewArchive, progress: Progress) -> Manifest:
    async with bulk_connection(database_url, snapshot=False) as connection:
        found = await store.tables(connection)
    async with bulk_connection(database_url, snapshot=True) as connection:
        await _freeze(connection, found)
        return Manifest(
            format=FORMAT,
            release=version("task-api"),
            step=await _step(connection),
            taken_at=await connection.fetch_value("SELECT now()"),
            server=await connection.fetch_value("SHOW server_version"),
            tables=tuple(
                [
                    await _save_table(connection, archive, progress, name, rows)
                    for name, rows in found.items()
                    if name not in NEVER_SAVED
                ]
            ),
        )


async def _freeze(connection: BulkConnection, found: Iterable[str]) -> None:
    """Lock, then take the snapshot, which the first statement that reads does: so nothing changes form in between."""
    await connection.lock(tuple(found), "ACCESS SHARE")
    if set(await store.tables(connection)) != set(found):
        raise SchemaMoved


async def _step(connection: BulkConnection) -> str:
    step = await store.step(connection)
    if step is None:
        raise TableMissing("the database has no schema yet")
    if step not in run.steps():
        raise TargetTooNew(f"The database is at step {step}, which only a newer release knows; back up with that one.")
    return step


async def _save_table(
    connection: BulkConnection, archive: NewArchive, progress: Progress, name: str, rows: int
) -> SavedTable:
    columns = await store.columns(connection, name)
    tally = Tally()
    progress.begin(name, rows or None)
    with archive.table(name) as write:

        def take(piece: bytes) -> None:
            write(piece)
            progress.advance(tally.add(piece))

        await connection.copy_out(name, columns, take)
    return SavedTable(name, columns, tally.contents)
