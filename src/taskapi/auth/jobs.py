"""What this domain cleans up in the background, a bounded batch at a time.

Nothing depends on when a job runs: what it deletes has been dead before.
"""

from datetime import datetime, timedelta
from uuid import UUID

from taskapi.auth import attempt_store, store
from taskapi.auth.model import KNOWN_ADDRESS_DAYS
from taskapi.contracts.events import SessionsEnded
from taskapi.kit.database import Transaction
from taskapi.resources import Resources

SESSIONS_AT_ONCE = 100
"""And so no more people than that: a transaction may touch at most 100."""

ROWS_AT_ONCE = 1000


async def purge_expired_sessions(rooms: Resources) -> int:
    """Delete sessions whose absolute end has come."""
    async with rooms.database.transaction() as transaction:
        return _told(transaction, await store.purge_expired(transaction, rooms.clock(), SESSIONS_AT_ONCE))


async def purge_idle_sessions(rooms: Resources) -> int:
    """Delete sessions that were not used for too long."""
    idle_since = _ago(rooms, days=rooms.settings.auth.session_idle_days)
    async with rooms.database.transaction() as transaction:
        return _told(transaction, await store.purge_idle(transaction, idle_since, SESSIONS_AT_ONCE))


async def purge_attempts(rooms: Resources) -> int:
    """Forget attempts that do not count any more."""
    async with rooms.database.transaction() as transaction:
        return await attempt_store.purge(transaction, rooms.clock(), ROWS_AT_ONCE)


async def purge_known_addresses(rooms: Resources) -> int:
    """Forget addresses that their people have left."""
    async with rooms.database.transaction() as transaction:
        return await store.purge_addresses(transaction, _ago(rooms, days=KNOWN_ADDRESS_DAYS), ROWS_AT_ONCE)


async def purge_kept_answers(rooms: Resources) -> int:
    """Delete answers kept under an Idempotency-Key for long enough."""
    kept_since = _ago(rooms, hours=rooms.settings.tasks.idempotency_hours)
    async with rooms.database.transaction() as transaction:
        return await store.purge_kept_answers(transaction, kept_since, ROWS_AT_ONCE)


JOBS = (
    purge_expired_sessions,
    purge_idle_sessions,
    purge_attempts,
    purge_known_addresses,
    purge_kept_answers,
)


def _told(transaction: Transaction, ended: list[tuple[UUID, UUID]]) -> int:
    for user_id, session_id in ended:
        transaction.emit(SessionsEnded(user_id=user_id, session_ids=(session_id,)))
    return len(ended)


def _ago(rooms: Resources, *, days: int = 0, hours: int = 0) -> datetime:
    return rooms.clock() - timedelta(days=days, hours=hours)
