"""What was saved is there again: all of it or nothing, in any database, from any step of the schema."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import asyncpg
import msgspec
import pytest

from taskapi.backup.archive import Archive, opened_archive
from taskapi.backup.model import BackupDamaged, BackupTooNew, RestoreDiffers, TargetFilled, TargetTooNew
from taskapi.backup.restoration import Wishes, restore_archive
from taskapi.backup.tables import NEVER_SAVED, SAVED
from taskapi.kit.database import bulk
from taskapi.migrations import run, walk
from tests.backup.stage import (
    REPLACE,
    WITH_SESSIONS,
    Watch,
    announced,
    contents,
    everything,
    generation,
    restored,
    rows,
    saved,
    tables,
)
from tests.migrations.schema import Description, described
from tests.people import Client
from tests.servers import Servers

STATISTICS = "SELECT attrelid::regclass::text, attname FROM pg_attribute WHERE attstattarget >= 0 ORDER BY 1"
NOTHING = Wishes(replace=False, keep_sessions=False)


def schema(url: str) -> Description:
    async def look() -> Description:
        connection = await asyncpg.connect(url)
        try:
            return await described(connection)
        finally:
            await connection.close()

    return asyncio.run(look())


def test_an_empty_database_becomes_what_was_saved(ada: Client, grace: Client, url: str, empty: str, path: Path) -> None:
    announced(url)
    manifest = saved(url, path)
    before = everything(url)
    assert all(before[name] for name in ("users", "sessions", "tasks", "task_counts", "idempotency_keys", "outbox"))
    restored(empty, path, Wishes(replace=False, keep_sessions=True))
    assert everything(empty) == before
    assert contents(saved(empty, path.with_name("again")), sessions=True) == contents(manifest, sessions=True)


def test_a_restored_schema_is_that_of_a_migrated_one(
    ada: Client, url: str, empty: str, servers: Servers, path: Path
) -> None:
    saved(url, path)
    restored(empty, path)
    restored(url, path)
    fresh = servers.create_migrated_database()
    for database in (empty, url):
        assert schema(database) == schema(fresh)
        assert rows(database, STATISTICS) == rows(fresh, STATISTICS) != []
        assert not rows(database, "SELECT FROM pg_trigger WHERE tgenabled <> 'O'")


def test_a_restored_database_counts_on(ada: Client, url: str, path: Path) -> None:
    saved(url, path)
    before = ada.get("/api/tasks/summary").json()
    restored(url, path)
    ada.log_in()
    ada.task("One more")
    assert ada.get("/api/tasks/summary").json() == before | {"todo": before["todo"] + 1, "total": before["total"] + 1}


def test_rows_keep_their_order_however_different_their_size(url: str, empty: str, path: Path) -> None:
    rows(url, "INSERT INTO users VALUES (gen_random_uuid(), 'a@b.c', 'x', 'user', now(), NULL, 1)")
    rows(
        url,
        """
        INSERT INTO tasks (
            user_id, id, version, status, priority, created_at, updated_at, title, description, labels
        )
        SELECT users.id, gen_random_uuid(), 1, 0, 0, now(), now(), 'x',
            array_to_string(ARRAY(SELECT md5((n * m)::text) FROM generate_series(1, 1 + (n * 7919) % 60) AS m), ''),
            '{}'
        FROM users, generate_series(1, 3000) AS n
        """,
    )
    manifest = saved(url, path)
    restored(empty, path)
    assert contents(saved(empty, path.with_name("again"))) == contents(manifest)


def test_a_database_with_anything_in_it_is_left_alone(ada: Client, url: str, path: Path) -> None:
    saved(url, path)
    ada.task("Later")
    announced(url)
    before, gate = everything(url), generation(url)
    with pytest.raises(TargetFilled):
        restored(url, path, NOTHING)
    assert (everything(url), generation(url)) == (before, gate)


def test_what_fails_in_the_middle_leaves_what_was_there(
    ada: Client, url: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(url, path)
    ada.task("Later")
    announced(url)
    before, form, gate = everything(url), schema(url), generation(url)
    whole = Archive.pieces

    def broken(self: Archive, table: object, count: object) -> Iterator[bytes]:
        yield from whole(self, table, count)  # type: ignore[arg-type]
        if getattr(table, "name", "") == "outbox":
            raise BackupDamaged

    monkeypatch.setattr(Archive, "pieces", broken)
    with opened_archive(path) as archive, pytest.raises(BackupDamaged):
        asyncio.run(restore_archive(url, archive, REPLACE, Watch()))
    assert (everything(url), schema(url), generation(url)) == (before, form, gate)


def test_what_the_database_stores_differently_is_undone(
    ada: Client, url: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced(url)
    saved(url, path)
    before = everything(url)
    load = bulk.BulkConnection.copy_in

    async def careless(self: bulk.BulkConnection, table: str, *rest: object) -> None:
        await load(self, table, *rest)  # type: ignore[arg-type]
        if table == "tasks":
            await self.execute("UPDATE tasks SET title = 'x' WHERE title = 'Pay'")

    monkeypatch.setattr(bulk.BulkConnection, "copy_in", careless)
    with pytest.raises(RestoreDiffers):
        restored(url, path)
    assert everything(url) == before


@pytest.mark.parametrize("target", ["empty", "url"])
def test_a_backup_of_an_older_step_is_brought_up_to_date(
    request: pytest.FixtureRequest, servers: Servers, target: str, path: Path
) -> None:
    older = servers.create_migrated_database("0003")
    rows(older, "INSERT INTO users VALUES (gen_random_uuid(), 'ada@example.org', 'Ada', 'user', now(), NULL, 1)")
    assert saved(older, path).step == "0003"
    url = request.getfixturevalue(target)
    restored(url, path)
    assert run.status(url).is_current
    assert rows(url, "SELECT name FROM users") == [("Ada",)]
    assert generation(url)


def test_backup_and_restore_work_in_a_schema_of_their_own(ada: Client, url: str, servers: Servers, path: Path) -> None:
    announced(url)
    saved(url, path)
    elsewhere = servers.create_database() + "&schema=Elsewhere"
    restored(elsewhere, path, WITH_SESSIONS)
    assert everything(elsewhere) == everything(url)
    assert contents(saved(elsewhere, path.with_name("again"))) == contents(saved(url, path.with_name("here")))


def rewritten(path: Path, **changes: object) -> Path:
    """Return a copy of a backup whose manifest says something else."""
    target = path.with_name("rewritten.zip")
    with ZipFile(path) as old, ZipFile(target, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name)
            if name == "manifest.json":
                text = msgspec.json.encode(msgspec.json.decode(text) | changes)
            new.writestr(name, text)
    return target


@pytest.mark.parametrize("changes", [{"step": "9999"}, {"format": 2, "unheard": "of"}], ids=str)
def test_a_newer_release_s_backup_is_refused(url: str, path: Path, changes: dict[str, object]) -> None:
    saved(url, path)
    gate = generation(url)
    with pytest.raises(BackupTooNew, match=r"Release 0\.1\.0"):
        restored(url, rewritten(path, **changes))
    assert generation(url) == gate


def test_a_newer_release_s_database_is_left_alone(ada: Client, url: str, path: Path) -> None:
    announced(url)
    saved(url, path)
    rows(url, "UPDATE alembic_version SET version_num = '9999'")
    before = everything(url)
    with pytest.raises(TargetTooNew, match="9999"):
        restored(url, path)
    with pytest.raises(TargetTooNew, match="9999"):
        saved(url, path.with_name("another"))
    assert everything(url) == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("changes", [{"rows": 7}, {"bytes": 7}, {"sha256": "7" * 64}], ids=str)
def test_a_table_that_is_not_what_the_manifest_says_is_refused(
    url: str, path: Path, changes: dict[str, object]
) -> None:
    saved(url, path)
    gate = generation(url)
    with opened_archive(path) as archive:
        told = msgspec.to_builtins(archive.manifest)["tables"]
    told[-1]["contents"].update(changes)
    with pytest.raises(BackupDamaged, match="table outbox is not what was saved"):
        restored(url, rewritten(path, tables=told))
    assert generation(url) == gate


def test_names_in_a_backup_never_become_sql(url: str, path: Path) -> None:
    saved(url, path)
    with opened_archive(path) as archive:
        tables_told = msgspec.to_builtins(archive.manifest)["tables"]
    tables_told[0]["columns"] = ["id) FROM PROGRAM 'true' --"]
    with pytest.raises(BackupDamaged):
        restored(url, rewritten(path, tables=tables_told))
    tables_told[0]["name"] = "gate_state"
    with pytest.raises(BackupDamaged, match="no backup holds"):
        restored(url, rewritten(path, tables=tables_told))


def test_every_table_is_saved_or_said_not_to_be(url: str) -> None:
    assert tables(url) == {*SAVED, *NEVER_SAVED}


@pytest.mark.parametrize("current", [None, *run.steps()])
def test_every_step_can_be_rebuilt_in_one_transaction(servers: Servers, current: str | None) -> None:
    for step in run.steps():
        plain = servers.create_migrated_database(step)
        rebuilt = servers.create_migrated_database(current) if current else servers.create_database()
        servers.execute(f"BEGIN; {run.rebuilding_sql(current, step)} COMMIT", rebuilt)
        found, expected = schema(rebuilt), schema(plain)
        assert set(expected.pop("extensions")) <= set(found.pop("extensions"))
        assert found == expected


def test_an_index_that_migrations_make_concurrently_is_made_as_any_other() -> None:
    assert walk.CONCURRENTLY.sub("", "CREATE UNIQUE INDEX concurrently a ON b (c)") == "CREATE UNIQUE INDEX a ON b (c)"
