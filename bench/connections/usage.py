"""What the programs of this measurement use: all of them are children of this process."""

import contextlib
import os
import re
import time

import msgspec
import psutil

KINDS = {
    "app": re.compile(r"-m taskapi serve|-m bench\.server"),
    "nginx": re.compile(r"nginx: (master|worker)"),
    "load": re.compile(r"-m bench\.connections\.client"),
}
OTHER = "servers"
"""PostgreSQL and Valkey."""


class Usage(msgspec.Struct):
    """CPU seconds since they started and resident memory in bytes, by kind of program; and what the machine did."""

    cpu: dict[str, float]
    memory: dict[str, int]
    busy: float
    """CPU seconds that the machine has worked, for whomever."""
    moment: float


def look() -> Usage:
    """Return what has been used so far."""
    cpu, memory = dict.fromkeys((*KINDS, OTHER), 0.0), dict.fromkeys((*KINDS, OTHER), 0)
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # PostgreSQL's helpers come and go
            kind, used = _kind_of(process), process.cpu_times()
            cpu[kind] += used.user + used.system
            memory[kind] += process.memory_info().rss
    return Usage(cpu, memory, _busy(), time.monotonic())


def load_average() -> float:
    """Return how many threads of the machine wanted to run in the last minute."""
    return os.getloadavg()[0]


def _kind_of(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    return next((kind for kind, mark in KINDS.items() if mark.search(command)), OTHER)


def _busy() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq + times.steal)
