"""Who a token names: its signature is verified once, and remembered by the header that brought it.

To look one up tells nothing about those of others: a table compares keyed hashes of 64 bits (SipHash, with a key that
each process draws when it starts, unless PYTHONHASHSEED names one) and looks at the texts only where these are equal. A
token that was found wrong is never remembered, and a right one only as long as it is valid and this process knows the
secret that signed it – secrets are read when a process starts, so a withdrawn one is gone together with all that was
remembered. Whether the session still lives is not said here.
"""

from datetime import datetime
from sys import intern
from uuid import UUID

from taskapi.http.authentication import bearer_token
from taskapi.kit.clock import Clock
from taskapi.kit.remembered import Remembered
from taskapi.kit.tokens import LONGEST_TOKEN, TokenInvalid, Tokens

LONGEST = len(b"Bearer ") + LONGEST_TOKEN
"""Bytes of a header that is looked for."""

REMEMBERED = 16_384
"""Tokens that were used last: as many as people hold connections to one instance, or each would be verified anew."""


class Caller:
    """Whom a token names."""

    __slots__ = ("expires_at", "header", "name", "role", "session_id", "user_id")

    def __init__(self, header: bytes, user_id: UUID, session_id: UUID, expires_at: datetime, role: str) -> None:
        self.header = header
        """What brought the token."""
        self.user_id = user_id
        self.session_id = session_id
        self.expires_at = expires_at
        self.name = str(user_id)
        self.role = intern(role)
        """As the token says; what counts is the session's."""


class Callers:
    """Finds the caller that a header names."""

    def __init__(self, tokens: Tokens, clock: Clock) -> None:
        self._tokens = tokens
        self.clock = clock
        self._known: Remembered[bytes, Caller] = Remembered(REMEMBERED)

    def find(self, authorization: bytes | None) -> Caller | None:
        """Return the caller of a genuine token that has not expired, else None."""
        if authorization is None or len(authorization) > LONGEST:
            return None
        caller = self._known.find(authorization)
        if caller is None:
            return self._verified(authorization)
        if caller.expires_at <= self.clock():
            self._known.forget(authorization)
            return None
        return caller

    def _verified(self, authorization: bytes) -> Caller | None:
        token = bearer_token(authorization)
        if token is None:
            return None
        try:
            claims = self._tokens.verify(token)
        except TokenInvalid:
            return None
        caller = Caller(authorization, claims.user_id, claims.session_id, claims.expires_at, claims.role)
        self._known.keep(authorization, caller)
        return caller
