"""Identifiers: UUIDv7 (RFC 9562), which sort by the time they were made."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def new_id(now: datetime) -> UUID:
    """Return a new identifier that carries `now` (millisecond precision) and 74 other bits."""
    milliseconds = (now - EPOCH) // MILLISECOND  # in whole numbers, which nothing rounds
    return UUID(int=milliseconds << 80 | uuid7().int & ((1 << 80) - 1))
