"""`task-api backup` and `task-api restore`, as a person or a schedule calls them."""

import asyncio
import json
import os
import pty
import re
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from taskapi.kit.database import bulk
from tests.backup.test_shelf import shelve
from tests.cli.conftest import Call
from tests.cli.test_users import rows
from tests.kit.wire import line_to
from tests.servers import Servers
from tests.waiting import eventually

PROGRAM = [sys.executable, "-m", "taskapi"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the backup is to be."""
    return tmp_path / "saved.zip"


@pytest.fixture
def planted(call: Call, database: str) -> int:
    """A database with tasks in it: how many."""
    assert call("seed", "--users", "2", "--tasks", "120").exit_code == 0
    return 240


@pytest.fixture
def in_the_way(database: str) -> Iterator[Callable[[], bool]]:
    """Somebody who holds the tasks; says whether another one waits for them."""
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(asyncpg.connect(database))
    loop.run_until_complete(connection.execute("BEGIN; LOCK TABLE tasks"))
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'tasks'::regclass"
    yield lambda: bool(loop.run_until_complete(connection.fetchval(waiting)))
    loop.run_until_complete(connection.close())
    loop.close()


def test_a_folder_gets_a_file_named_for_the_moment(call: Call, planted: int, tmp_path: Path) -> None:
    result = call("backup", str(tmp_path))
    assert result.exit_code == 0, result.output
    (file,) = tmp_path.iterdir()
    assert re.fullmatch(r"task-api-\d{8}T\d{6}Z\.zip", file.name)
    assert f"{file}: " in result.output
    assert f"{file.stat().st_size:,} bytes" in result.output
    assert "Saving tasks" in result.output


def test_what_was_saved_is_restored_where_a_person_says(
    call: Call, planted: int, path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("backup", str(path)).exit_code == 0
    elsewhere = servers.create_database()
    monkeypatch.setenv("DATABASE_URL", elsewhere)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")  # where nobody is: a restore needs no Redis
    result = call("restore", str(path))
    assert result.exit_code == 0, result.output
    assert "everybody has to log in again" in result.output
    assert rows(elsewhere, "SELECT count(*) FROM tasks")[0][0] == planted
    assert call("migrate", "status").exit_code == 0


def test_a_filled_database_is_replaced_only_if_told(call: Call, planted: int, path: Path, database: str) -> None:
    assert call("backup", str(path)).exit_code == 0
    rows(database, "DELETE FROM tasks")
    refused = call("restore", str(path))
    assert refused.exit_code == 1
    assert "--replace" in refused.output
    assert not rows(database, "SELECT FROM tasks")
    result = call("restore", "--replace", "--keep-sessions", str(path))
    assert result.exit_code == 0, result.output
    assert "sessions are as they were" in result.output
    assert rows(database, "SELECT count(*) FROM tasks")[0][0] == planted


def test_a_backup_is_verified_without_a_database(
    call: Call, planted: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("backup", str(path)).exit_code == 0
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    result = call("restore", "--verify-only", str(path))
    assert result.exit_code == 0, result.output
    assert "is whole" in result.output


def test_a_damaged_backup_is_refused_before_the_database_is_touched(
    call: Call, planted: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("backup", str(path)).exit_code == 0
    whole = path.read_bytes()
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    for damaged in (whole[: len(whole) // 2], whole[:3000] + b"?" + whole[3001:]):
        path.write_bytes(damaged)
        result = call("restore", "--replace", str(path))
        assert (result.exit_code, type(result.exception)) == (1, SystemExit)
        assert "damaged" in result.output or "no backup" in result.output


def test_a_run_keeps_so_many_and_says_which_are_gone(call: Call, planted: int, tmp_path: Path) -> None:
    yesterday = shelve(tmp_path, datetime.now(UTC) - timedelta(days=1))
    result = call("backup", "--keep", "1", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert f"{yesterday}: deleted" in result.output
    (file,) = tmp_path.iterdir()
    assert call("restore", "--verify-only", str(file)).exit_code == 0


def test_a_run_that_fails_says_so_in_one_line_and_by_its_exit_code(
    call: Call, tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelve(tmp_path, datetime.now(UTC) - timedelta(days=1))
    monkeypatch.setenv("DATABASE_URL", servers.create_database())
    result = call("backup", "--keep", "1", str(tmp_path))
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    (line,) = result.output.splitlines()
    assert line.startswith("The backup failed: ")
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(("hours", "code", "told"), [(23, 0, "23.0 hours old"), (25, 1, "25.0 hours old")])
def test_the_age_of_the_newest_decides_without_a_database(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int, code: int, told: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    shelve(tmp_path, datetime.now(UTC) - timedelta(hours=hours))
    result = call("backup", "--newest-within", "24", str(tmp_path))
    assert result.exit_code == code
    assert told in result.output


def test_a_folder_without_backups_is_not_fresh(call: Call, tmp_path: Path) -> None:
    result = call("backup", "--newest-within", "24", str(tmp_path))
    assert result.exit_code == 1
    assert f"There is no backup in {tmp_path}." in result.output


@pytest.mark.parametrize("option", ["--keep", "--every", "--newest-within"])
def test_only_a_folder_can_be_tended(call: Call, tmp_path: Path, option: str) -> None:
    assert call("backup", option, "3", str(tmp_path / "missing")).exit_code == 2


def test_a_schedule_makes_what_is_due_logs_it_and_ends_at_sigterm(
    planted: int, environment: dict[str, str], tmp_path: Path
) -> None:
    command = [*PROGRAM, "backup", "--every", "24", "--keep", "2", str(tmp_path)]
    variables = os.environ | environment | {"TASK_API_LOG_FORMAT": "json"}
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        told = json.loads(program.stdout.readline())
        program.send_signal(signal.SIGTERM)
        assert program.wait(30) == 143
    (file,) = tmp_path.iterdir()
    expected = {"event": "backup made", "file": str(file), "bytes": file.stat().st_size, "deleted": []}
    assert expected.items() <= told.items()
    assert told["rows"] > planted


@pytest.mark.parametrize("command", [("backup", "/nonexistent/x.zip"), ("restore", "/nonexistent/x.zip")], ids=" ".join)
def test_a_place_that_is_not_there_is_explained(call: Call, command: tuple[str, ...]) -> None:
    result = call(*command)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "/nonexistent/x.zip" in result.output


def test_a_database_without_a_schema_has_nothing_to_save(
    call: Call, servers: Servers, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", servers.create_database())
    result = call("backup", str(path))
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "task-api migrate up" in result.output
    assert not list(path.parent.iterdir())


def test_a_full_disk_is_explained_and_leaves_nothing(planted: int, environment: dict[str, str], path: Path) -> None:
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    command = [*PROGRAM, "backup", str(path)]
    done = subprocess.run(
        command,
        check=False,
        env=os.environ | environment,
        preexec_fn=little_room,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert f"There is no room for the backup at {path}" in done.stderr
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_a_backup_that_is_stopped_leaves_nothing(
    planted: int,
    environment: dict[str, str],
    path: Path,
    in_the_way: Callable[[], bool],
    number: signal.Signals,
    code: int,
) -> None:
    with subprocess.Popen([*PROGRAM, "backup", str(path)], env=os.environ | environment) as program:
        eventually(in_the_way, 60)
        assert [file.suffix for file in path.parent.iterdir()] == [".part"]
        program.send_signal(number)
        assert program.wait(30) == code
    assert not list(path.parent.iterdir())


def test_a_restore_that_is_stopped_changes_nothing(
    call: Call, planted: int, database: str, environment: dict[str, str], path: Path
) -> None:
    assert call("backup", str(path)).exit_code == 0

    async def stopped() -> tuple[int, str]:
        async with held_at(database, b"COPY") as (address, reached, release):
            program = await asyncio.create_subprocess_exec(
                *PROGRAM,
                "restore",
                "--replace",
                str(path),
                env=os.environ | environment | {"DATABASE_URL": address},
                stderr=asyncio.subprocess.PIPE,
            )
            async with asyncio.timeout(60):
                await reached.wait()
                program.terminate()
                release()
                _, told = await program.communicate()
            return program.returncode or 0, told.decode()

    code, told = asyncio.run(stopped())
    assert code == 143
    assert "nothing was changed" in told
    assert rows(database, "SELECT count(*) FROM tasks")[0][0] == planted


@asynccontextmanager
async def held_at(database: str, marker: bytes) -> AsyncIterator[tuple[str, asyncio.Event, Callable[[], None]]]:
    """Give a way to a database on which the request with this word is held, when it is, and how to let it go."""
    async with line_to(database) as (wire, address):
        hold = wire.hold_request(marker)
        yield address, hold.reached, hold.release


def test_who_is_in_the_way_is_not_waited_for_without_a_limit(
    call: Call, planted: int, path: Path, in_the_way: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(bulk.LIMITS, "lock_timeout", "'100ms'")
    result = call("backup", str(path))
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "lock timeout" in result.output
    assert not list(path.parent.iterdir())


def test_a_terminal_sees_a_bar(planted: int, environment: dict[str, str], path: Path) -> None:
    terminal, own_end = pty.openpty()
    variables = os.environ | environment | {"TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen([*PROGRAM, "backup", str(path)], stderr=own_end, env=variables) as program:
        os.close(own_end)
        seen = b""
        try:
            while piece := os.read(terminal, 65536):
                seen += piece
        except OSError:  # which is how a terminal says that nobody is at its other end any more
            pass
        assert program.wait(60) == 0
    os.close(terminal)
    assert "━" in seen.decode()
    assert "Saving tasks" in seen.decode()
