"""What this process remembers of sessions that it saw lately, so that keys and copies are not made anew each time.

Nothing here is trusted: each request's trip says whether the session is alive.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from taskapi.contracts.identity import Principal, Role
from taskapi.contracts.sessions import Liveness
from taskapi.gate import keys
from taskapi.gate.slots import slot_of
from taskapi.kit.remembered import Remembered

MOST = 16_384
"""Visitors that came lately."""

SEEN = timedelta(minutes=1)
"""How often the use of a session is noted at most."""

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Visitor:
    """A session, its keys, and its copy as it was last read."""

    __slots__ = (
        "_copy",
        "alive_until",
        "keys",
        "note_at",
        "principal",
        "session_id",
        "slot",
        "user_id",
    )

    def __init__(self, user_id: UUID, session_id: UUID) -> None:
        self.user_id = user_id
        self.session_id = session_id
        self.keys = (keys.versions(user_id), keys.session(user_id, session_id))
        self.slot = slot_of(self.keys[0])
        self.note_at = LONG_AGO
        """When the session's use is to be noted next."""
        self.principal: Principal | None = None
        self.alive_until = LONG_AGO
        """After it only PostgreSQL can say whether the session lives."""
        self._copy = b""

    def read(self, copy: bytes, idle: timedelta) -> None:
        """Take a session's copy from Redis."""
        if copy != self._copy:
            role, seen, expires = copy.decode().split()
            self.take(Liveness(role=Role(role), last_seen_at=_moment(seen), expires_at=_moment(expires)), idle)
            self._copy = copy

    def take(self, liveness: Liveness, idle: timedelta) -> None:
        """Take what PostgreSQL or a copy says of the session."""
        self._copy = b""
        self.principal = Principal(self.user_id, self.session_id, liveness.role)
        self.alive_until = min(liveness.expires_at, liveness.last_seen_at + idle)
        self.note_at = max(self.note_at, liveness.last_seen_at + SEEN)


class Visitors:
    """A bounded memory."""

    def __init__(self) -> None:
        self._known: Remembered[UUID, Visitor] = Remembered(MOST)

    def find(self, user_id: UUID, session_id: UUID) -> Visitor:
        """Return the visitor, as remembered or new."""
        found = self._known.find(session_id)
        if found is None or found.user_id != user_id:
            found = Visitor(user_id, session_id)
            self._known.keep(session_id, found)
        return found


def copy_of(liveness: Liveness) -> bytes:
    """Return what Redis keeps of a session."""
    return f"{liveness.role} {_milliseconds(liveness.last_seen_at)} {_milliseconds(liveness.expires_at)}".encode()


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _moment(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
