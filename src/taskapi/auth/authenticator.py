"""Turns a token into a caller: the signature says whose session it names, PostgreSQL whether it still lives."""

import contextlib
from datetime import datetime, timedelta

from taskapi.auth import store
from taskapi.auth.model import SEEN_EVERY
from taskapi.contracts.identity import Principal
from taskapi.errors import Overloaded, Unauthenticated
from taskapi.kit.database import apart
from taskapi.kit.tokens import Claims, TokenInvalid
from taskapi.resources import Resources


class SessionAuthenticator:
    """Finds the session of a token by its primary key, with every request: an ended one is ended everywhere at once."""

    def __init__(self, rooms: Resources) -> None:
        self._rooms = rooms
        self._idle = timedelta(days=rooms.settings.auth.session_idle_days)

    async def __call__(self, token: str) -> Principal:
        """Return the caller, with the role of the session and not of the token; raises Unauthenticated."""
        claims = self._verified(token)
        async with self._rooms.database.read() as connection:
            session = await store.find_liveness(connection, claims.user_id, claims.session_id)
        now = self._rooms.clock()
        if session is None or not session.is_alive(now, self._idle):
            raise Unauthenticated
        if now - session.last_seen_at >= SEEN_EVERY:
            await self._note_use(claims, now)
        return Principal(claims.user_id, claims.session_id, session.role)

    def _verified(self, token: str) -> Claims:
        try:
            return self._rooms.tokens.verify(token)
        except TokenInvalid:
            raise Unauthenticated from None

    async def _note_use(self, claims: Claims, now: datetime) -> None:
        """Note the session's use in a transaction of its own; a database that only reads is no reason to refuse."""
        with apart(), contextlib.suppress(Overloaded):
            async with self._rooms.database.transaction() as transaction:
                await store.note_use(transaction, claims.user_id, claims.session_id, now, now - SEEN_EVERY)
