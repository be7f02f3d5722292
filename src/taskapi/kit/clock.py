"""The time of day, so that nothing else asks the machine for it and tests can set it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from time import time_ns

Clock = Callable[[], datetime]
"""Returns the current time, always in UTC."""

TIMER_SECONDS = 0.001
"""What a timer of the event loop can tell apart; a shorter one does not wait at all."""


MILLISECONDS = tuple(timedelta(milliseconds=number) for number in range(1000))


def system_clock() -> datetime:
    """Return the machine's time in UTC, cut to milliseconds (what the API shows and UUIDv7 holds)."""
    return _at(time_ns() // 1_000_000)


@lru_cache(1)  # a busy process asks many times a millisecond
def _at(milliseconds: int) -> datetime:
    second, rest = divmod(milliseconds, 1000)
    return _second(second) + MILLISECONDS[rest]


@lru_cache(1)  # to take a date apart costs more than all else here
def _second(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
