"""Ends servers that survived their guardian: someone killed that too.

Only called while the data folder's lock is held, when nobody else can have a right to run servers there. A
process is taken for a leftover by its program's name *and* its working folder, never by a number in a file:
numbers are reused.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

import psutil

from taskapi.kit.embedded.failures import StartFailed

POLITE_SECONDS = 20
FORCED_SECONDS = 5
POLL_SECONDS = 0.02
PROGRAMS = frozenset({"postgres", "initdb", "valkey-server", "redis-server"})


def stop_leftovers(folder: Path, how: signal.Signals) -> None:
    """End every server that works in `folder`, first with the signal `how`; raises `StartFailed` if one stays."""
    found = [process for process in psutil.process_iter(["name"]) if _works_in(process, folder)]
    numbers = {process.pid for process in found}
    for process in found:
        with contextlib.suppress(psutil.Error):
            if process.ppid() not in numbers:  # the others are children, which their server ends itself
                process.send_signal(how)
    for process in _alive_after(POLITE_SECONDS, found):
        with contextlib.suppress(psutil.Error):
            process.kill()
    if alive := _alive_after(FORCED_SECONDS, found):
        raise StartFailed(f"Process {alive[0].pid} still works in {folder} and cannot be stopped.")


def is_alive(process: psutil.Process) -> bool:
    """Say whether the process still runs; a dead one that nobody has reaped yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _alive_after(seconds: float, processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return those that still run; waits no longer than needed."""
    deadline = time.monotonic() + seconds
    while (alive := [process for process in processes if is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return alive


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.info["name"] in PROGRAMS and process.cwd() == os.path.realpath(folder)
    except psutil.Error:
        return False
