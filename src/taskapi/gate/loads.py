"""Loads that several requests share: whoever asks for the same answer at the same version waits for one load.

A load is a task of its own: whoever began it may go away without harm to the others. What comes out of it, an answer or
a failure, is everybody's – if the database is in trouble, a crowd that each tried again would be the next trouble.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from taskapi.errors import Overloaded
from taskapi.kit.tasks import look_at

Loaded = TypeVar("Loaded")


class Loads(Generic[Loaded]):
    """The loads in progress, at most `most`, each for at most `seconds`."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._running: dict[Hashable, asyncio.Task[Loaded]] = {}

    async def share(self, key: Hashable, load: Callable[[], Awaitable[Loaded]]) -> Loaded:
        """Return what the load in progress brings, or begin one; raises what it raises, and Overloaded."""
        task = self._running.get(key)
        if task is None:
            if len(self._running) >= self._most:
                raise Overloaded
            task = self._running[key] = asyncio.create_task(self._in_time(load))
            task.add_done_callback(look_at)
            task.add_done_callback(lambda _: self._running.pop(key))
        return await asyncio.shield(task)

    async def _in_time(self, load: Callable[[], Awaitable[Loaded]]) -> Loaded:
        async with asyncio.timeout(self._seconds):
            return await load()
