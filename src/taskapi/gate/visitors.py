"""What this process remembers of sessions that it saw lately, so that keys and copies are not made anew each time.

Nothing here is trusted: each request's trip says whether the session is alive.
"""

from datetime import UTC, datetime
from uuid import UUID

from taskapi.contracts.identity import Principal, Role
from taskapi.contracts.sessions import Liveness
from taskapi.gate import keys
from taskapi.gate.nodes import slot_of

MOST = 8192
"""Visitors; the one that came first is forgotten first."""


class Visitor:
    """A session, its keys, and its copy as it was last read."""

    __slots__ = (
        "_copy",
        "_limits",
        "keys",
        "liveness",
        "noted_at",
        "principal",
        "session_id",
        "slot",
        "subject",
        "user_id",
    )

    def __init__(self, user_id: UUID, session_id: UUID) -> None:
        self.user_id = user_id
        self.session_id = session_id
        self.subject = str(user_id)
        self.keys = (keys.versions(user_id), keys.session(user_id, session_id))
        self.slot = slot_of(self.keys[0])
        self.noted_at = 0.0
        """When the session's use was last noted, as a timestamp."""
        self.principal: Principal | None = None
        self.liveness: Liveness | None = None
        self._copy = b""
        self._limits: dict[str, bytes] = {}

    def limit(self, name: str) -> bytes:
        """Return the key of a counter of this user."""
        key = self._limits.get(name)
        if key is None:
            key = self._limits[name] = keys.limit(self.subject, name)
        return key

    def read(self, copy: bytes) -> Liveness:
        """Take a session's copy from Redis and return what it says; `principal` is the caller then."""
        if copy != self._copy or self.liveness is None:
            role, seen, expires = copy.decode().split()
            self.take(Liveness(role=Role(role), last_seen_at=_moment(seen), expires_at=_moment(expires)))
            self._copy = copy
        assert self.liveness is not None
        return self.liveness

    def take(self, liveness: Liveness) -> None:
        """Take what PostgreSQL or a copy says of the session."""
        self.liveness, self._copy = liveness, b""
        self.principal = Principal(self.user_id, self.session_id, liveness.role)
        self.noted_at = max(self.noted_at, liveness.last_seen_at.timestamp())


class Visitors:
    """A bounded memory."""

    def __init__(self) -> None:
        self._known: dict[UUID, Visitor] = {}

    def find(self, user_id: UUID, session_id: UUID) -> Visitor:
        """Return the visitor, as remembered or new."""
        found = self._known.get(session_id)
        if found is None or (found.user_id is not user_id and found.user_id != user_id):
            if len(self._known) >= MOST:
                del self._known[next(iter(self._known))]
            found = self._known[session_id] = Visitor(user_id, session_id)
        return found


def copy_of(liveness: Liveness) -> bytes:
    """Return what Redis keeps of a session."""
    return f"{liveness.role} {_milliseconds(liveness.last_seen_at)} {_milliseconds(liveness.expires_at)}".encode()


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _moment(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
