"""The time of day, so that nothing else asks the machine for it and tests can set it."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the current time, always in UTC."""


def system_clock() -> datetime:
    """Return the machine's time in UTC, cut to milliseconds (what the API shows and UUIDv7 holds)."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
