"""The server processes under test: three, each with a way of its own to Valkey, to be killed, frozen and started."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psutil

from taskapi.config import variables
from tests.chaos.links import Link
from tests.chaos.people import Features
from tests.chaos.wire import NoAnswer, connect, request_bytes
from tests.system.launch import free_port

READY_SECONDS = 120
STOP_SECONDS = 30
READY = "/api/health/ready"


class Target(msgspec.Struct, frozen=True):
    """What is under test."""

    name: str
    command: tuple[str, ...]
    settings: dict[str, str]
    features: Features = Features()


TASK_API = Target(
    "task-api",
    ("-m", "taskapi", "serve"),
    {"TASK_API_LOG_FORMAT": "json", "LOG_LEVEL": "warning", "TASK_API_PASSWORD_THREADS": "1"},
)
GUIDE_WAY = Target(
    "guide-way",
    ("-m", "bench.guide_way"),
    {},
    Features(conditional=False, filters=False, summary=False, churn=False, sessions=False),
)
TARGETS = {target.name: target for target in (TASK_API, GUIDE_WAY)}


class Server:
    """One server process, with all that it starts."""

    def __init__(self, number: int, target: Target, folder: Path, link: Link, settings: dict[str, str]) -> None:
        self.number = number
        self.link = link
        self.port = free_port()
        self.folder = folder / f"server-{number}"
        self.folder.mkdir()
        self._command = [sys.executable, *target.command]
        ours = {"PORT": str(self.port), "REDIS_URL": f"redis://127.0.0.1:{link.port}/0"}
        ours |= {"TASK_API_DATA_DIR": str(self.folder / "data"), "TASK_API_METRICS_PORT": "0"}
        known = {variable.name for variable in variables()}
        inherited = {name: value for name, value in os.environ.items() if name not in known}
        self._environment = inherited | {"TASK_API_RATE_LIMIT": "0"} | target.settings | settings | ours
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; what it says is added to its log."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        """Whether its first process is there."""
        return self._process is not None and self._process.poll() is None

    def processes(self) -> list[psutil.Process]:
        """All that belongs to it, the first process first; empty if it is gone."""
        if self._process is None or self._process.poll() is not None:
            return []
        first = psutil.Process(self._process.pid)
        return [first, *first.children(recursive=True)]

    def worker(self) -> psutil.Process | None:
        """The process that answers requests, if one is there."""
        for process in reversed(self.processes()):
            with contextlib.suppress(psutil.Error):
                if any(line.status == psutil.CONN_LISTEN for line in process.net_connections("tcp")):
                    return process
        return None

    def kill(self) -> None:
        """`kill -9` all of it."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if self._process is not None:
            self._process.wait(STOP_SECONDS)

    def freeze(self) -> list[psutil.Process]:
        """Stop its clock and return the processes to be resumed."""
        frozen = self.processes()
        for process in frozen:
            process.suspend()
        return frozen

    async def is_ready(self) -> bool:
        """Whether requests may be sent to it."""
        try:
            connection = await connect(self.port, 1)
        except NoAnswer:
            return False
        try:
            return (await connection.exchange(request_bytes("GET", READY, {}), 2)).status == 200
        except NoAnswer:
            return False
        finally:
            connection.abort()

    async def until_ready(self) -> None:
        """Return when it can be used; it is started again if it ended, as a supervisor would."""
        async with asyncio.timeout(READY_SECONDS):
            while not await self.is_ready():
                if not self.is_running:
                    self.start()
                await asyncio.sleep(0.05)

    def stop(self) -> None:
        """End it, politely first."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()


class Fleet:
    """All servers; gone after the block."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self.servers = list(servers)

    @property
    def ports(self) -> list[int]:
        """Where they listen."""
        return [server.port for server in self.servers]

    def __enter__(self) -> "Fleet":
        for server in self.servers:
            server.start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self.servers:
            server.stop()

    async def until_ready(self) -> None:
        """Return when all of them can be used."""
        await asyncio.gather(*(server.until_ready() for server in self.servers))
