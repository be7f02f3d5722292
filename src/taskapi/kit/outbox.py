"""The outbox: what happened is written in the same transaction as the change, so that neither exists alone.

Each row also names the fields of its user whose cached answers it outdates. Nothing here sends anything anywhere.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from taskapi.kit.ids import new_id

INSERT_EVENTS = """
INSERT /* outbox.insert */ INTO outbox (id, user_id, event, payload, fields)
SELECT id, user_id, event, payload::jsonb, string_to_array(fields, ',')
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[]) AS row (id, user_id, event, payload, fields)
"""
"""Takes the five columns that `rows` returns."""

TOUCHED = "VersionsTouched"
"""The event of a user whose fields a transaction touched without anything that happened to tell of."""


class Event(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that happened to one user's data, in the past tense; carries ids, never text that people wrote."""

    user_id: UUID


def rows(
    events: Sequence[Event], touched: Mapping[UUID, frozenset[str]], now: datetime
) -> tuple[list[UUID], list[UUID], list[str], list[str], list[str]]:
    """Return the columns of the outbox rows for one transaction's `events` and `touched` fields by user."""
    told = {event.user_id for event in events}
    named = [(event.user_id, type(event).__name__, msgspec.json.encode(event).decode()) for event in events]
    named += [(user_id, TOUCHED, "{}") for user_id in touched if user_id not in told]
    return (
        sorted(new_id(now) for _ in named),  # their order is that of the events
        [user_id for user_id, _, _ in named],
        [name for _, name, _ in named],
        [payload for _, _, payload in named],
        [",".join(sorted(touched.get(user_id, ()))) for user_id, _, _ in named],
    )
