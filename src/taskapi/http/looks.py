"""Looks at what the API needs. Nothing limits probes, so however many come, they share one look a second."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Generic, Literal, NamedTuple, TypeVar

import msgspec

from taskapi.kit.tasks import look_at

Check = Callable[[], Awaitable[object]]
"""Raises if something is wrong."""

Found = TypeVar("Found")

CHECK_SECONDS = 2
SHARED_SECONDS = 1.0

State = Annotated[Literal["healthy", "unhealthy"], msgspec.Meta(description="Whether the service answers.")]


class Finding(NamedTuple):
    """How a service was when it was looked at."""

    state: State
    milliseconds: float | None
    """Until it answered; None if it did not."""


class Shared(Generic[Found]):
    """Asks something at most once in `seconds`, for all who want to know meanwhile."""

    def __init__(
        self, ask: Callable[[], Awaitable[Found]], seconds: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._now = now
        self._asked_at = 0.0
        self._answer: tuple[Found] | None = None
        self._running: asyncio.Task[Found] | None = None

    async def answer(self) -> Found:
        """Return what was found last, if that was asked lately; else ask, or wait with those who do."""
        if self._running is None or self._running.done():
            now = self._now()
            if self._answer is not None and now - self._asked_at < self._seconds:
                return self._answer[0]
            self._asked_at = now
            self._running = asyncio.create_task(self._asked())
            self._running.add_done_callback(look_at)
        return await asyncio.shield(self._running)

    async def _asked(self) -> Found:
        found = await self._ask()
        self._answer = (found,)
        return found


class Look(Shared[Finding]):
    """How one service is, at most a second old when it is told."""

    def __init__(self, check: Check, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(lambda: _finding(check), SHARED_SECONDS, now)

    async def state(self) -> State:
        """Return whether it answers."""
        return (await self.answer()).state


async def _finding(check: Check) -> Finding:
    begun = time.perf_counter()
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except Exception:
        return Finding("unhealthy", None)
    return Finding("healthy", round((time.perf_counter() - begun) * 1000, 2))
