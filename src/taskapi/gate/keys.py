"""The names and the lives of the gate's keys in Redis.

A user's keys carry the id in literal braces, the hash tag of Redis Cluster: what one script call touches lies in one
slot. Every key has a time to live, so nothing that is forgotten stays.
"""

from uuid import UUID

VERSIONS = "versions:{%s}"
"""A hash; lives 24 h after its last use. It may go at any time: a floor never comes back."""

SESSION = "session:{%s}:%s"
"""A copy of a session, or its tombstone."""

LIMIT = "ratelimit:{%s}:%s"
"""A counter; lives until its allowance is whole again."""

SESSION_SECONDS = 3600
TOMBSTONE_SECONDS = 86_400

WRITE_SECONDS = 75
"""How long a write counts as under way if nobody ends it: longer than any transaction may last."""


def versions(user_id: UUID) -> bytes:
    """Return the key of a user's versions."""
    return b"versions:{%b}" % str(user_id).encode()


def session(user_id: UUID, session_id: UUID) -> bytes:
    """Return the key of a session's copy."""
    return b"session:{%b}:%b" % (str(user_id).encode(), str(session_id).encode())


def limit(subject: str, name: str) -> bytes:
    """Return the key of a counter."""
    return b"ratelimit:{%b}:%b" % (subject.encode(), name.encode())
