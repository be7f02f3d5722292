"""Runs one application on Granian: `python -m bench.server TARGET PORT [CPU]`, the process pinned to that CPU."""

import os
import resource
import sys

from granian import Granian
from granian.constants import Interfaces, Loops

from taskapi.cli.http_server import connections_within
from taskapi.kit.scheduling import finish_before_waking


def main() -> None:
    """Serve until the process is ended."""
    target, port, *cpus = sys.argv[1], *map(int, sys.argv[2:])
    if cpus:
        os.sched_setaffinity(0, cpus)
    finish_before_waking()
    Granian(
        target,
        factory=True,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        websockets=False,
        backpressure=connections_within(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        log_enabled=True,
    ).serve()


if __name__ == "__main__":
    main()
