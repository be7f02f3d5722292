"""One instance per data folder: two servers on the same files would destroy them.

The lock is the kernel's (`flock`), so a crash leaves none behind. The guardian inherits it: the folder counts
as in use until the servers of a killed instance have really stopped.
"""

import fcntl
import os
import time
from enum import StrEnum
from pathlib import Path

import psutil

from taskapi.kit.embedded.failures import StartFailed
from taskapi.kit.embedded.leftovers import is_alive

RELEASE_SECONDS = 30
"""How long the servers of an instance that is gone may take to stop."""
POLL_SECONDS = 0.05


class Holder(StrEnum):
    """For what the folder is used."""

    INSTANCE = "instance"
    """Until somebody stops it."""

    COMMAND = "command"
    """For a moment; whoever comes meanwhile waits."""


def acquire(path: Path, holder: Holder = Holder.INSTANCE) -> int:
    """Lock the file for `holder` and return its descriptor; raises `StartFailed` if an instance has it.

    A command, and the servers of an instance that is gone, are given the time to end.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + RELEASE_SECONDS
    while not _locked(descriptor):
        process, kind = holder_of(path)
        if kind is Holder.INSTANCE or time.monotonic() > deadline:
            os.close(descriptor)
            who = f"process {process}" if process else "the servers of an instance that has ended"
            raise StartFailed(f"Another instance ({who}) uses {path.parent}; stop it, or set TASK_API_DATA_DIR.")
        time.sleep(POLL_SECONDS)
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()} {holder}".encode(), 0)
    return descriptor


def release(descriptor: int) -> None:
    """Let go; the folder is free once nobody who inherited the descriptor is left."""
    os.truncate(descriptor, 0)
    os.close(descriptor)


def holder_of(path: Path) -> tuple[int, Holder] | tuple[None, None]:
    """Return the process that took the lock last and for what, if it is still there."""
    try:
        number, kind = path.read_text().split()
        process, holder = psutil.Process(int(number)), Holder(kind)
    except (OSError, ValueError, psutil.NoSuchProcess):
        return None, None
    return (process.pid, holder) if is_alive(process) else (None, None)


def was_killed(path: Path) -> bool:
    """Say whether the last instance ended without letting go, so that a worker of it may still be about to end."""
    return path.exists() and path.stat().st_size > 0 and holder_of(path)[0] is None


def is_held(path: Path) -> bool:
    """Say whether an instance uses the folder now."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _locked(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
