"""`task-api debug` names what held a server up."""

import asyncio
import json
import socket
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from taskapi.__main__ import app
from taskapi.kit import inspection
from taskapi.kit.debugging import Debugging
from taskapi.kit.watchdog import STALL_SECONDS
from tests.kit.listener import listening
from tests.waiting import eventually

PORT = 3999


async def compute_without_a_pause() -> None:
    """Hold the loop up, as a route does that forgets to await."""
    time.sleep(STALL_SECONDS * 3)  # noqa: ASYNC251 - that is the mistake


async def wait_for_ever() -> None:
    """Be a task that waits."""
    await asyncio.Event().wait()


class Server:
    """An event loop in a thread of its own that can be asked."""

    def __init__(self) -> None:
        self.debugging = Debugging(lambda: 3, list)
        self.loop = asyncio.new_event_loop()
        self._started, self._stopped = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: self.loop.run_until_complete(self._serve()), daemon=True)

    def run(self, work: Any) -> None:
        """Run something in the loop."""
        asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve for the length of the block."""
        self._thread.start()
        assert self._started.wait(10)
        try:
            yield
        finally:
            self.loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join(10)
            self.loop.close()

    async def _serve(self) -> None:
        waiting = [asyncio.create_task(wait_for_ever()) for _ in range(5)]
        with self.debugging.watching(lambda _: None):
            async with inspection.Inspection({"debug": self.debugging.answer}, lambda: b""):
                self._started.set()
                await self._stopped.wait()
        for task in waiting:
            task.cancel()


@pytest.fixture
def server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that is asked behind PORT."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.setenv(inspection.VARIABLE, str(inspection.make_folder(PORT)))
    made = Server()
    with made.running():
        yield made


def ask(*options: str) -> str:
    """Call the command."""
    result = CliRunner().invoke(app, ["debug", "--port", str(PORT), *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def report() -> Mapping[str, Any]:
    """Return what the only process tells."""
    (only,) = json.loads(ask("--json"))
    found: Mapping[str, Any] = only
    return found


def test_the_line_that_held_the_loop_up_is_named(server: Server) -> None:
    def found() -> list[Any]:
        return [stall for stall in report()["stalls"] if stall["stack"][-1].endswith(" compute_without_a_pause")]

    assert not found()
    server.run(compute_without_a_pause())
    (stall,) = eventually(found)
    assert stall["stack"][-1].startswith("tests.cli.test_debug:")
    assert stall["seconds"] > STALL_SECONDS
    assert stall["stack"][-1] in ask()


def test_requests_memory_and_tasks_are_told(server: Server) -> None:
    told = report()
    assert told["requests"] == 3
    waiting = {task["function"]: task for task in told["tasks"]}["wait_for_ever"]
    assert waiting["tasks"] == 5
    assert waiting["place"].endswith("Event.wait")
    sizes = [memory["bytes"] for memory in told["memory"]]
    assert sizes == sorted(sizes, reverse=True)
    assert "dict" in {memory["type"] for memory in told["memory"]}
    for part in ("3 requests in progress", "5 wait_for_ever at "):
        assert part in ask()


def test_a_process_that_was_killed_is_passed_over(server: Server) -> None:
    (path,) = inspection.sockets_of(PORT)
    with socket.socket(socket.AF_UNIX) as abandoned:
        abandoned.bind(str(path.with_stem("1")))
    assert len(inspection.sockets_of(PORT)) == 2
    assert report()["requests"] == 3


def test_a_server_that_was_started_without_a_folder_of_its_users_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv(inspection.VARIABLE, str(inspection.make_folder(PORT)))
    with Server().running():
        assert report()["requests"] == 3
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder / "other"))
        assert report()["requests"] == 3


@pytest.mark.parametrize("command", [["debug"], ["debug", "--json"], ["log-level"]])
def test_what_a_terminal_would_obey_is_not_printed(
    command: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    orders = "\x1b]0;owned\x07\x7f\x9b2J\u202e"
    memory = [{"type": orders, "objects": 1, "bytes": 1}]
    report = {"process": 7, "resident_bytes": 1, "requests": 0, "stalls": [], "memory": memory, "tasks": []}
    report["statements"] = []
    answer = json.dumps(report if command[0] == "debug" else orders, ensure_ascii=False)
    with listening(inspection.make_folder(PORT) / "7.socket", [answer.encode()]):
        result = CliRunner().invoke(app, [*command, "--port", str(PORT)])
    assert result.exit_code == 0
    assert "owned" in result.stdout
    assert [character for character in result.output if not character.isprintable() and character != "\n"] == []


@pytest.mark.parametrize("answer", [b"", b"7", b'{"process":"x"}', b'"\xff"', b'{"process":7,"x":' + b"[" * 100_000])
@pytest.mark.parametrize("command", ["debug", "log-level"])
def test_an_answer_that_is_none_is_said_to_be_missing(
    command: str, answer: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    with listening(inspection.make_folder(PORT) / "7.socket", [answer]):
        result = CliRunner().invoke(app, [command, "--port", str(PORT)])
    assert result.exit_code == 1
    assert "These processes do not answer: 7." in result.stderr


def test_what_a_killed_server_left_behind_is_cleared_away_and_what_another_uses_is_not(server: Server) -> None:
    (path,) = inspection.sockets_of(PORT)
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = path.parent.with_name(f"{PORT}-{ended.pid}")
    path.parent.rename(left)
    other = left.with_name(f"{PORT}-1")
    other.mkdir(0o700)
    made = inspection.make_folder(PORT)
    assert not left.exists()
    assert other.exists()
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_a_folder_that_others_may_enter_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    inspection.make_folder(PORT).parent.chmod(0o755)
    with pytest.raises(inspection.Refused):
        inspection.make_folder(PORT)
