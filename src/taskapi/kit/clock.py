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
MICROSECONDS = tuple(timedelta(microseconds=number) for number in range(1000))
"""Each request asks for the time more than once; to make a duration, or to take a date apart, costs more than a sum."""


def system_clock() -> datetime:
    """Return the machine's time in UTC, cut to milliseconds (what the API shows and UUIDv7 holds)."""
    return _at(time_ns() // 1_000_000)


def log_clock() -> datetime:
    """Return the machine's time in UTC to the microsecond: lines of a log are put in order by it."""
    milliseconds, rest = divmod(time_ns() // 1000, 1000)
    return _at(milliseconds) + MICROSECONDS[rest]


@lru_cache(1)  # a busy process asks many times a millisecond
def _at(milliseconds: int) -> datetime:
    seconds, rest = divmod(milliseconds, 1000)
    return _second(seconds) + MILLISECONDS[rest]


@lru_cache(1)
def _second(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
