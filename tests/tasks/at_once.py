"""Doing things at the same moment."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def together(*works: Callable[[], Result]) -> list[Result]:
    """Do all `works` in threads that start together and return their results in order."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], Result]) -> Result:
        start.wait(10)
        return work()

    with ThreadPoolExecutor(len(works)) as threads:
        return [future.result(60) for future in [threads.submit(run, work) for work in works]]
