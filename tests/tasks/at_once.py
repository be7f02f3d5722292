"""Doing things at the same moment."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

WAIT_SECONDS = 200
"""For all of it; on a busy machine a thousand requests take their time."""


def together(*works: Callable[[], Result]) -> list[Result]:
    """Do all `works` in threads that start together and return their results in order."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], Result]) -> Result:
        start.wait(60)
        return work()

    with ThreadPoolExecutor(len(works)) as threads:
        return [future.result(WAIT_SECONDS) for future in [threads.submit(run, work) for work in works]]
