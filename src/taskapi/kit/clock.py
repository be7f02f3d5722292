"""The time of day, so that nothing else asks the machine for it and tests can set it."""

from collections.abc import Callable
from datetime import UTC, datetime
from time import time_ns

Clock = Callable[[], datetime]
"""Returns the current time, always in UTC."""


def system_clock() -> datetime:
    """Return the machine's time in UTC, cut to milliseconds (what the API shows and UUIDv7 holds)."""
    milliseconds = time_ns() // 1_000_000
    return datetime.fromtimestamp(milliseconds / 1000, UTC)  # exact: it rounds to the nearest microsecond
