"""The whole program as a person runs it: `task-api serve` in a process of its own, on its own data folder and port."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from taskapi.config import variables
from taskapi.kit.embedded.leftovers import is_alive
from tests.plain import NO_TLS
from tests.privacy import assert_private
from tests.waiting import eventually

READY_SECONDS = 60
STOP_SECONDS = 40


class Launched:
    """One running `task-api serve`."""

    def __init__(self, folder: Path, *, port: int | None = None, host: str = "127.0.0.1", **settings: str) -> None:
        """`folder` is the data folder; `settings` are further variables."""
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://{host}:{self.port}"
        self._metrics_url = _metrics_url(settings)
        self._log = folder.with_name(f"{folder.name}-{self.port}")
        self._log.mkdir(exist_ok=True)
        with (self._log / "out").open("wb") as out, (self._log / "err").open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "taskapi", "serve"],
                env=environment(folder) | {"PORT": str(self.port), "TASK_API_HOST": host} | settings,
                cwd=self._log,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,  # a terminal would give it a process group of its own as well
            )

    def __enter__(self) -> "Launched":
        """Give itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        """Stop it if nobody has, and see that it logged nothing private."""
        if self.process.poll() is None:
            if kind is None and self._metrics_url:
                with contextlib.suppress(httpx.TransportError):  # it may stand still, or have found its port taken
                    assert_private(httpx.get(self._metrics_url, timeout=3, verify=NO_TLS).text, "a page of metrics")
            self.end()
        if kind is None and (self._log / "out").is_file():
            assert_private(self.out)

    @property
    def out(self) -> str:
        """What it wrote for machines."""
        return (self._log / "out").read_text()

    @property
    def err(self) -> str:
        """What it wrote for people."""
        return (self._log / "err").read_text()

    def until_ready(self) -> "Launched":
        """Return when it says that it is ready."""
        eventually(lambda: "is ready" in self.err or self.process.poll() is not None, READY_SECONDS)
        assert self.process.poll() is None, self.err
        return self

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Ask it something on a new connection."""
        return httpx.request(method, self.url + path, timeout=10, verify=NO_TLS, **arguments)

    def status(self, path: str) -> int:
        """Return the status of an answer; 0 if there is none."""
        try:
            return self.request("GET", path).status_code
        except httpx.TransportError:
            return 0

    def processes(self) -> list[psutil.Process]:
        """All that belongs to it."""
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    @property
    def worker(self) -> psutil.Process:
        """The process that answers requests."""
        return self.workers[0]

    @property
    def workers(self) -> list[psutil.Process]:
        """The processes that take connections."""
        return [process for process in self.processes()[1:] if _listens(process)]

    def child(self, part: str) -> psutil.Process:
        """Return the process whose command line holds `part`."""
        return next(process for process in self.processes()[1:] if part in " ".join(process.cmdline()))

    def kill(self) -> None:
        """`kill -9` all of it."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(STOP_SECONDS)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let none of it make a step."""
        family = self.processes()
        try:
            for process in family:
                process.suspend()
            yield
        finally:
            for process in reversed(family):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal and return its exit status."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def started(folder: Path, **arguments: Any) -> Iterator[Launched]:
    """A program that is ready, and is gone after the block."""
    with Launched(folder, **arguments) as program:
        yield program.until_ready()


def environment(folder: Path) -> dict[str, str]:
    """This process's environment without any of the program's settings, but with its data folder."""
    known = {variable.name for variable in variables()}
    own = {"TASK_API_DATA_DIR": str(folder), "TASK_API_METRICS_PORT": "0"}
    return {name: value for name, value in os.environ.items() if name not in known} | own


def free_port() -> int:
    """Return a port that nobody uses at the moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def gone(processes: list[psutil.Process]) -> bool:
    """Whether none of them is left."""
    return not any(is_alive(process) for process in processes)


def _metrics_url(settings: dict[str, str]) -> str:
    """Return where a program with these settings shows its metrics; empty if it shows none."""
    port = settings.get("TASK_API_METRICS_PORT", "0")
    return "" if port == "0" else f"http://{settings.get('TASK_API_METRICS_HOST', '127.0.0.1')}:{port}/metrics"


def _listens(process: psutil.Process) -> bool:
    try:
        return any(line.status == psutil.CONN_LISTEN for line in process.net_connections("tcp"))
    except psutil.NoSuchProcess:
        return False
