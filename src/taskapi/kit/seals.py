"""Seals: short signatures (HMAC-SHA-256) over things that leave us and come back, such as cursors.

Each purpose has its own key, derived from the token secret, so that a seal for one thing is worth nothing for
another. Seals of previous secrets are still accepted.
"""

import base64
import binascii
import hashlib
import hmac

from taskapi.config import AuthSettings

SEAL_BYTES = 16


class SealBroken(Exception):
    """The text was not sealed here for this purpose, or was changed since."""


class Seals:
    """Seals and opens for one purpose."""

    def __init__(self, settings: AuthSettings, purpose: str) -> None:
        if settings.jwt_secret is None:
            raise ValueError("JWT_SECRET is not set")
        secrets = (settings.jwt_secret, *settings.jwt_previous_secrets)
        self._keys = [_derived(secret.reveal(), purpose) for secret in secrets]

    def digest(self, *parts: bytes) -> bytes:
        """Return 32 bytes that stand for `parts` and tell nobody without the secret anything about them."""
        return hmac.digest(self._keys[0], _joined(parts), "sha256")

    def recognizes(self, digest: bytes, *parts: bytes) -> bool:
        """Say whether `digest` stands for `parts`, under this secret or a previous one."""
        joined = _joined(parts)
        return any(hmac.compare_digest(digest, hmac.digest(key, joined, "sha256")) for key in self._keys)

    def seal(self, content: bytes, *bound: bytes) -> str:
        """Return `content`, readable and sealed, as URL-safe text; it opens only with the same `bound` parts."""
        mark = self._mark(self._keys[0], content, bound)
        return _written(mark + content)

    def open(self, text: str, *bound: bytes) -> bytes:
        """Return the content of a sealed text; raises SealBroken."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise SealBroken from None
        if _written(raw) != text:  # the same bytes have several spellings, of which we made one
            raise SealBroken
        mark, content = raw[:SEAL_BYTES], raw[SEAL_BYTES:]
        if not any(hmac.compare_digest(mark, self._mark(key, content, bound)) for key in self._keys):
            raise SealBroken
        return content

    @staticmethod
    def _mark(key: bytes, content: bytes, bound: tuple[bytes, ...]) -> bytes:
        return hmac.digest(key, _joined((content, *bound)), "sha256")[:SEAL_BYTES]


def _written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _derived(secret: str, purpose: str) -> bytes:
    return hmac.digest(secret.encode(), b"task-api " + purpose.encode(), hashlib.sha256)


def _joined(parts: tuple[bytes, ...]) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
