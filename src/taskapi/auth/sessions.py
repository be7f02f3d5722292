"""Sessions: their list and their end. An ended session has no row any more, so it is over on every process at once."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from taskapi.auth import store
from taskapi.auth.model import SEEN_EVERY, Session, SessionMissing
from taskapi.contracts.events import SessionsEnded
from taskapi.contracts.identity import Principal
from taskapi.contracts.sessions import Liveness, Use
from taskapi.kit.database import ReadConnection, Transaction
from taskapi.resources import Resources

NEWEST = UUID(int=(1 << 128) - 1)
"""Before every session when the newest come first."""


class PostgresSessions:
    """Ends people's sessions."""

    async def end_all(self, transaction: Transaction, user_id: UUID, *, keep: UUID | None = None) -> None:
        """End every session of a person, except `keep`."""
        ended = await store.end_sessions(transaction, user_id, keep)
        if ended:
            transaction.emit(SessionsEnded(user_id=user_id, session_ids=tuple(ended), everywhere=True))


class PostgresSessionSource:
    """Tells the gate which sessions live."""

    async def load(self, connection: ReadConnection, user_id: UUID, session_id: UUID) -> Liveness | None:
        """Return what says whether a session is alive; None if it was ended."""
        return await store.find_liveness(connection, user_id, session_id)

    async def note_uses(self, transaction: Transaction, uses: Sequence[Use]) -> None:
        """Store when sessions were last used, at most once a minute each; never waits for a lock."""
        await store.note_uses(transaction, uses, SEEN_EVERY)


async def list_sessions(rooms: Resources, caller: Principal, before: UUID | None, limit: int) -> list[Session]:
    """Return up to `limit` of the caller's sessions that are alive, the newest first, that began before `before`."""
    now = rooms.clock()
    idle_since = now - timedelta(days=rooms.settings.auth.session_idle_days)
    async with rooms.database.read() as connection:
        return await store.page_of_sessions(connection, caller.user_id, before or NEWEST, now, idle_since, limit)


async def log_out(rooms: Resources, caller: Principal) -> None:
    """End the session that the caller uses."""
    async with rooms.database.transaction() as transaction:
        await _end(transaction, caller.user_id, caller.session_id)


async def end_session(rooms: Resources, caller: Principal, session_id: UUID) -> None:
    """End one of the caller's sessions; raises SessionMissing."""
    async with rooms.database.transaction() as transaction:
        if not await _end(transaction, caller.user_id, session_id):
            raise SessionMissing


async def end_all_sessions(rooms: Resources, caller: Principal) -> None:
    """End all of the caller's sessions, this one too."""
    async with rooms.database.transaction() as transaction:
        await rooms.sessions.end_all(transaction, caller.user_id)


async def _end(transaction: Transaction, user_id: UUID, session_id: UUID) -> bool:
    ended = await store.end_session(transaction, user_id, session_id)
    if ended:
        transaction.emit(SessionsEnded(user_id=user_id, session_ids=(session_id,)))
    return ended
