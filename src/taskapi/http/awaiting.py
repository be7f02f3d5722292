"""Lets a repeated write wait for its first time, which is about to end as a rule.

nginx sends a keyed write that takes longer than a second and a half to another instance as well; a client that lost its
connection asks again at once. To be told that the write is in progress would help neither. Who waits holds no
connection and no transaction: it looks now and then, and less and less often.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from litestar.types import Receive

PATIENCE_SECONDS = 5.0
"""Then the caller is told; nginx gives an answer twenty."""

OF_A_REQUEST = 1 / 3
"""No more than this part of the time that a request has, so that enough is left to do it after all."""

PLACES = 64
"""Requests of a process that may wait at once; who comes after them is told at once."""

FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.05, 0.5, 1.6
"""Seconds between two looks."""


class Awaiting:
    """The requests of this process that wait."""

    def __init__(self, request_seconds: float) -> None:
        self._request_seconds = request_seconds
        self.number = 0

    @property
    def has_place(self) -> bool:
        """Whether one more may wait."""
        return self.number < PLACES

    @property
    def seconds(self) -> float:
        """How long each of them may."""
        return min(PATIENCE_SECONDS, self._request_seconds * OF_A_REQUEST)


class Caller:
    """Whoever sent a request and may go away while it waits."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._next: asyncio.Task[Any] | None = None

    async def receive(self) -> Any:
        """Return the next message, the one that was listened for first."""
        heard, self._next = self._next, None
        return await (self._receive() if heard is None else heard)

    async def stays(self, seconds: float) -> bool:
        """Wait, and say whether the caller is still there; nothing but its leaving comes after the body."""
        if self._next is None:
            self._next = asyncio.create_task(self._listen())
        done, _ = await asyncio.wait({self._next}, timeout=seconds)
        return not done

    def forget(self) -> None:
        """Listen no longer."""
        if self._next is not None:
            self._next.cancel()

    async def _listen(self) -> Any:
        return await self._receive()


class Wait:
    """The waiting of one request; its time begins with the first pause."""

    def __init__(self, others: Awaiting, caller: Caller) -> None:
        self._others = others
        self._caller = caller
        self._pauses = pauses(others.seconds)

    async def until(self, look: Callable[[], Awaitable[bool]]) -> bool:
        """Return True once `look` does; False if the time is over, all places are taken or the caller goes away."""
        if not self._others.has_place:
            return False
        self._others.number += 1
        try:
            for pause in self._pauses:
                if not await self._caller.stays(pause):
                    return False
                if await look():
                    return True
            return False
        finally:
            self._others.number -= 1


def pauses(seconds: float) -> Iterator[float]:
    """Yield pauses that grow and are never the same for two, until `seconds` are over."""
    ends, longest = time.monotonic() + seconds, FIRST_PAUSE
    while (left := ends - time.monotonic()) > 0:
        yield min(left, random.uniform(longest / 2, longest))  # noqa: S311 - spreads looks and guards nothing
        longest = min(longest * GROWTH, LONGEST_PAUSE)
