"""Bearer tokens: signed JSON Web Tokens (RFC 7519, RFC 8725) with one pinned algorithm and rotating keys.

`kid` names the secret that signed. A token says who it is for; whether its session still lives is not said here.
"""

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt
import msgspec

from taskapi.config import AuthSettings
from taskapi.kit.clock import Clock

ALGORITHM = "HS256"
TYPE = "at+jwt"
LONGEST_TOKEN = 1024
"""Longer ones are refused unread."""


class Claims(msgspec.Struct, frozen=True):
    """What a token says."""

    user_id: UUID
    session_id: UUID
    role: str
    issued_at: datetime
    expires_at: datetime


class TokenInvalid(Exception):
    """The token was not made here, or its time is over."""


class Tokens:
    """Signs and verifies tokens."""

    def __init__(self, settings: AuthSettings, clock: Clock) -> None:
        if settings.jwt_secret is None:
            raise ValueError("JWT_SECRET is not set")
        self._secret = settings.jwt_secret.reveal()
        self._key_id = key_id(self._secret)
        older = {key_id(secret.reveal()): secret.reveal() for secret in settings.jwt_previous_secrets}
        self._secrets = {**older, self._key_id: self._secret}
        self._clock = clock

    def sign(self, claims: Claims) -> str:
        """Return the token that says `claims`."""
        payload = {
            "sub": str(claims.user_id),
            "sid": str(claims.session_id),
            "role": claims.role,
            "iat": int(claims.issued_at.timestamp()),
            "exp": int(claims.expires_at.timestamp()),
        }
        return jwt.encode(payload, self._secret, ALGORITHM, headers={"kid": self._key_id, "typ": TYPE})

    def verify(self, token: str) -> Claims:
        """Return what a genuine token that has not expired says; raises TokenInvalid."""
        if len(token) > LONGEST_TOKEN:
            raise TokenInvalid
        try:
            secret = self._secret_of(_header(token.partition(".")[0]))
            payload = jwt.decode(token, secret, [ALGORITHM], _REQUIRED)
            claims = _claims(payload)
        except (jwt.InvalidTokenError, ValueError, TypeError, ArithmeticError, OSError, RecursionError):
            raise TokenInvalid from None
        if claims.expires_at <= self._clock():
            raise TokenInvalid
        return claims

    def _secret_of(self, header: dict[str, Any]) -> str:
        secret = self._secrets.get(str(header.get("kid")))
        if secret is None or header.get("typ") != TYPE:
            raise jwt.InvalidTokenError
        return secret


_REQUIRED: Any = {"require": ["sub", "sid", "role", "iat", "exp"], "verify_exp": False, "verify_iat": False}
"""Times are compared with our own clock, so that tests can set it."""


def key_id(secret: str) -> str:
    """Return the public name of a secret: it tells secrets apart and reveals nothing of them."""
    return hashlib.sha256(b"task-api key id\0" + secret.encode()).hexdigest()[:12]


@lru_cache(64)
def _header(part: str) -> dict[str, Any]:
    """Return what a token's first part says: all tokens of one secret begin alike, and to read it takes a while."""
    return jwt.get_unverified_header(f"{part}.e30.")


def _claims(payload: dict[str, Any]) -> Claims:
    return Claims(
        user_id=UUID(payload["sub"]),
        session_id=UUID(str(payload["sid"])),
        role=str(payload["role"]),
        issued_at=datetime.fromtimestamp(int(payload["iat"]), UTC),
        expires_at=datetime.fromtimestamp(int(payload["exp"]), UTC),
    )
