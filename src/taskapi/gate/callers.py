"""Who a token names: its signature is verified once, and remembered by the token's digest.

A token that was found wrong is never remembered, and a right one only as long as it is valid and this process knows the
secret that signed it – secrets are read when a process starts, so a withdrawn one is gone together with all that was
remembered. Whether the session still lives is not said here.
"""

from collections.abc import Hashable
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from taskapi.http.authentication import bearer_token
from taskapi.kit.clock import Clock
from taskapi.kit.tokens import TokenInvalid, Tokens

REMEMBERED = 10_000
"""Tokens at once, about a kilobyte each."""


class Caller:
    """Whom a token names, and what is worked out once for all requests with it."""

    __slots__ = ("_made", "expires_at", "name", "session_id", "user_id")

    def __init__(self, user_id: UUID, session_id: UUID, expires_at: datetime) -> None:
        self.user_id = user_id
        self.session_id = session_id
        self.expires_at = expires_at
        self.name = str(user_id)
        self._made: dict[Hashable, Any] = {}

    def remembered(self, what: Hashable) -> Any:
        """Return what was made of this caller before, or None."""
        return self._made.get(what)

    def remember(self, what: Hashable, made: Any) -> None:
        """Remember it; `what` is one of few, such as a route."""
        self._made[what] = made


class Callers:
    """Finds the caller that a header names."""

    def __init__(self, tokens: Tokens, clock: Clock) -> None:
        self._tokens = tokens
        self._clock = clock
        self._known: dict[bytes, Caller] = {}

    def find(self, authorization: bytes | None) -> Caller | None:
        """Return the caller of a genuine token that has not expired, else None.

        The digest makes the look-up's time tell nothing about tokens that others hold.
        """
        if authorization is None:
            return None
        digest = sha256(authorization).digest()
        caller = self._known.get(digest)
        if caller is None:
            return self._verified(digest, authorization)
        if caller.expires_at <= self._clock():
            del self._known[digest]
            return None
        return caller

    def _verified(self, digest: bytes, authorization: bytes) -> Caller | None:
        token = bearer_token(authorization)
        if token is None:
            return None
        try:
            claims = self._tokens.verify(token)
        except TokenInvalid:
            return None
        if len(self._known) >= REMEMBERED:
            del self._known[next(iter(self._known))]
        caller = self._known[digest] = Caller(claims.user_id, claims.session_id, claims.expires_at)
        return caller
