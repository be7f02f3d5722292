import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from taskapi.kit.embedded import leftovers
from taskapi.kit.embedded.failures import StartFailed
from taskapi.kit.embedded.leftovers import stop_leftovers
from tests.waiting import eventually


@contextmanager
def process(folder: Path, name: str, *, stubborn: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """A process of that name that works in the folder."""
    program = shutil.copy("/bin/sleep", folder / name)
    habit = "trap '' INT; " if stubborn else ""
    with subprocess.Popen(["/bin/sh", "-c", f"{habit}exec {program} 600"], cwd=folder) as running:
        eventually(lambda: psutil.Process(running.pid).name() == name)
        try:
            yield running
        finally:
            running.kill()


@pytest.fixture
def data(folder: Path) -> Path:
    """A server's folder."""
    (folder / "data").mkdir()
    return folder / "data"


def test_a_server_that_works_there_is_ended(data: Path) -> None:
    with process(data, "postgres") as server:
        stop_leftovers(data, signal.SIGINT)
        assert server.wait(5) == -signal.SIGINT


def test_one_that_does_not_listen_is_ended_by_force(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "POLITE_SECONDS", 0.2)
    with process(data, "postgres", stubborn=True) as server:
        stop_leftovers(data, signal.SIGINT)
        assert server.wait(5) == -signal.SIGKILL


def test_one_that_cannot_be_ended_is_named(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "POLITE_SECONDS", 0.1)
    monkeypatch.setattr(leftovers, "FORCED_SECONDS", 0.1)
    monkeypatch.setattr(psutil.Process, "kill", lambda _: None)
    with (
        process(data, "valkey-server", stubborn=True) as server,
        pytest.raises(StartFailed, match=f"Process {server.pid} still works in {data}"),
    ):
        stop_leftovers(data, signal.SIGINT)


@pytest.mark.parametrize("name", ["nano", "bash"])
def test_somebody_else_who_is_there_is_left_alone(data: Path, name: str) -> None:
    with process(data, name) as person:
        stop_leftovers(data, signal.SIGINT)
        assert person.poll() is None


def test_a_server_that_works_elsewhere_is_left_alone(data: Path, folder: Path) -> None:
    with process(folder, "postgres") as server:
        stop_leftovers(data, signal.SIGINT)
        assert server.poll() is None
