"""What must hold between the program and its worker processes, however they are made and however the program ends.

A killed parent can tell nobody. Each worker therefore looks once in a while whether it has been handed to another
parent, which is how every Unix shows it, and then stops itself: politely first, so that requests in flight get an
answer, then by force. And a forked worker must not inherit what means something by being open in one process only.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "TASKAPI_PARENT"
"""Holds the parent's process id; set by `serve` for its workers. Not a setting: nobody else has a reason to set it."""
POLL_SECONDS = 0.2
GRACE_SECONDS = 2.5
_private: set[int] = set()


def exit_when_orphaned() -> None:
    """Watch from a thread of its own; does nothing unless the environment names the parent."""
    parent = os.environ.get(VARIABLE, "")
    if parent.isdigit():
        threading.Thread(target=_watch, args=(int(parent),), name="parent-watch", daemon=True).start()


@contextmanager
def kept_from_workers(descriptor: int) -> Iterator[None]:
    """Have the descriptor closed in every process that is forked during the block; a spawned one never has it."""
    _private.add(descriptor)
    try:
        yield
    finally:
        _private.discard(descriptor)


def _close_private() -> None:
    while _private:
        os.close(_private.pop())


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


os.register_at_fork(after_in_child=_close_private)
