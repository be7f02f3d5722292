"""Runs one application on Granian, the process pinned to one CPU: `python -m bench.server TARGET PORT CPU`."""

import os
import sys

from granian import Granian
from granian.constants import Interfaces, Loops

from taskapi.kit.scheduling import finish_before_waking


def main() -> None:
    """Serve until the process is ended."""
    target, port, cpu = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    os.sched_setaffinity(0, {cpu})
    finish_before_waking()
    Granian(
        target,
        factory=True,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        websockets=False,
        log_enabled=True,
    ).serve()


if __name__ == "__main__":
    main()
