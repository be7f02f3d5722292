"""Time limits of many tasks that all have the same length, kept with one timer.

A timer for each request costs more than the shortest requests themselves. All limits are equally long, so they end in
the order in which they began, and one timer that looks at the oldest is enough.
"""

import asyncio
from time import perf_counter
from typing import Any

from taskapi.kit.clock import TIMER_SECONDS

Work = asyncio.Task[Any]


class Deadlines:
    """Cancels each task that is inside for longer than `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._begun: dict[Work, float] = {}
        self._late: set[Work] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, task: Work, now: float) -> None:
        """Start the time of a task, `now` on the clock of `perf_counter`; every `begin` wants its `end`."""
        self._begun[task] = now
        if self._timer is None:
            loop = task.get_loop()
            self._timer = loop.call_later(self._seconds, self._look, loop)

    def end(self, task: Work) -> None:
        """Stop the time of a task; if it was cancelled for being late after all, that is taken back."""
        self._begun.pop(task, None)
        if self._late:
            self.take_back(task)

    def take_back(self, task: Work) -> bool:
        """Take back that a task was cancelled for being late; say whether it was, and only for that."""
        if task not in self._late:
            return False
        self._late.discard(task)
        return task.uncancel() == 0

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = perf_counter()
        while self._begun:
            task, begun = next(iter(self._begun.items()))
            if begun + self._seconds > now:
                self._timer = loop.call_later(max(begun + self._seconds - now, TIMER_SECONDS), self._look, loop)
                return
            del self._begun[task]
            self._late.add(task)
            task.cancel()
