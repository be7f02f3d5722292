"""What a transaction tells is told in the order in which it happened."""

from datetime import UTC, datetime
from uuid import UUID

from taskapi.kit.outbox import Event, rows


class Happened(Event, frozen=True):
    """Something."""


def test_rows_sort_as_the_events_happened() -> None:
    now, events = datetime.now(UTC), [Happened(user_id=UUID(int=1))] * 20_000  # some milliseconds pass meanwhile
    ids = rows(events, {}, now)[0]
    assert ids == sorted(set(ids))
