"""Takes the port before anything is started, and keeps it taken while the workers come and go.

Granian's workers share the port (SO_REUSEPORT), which would let a second server of the same user slip in beside
the first and answer half of its requests. So the port is first taken the ordinary way, which fails if anyone has
it.
"""

import contextlib
import errno
import socket
import time
from collections.abc import Iterator
from typing import Any

import psutil

from taskapi.kit.embedded.failures import StartFailed
from taskapi.kit.parent import kept_from_workers

POLL_SECONDS = 0.05
REASONS = {
    errno.EACCES: "may not be opened by this user; set PORT to one above 1023",
    errno.EADDRNOTAVAIL: "cannot be opened: the address is not this machine's; set TASK_API_HOST to one that is",
}


@contextlib.contextmanager
def reserved(host: str, port: int, *, patience: float = 0) -> Iterator[str]:
    """Hold the port for the length of the block and give the host as a number; raises `StartFailed`.

    `patience` is how many seconds somebody who has it gets to leave.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror:
        raise StartFailed(f"TASK_API_HOST: there is no address for {host!r}.") from None
    try:
        shared = _take_in_time(family, kind, address, patience)
    except OSError as error:
        raise StartFailed(f"Port {port} on {host} {_reason(error, port)}.") from None
    with shared, kept_from_workers(shared.fileno()):
        yield str(address[0])


def _take_in_time(family: int, kind: int, address: Any, patience: float) -> socket.socket:
    deadline = time.monotonic() + patience
    while True:
        try:
            return _take(family, kind, address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise
        time.sleep(POLL_SECONDS)


def _take(family: int, kind: int, address: Any) -> socket.socket:
    with socket.socket(family, kind) as alone:
        alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections linger
        alone.bind(address)
        alone.listen(1)  # two may be bound with SO_REUSEADDR, but only one may listen
    shared = socket.socket(family, kind)
    try:
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shared.bind(address)  # never listens, so that connections go to the workers
    except OSError:
        shared.close()
        raise
    return shared


def _reason(error: OSError, port: int) -> str:
    if error.errno != errno.EADDRINUSE:
        return REASONS.get(error.errno or 0, f"cannot be opened ({error.strerror})")
    holder = _holder(port)
    who = f" by process {holder.pid} ({holder.name()})" if holder else ""
    return f"is taken{who}; is task-api running already? Stop what uses it, or set PORT to another"


def _holder(port: int) -> psutil.Process | None:
    """Return the process that listens on the port, if this user may know."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            listening = connection.status == psutil.CONN_LISTEN and connection.pid
            if listening and connection.laddr and connection.laddr.port == port:
                return psutil.Process(connection.pid)
    return None
