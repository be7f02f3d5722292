"""Back to the moment before a mistake: a base backup and the write-ahead log, as docs/backups.md says it."""

import os
from pathlib import Path

import pytest

from taskapi.config import EmbeddedSettings, Settings
from taskapi.kit.embedded import folders, postgres
from taskapi.kit.embedded.account import Account, run, server_account
from taskapi.kit.embedded.programs import find_postgres
from taskapi.kit.embedded.servers import EmbeddedServers
from taskapi.migrations import run as migrations
from tests.backup.stage import rows
from tests.waiting import eventually

ADD = "INSERT INTO users VALUES (gen_random_uuid(), $1 || '@example.org', $1, 'user', now(), NULL, 1)"
NAMES = "SELECT name FROM users ORDER BY name"
TIMELINE = "SELECT left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)"


@pytest.fixture
def account() -> Account | None:
    """Whoever runs the servers here."""
    return server_account("nobody")


@pytest.fixture
def archive(folder: Path, account: Account | None) -> Path:
    """Where the server puts its log."""
    return folders.private_folder(folder / "archive", account)


def servers(root: Path) -> EmbeddedServers:
    """Return the embedded servers on a data folder."""
    return EmbeddedServers(Settings(embedded=EmbeddedSettings(data_dir=root)))


def superuser(root: Path) -> str:
    """Return the superuser's address of the server that runs on a data folder."""
    return postgres.url(root / "run", user=postgres.SUPERUSER, database=postgres.NAME)


def archiving(root: Path, archive: Path) -> None:
    """Make a data folder whose server keeps its log from the next start on."""
    with servers(root) as endpoints:
        migrations.upgrade(endpoints.database.url)
        rows(superuser(root), "ALTER SYSTEM SET archive_mode = on")
        rows(superuser(root), f"ALTER SYSTEM SET archive_command = 'test ! -f {archive}/%f && cp %p {archive}/%f'")


def base_backup(root: Path, target: Path, account: Account | None) -> None:
    """Copy the running server's data folder."""
    program = find_postgres(account, root / "programs", None).executable.with_name("pg_basebackup")
    folders.make_root(target)
    data = folders.private_folder(target / "postgresql", account)
    command = [str(program), "-h", str(root / "run"), "-U", postgres.SUPERUSER, "-D", str(data), "-c", "fast"]
    told = run(command, account, seconds=120)
    assert told.returncode == 0, told.stderr


def recover(target: Path, archive: Path, moment: str, account: Account | None) -> None:
    """Say how far the log is to be replayed at the next start."""
    with (target / "postgresql" / "postgresql.auto.conf").open("a") as file:
        file.write(f"restore_command = 'cp {archive}/%f %p'\n")
        file.write(f"recovery_target_time = '{moment}'\nrecovery_target_action = 'promote'\n")
    signal = target / "postgresql" / "recovery.signal"
    signal.touch()
    if account is not None:
        os.chown(signal, account.uid, account.gid)


def test_a_mistake_is_undone_and_what_came_before_it_is_there(
    folder: Path, archive: Path, account: Account | None
) -> None:
    first, second = folder / "first", folder / "second"
    archiving(first, archive)
    with servers(first) as endpoints:
        url = endpoints.database.url
        rows(url, ADD, "ada")
        base_backup(first, second, account)
        rows(url, ADD, "grace")
        moment = str(rows(url, "SELECT clock_timestamp()::text")[0][0])
        rows(url, "DELETE FROM users")
        segment = str(rows(superuser(first), "SELECT pg_walfile_name(pg_switch_wal())")[0][0])
        eventually((archive / segment).exists, 30)
        (before,) = rows(url, TIMELINE)
    recover(second, archive, moment, account)
    with servers(second) as endpoints:
        url = endpoints.database.url
        eventually(lambda: rows(url, "SELECT pg_is_in_recovery()") == [(False,)], 60)
        assert rows(url, NAMES) == [("ada",), ("grace",)]
        (after,) = rows(url, TIMELINE)
        assert (before, after) == (("00000001",), ("00000002",))  # which is part of the gate's generation
