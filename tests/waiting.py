"""Waiting for something outside to become so: polled, with a limit, never a fixed pause."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
POLL_SECONDS = 0.02


def eventually(look: Callable[[], Found], seconds: float = 10) -> Found:
    """Return what `look` finds as soon as it is true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(POLL_SECONDS)
    return found
