"""Valkey: how it is started, and when it is ready.

Nothing in it is the truth, so it writes nothing to disk. Its memory is bounded, and it gives up only what has
a time to live anyway (`volatile-lru`): copies of sessions and answers go, streams of events stay.
"""

import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from taskapi.kit.embedded.account import Account
from taskapi.kit.embedded.failures import StartFailed
from taskapi.kit.embedded.guard import ServerPlan
from taskapi.kit.embedded.programs import Program

SOCKET_NAME = "valkey.sock"
MEMORY = "256mb"
READY_SECONDS = 30
POLL_SECONDS = 0.02
SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "protected-mode": "yes",
    "daemonize": "no",
    "save": "",
    "appendonly": "no",
    "maxmemory": MEMORY,
    "maxmemory-policy": "volatile-lru",
    "loglevel": "warning",
}

MALLOC = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=512"}
"""A script frees more pieces of one size than the few that glibc keeps at hand by default (7 in Debian 12); to look for
others took an eighth of what a question costs."""


def plan(program: Program, folder: Path, sockets: Path, log: Path, account: Account | None) -> ServerPlan:
    """Say how the guardian starts and stops the server."""
    settings = SETTINGS | {"unixsocket": str(sockets / SOCKET_NAME), "dir": str(folder)}
    return ServerPlan(
        name=program.product,
        description=f"{program.product} {program.version} from {program.origin}",
        command=[str(program.executable), *(part for name, value in settings.items() for part in (f"--{name}", value))],
        folder=str(folder),
        log=str(log),
        account=account,
        stops=[(signal.SIGTERM, 10), (signal.SIGKILL, 5)],
        environment=MALLOC,
    )


def url(sockets: Path) -> str:
    """Return the URL of the server behind the socket in `sockets`."""
    return f"unix://{sockets / SOCKET_NAME}"


def wait(sockets: Path, check: Callable[[], None]) -> None:
    """Return when the server answers; `check` raises if the wait has become pointless."""
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(sockets / SOCKET_NAME):
        check()
        if time.monotonic() > deadline:
            raise StartFailed(f"Valkey did not come up within {READY_SECONDS} seconds.")
        time.sleep(POLL_SECONDS)


def _answers(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False
