"""Time limits of many tasks that all have the same length, kept with one timer.

A timer for each request costs more than the shortest requests themselves. All limits are equally long, so they end in
the order in which they began, and one timer that looks at the oldest is enough.
"""

import asyncio
from typing import Any

Work = asyncio.Task[Any]


class Deadlines:
    """Cancels each task that is inside for longer than `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: dict[Work, float] = {}
        self._late: set[Work] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, task: Work) -> None:
        """Start the time of a task; every `begin` wants its `end`."""
        loop = task.get_loop()
        self._ends[task] = ends = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_at(ends, self._look, loop)

    def end(self, task: Work) -> bool:
        """Stop the time of a task; say whether it was cancelled for being late, which is thereby taken back."""
        self._ends.pop(task, None)
        if not self._late or task not in self._late:
            return False
        self._late.discard(task)
        task.uncancel()
        return True

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        while self._ends:
            task, ends = next(iter(self._ends.items()))
            if ends > now:
                self._timer = loop.call_at(ends, self._look, loop)
                return
            del self._ends[task]
            self._late.add(task)
            task.cancel()
