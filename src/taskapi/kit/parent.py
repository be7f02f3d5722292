"""Lets a child process notice that the program that started it is gone.

A killed parent can tell nobody. Each worker therefore looks once in a while whether it has been handed to
another parent, which is how every Unix shows it, and then stops itself: politely first, so that requests in
flight get an answer, then by force.
"""

import os
import signal
import threading
import time

import psutil

VARIABLE = "TASKAPI_PARENT"
"""Holds the parent's process id; set by `serve` for its workers. Not a setting: nobody else has a reason to set it."""
POLL_SECONDS = 0.2
GRACE_SECONDS = 2.5


def is_orphan(process: psutil.Process) -> bool:
    """Say whether `process` is such a worker and its parent is gone, so that it is about to stop by itself."""
    try:
        parent = process.environ().get(VARIABLE, "")
        return parent.isdigit() and process.ppid() != int(parent)
    except psutil.Error:
        return False


def exit_when_orphaned() -> None:
    """Watch from a thread of its own; does nothing unless the environment names the parent."""
    parent = os.environ.get(VARIABLE, "")
    if parent.isdigit():
        threading.Thread(target=_watch, args=(int(parent),), name="parent-watch", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)
