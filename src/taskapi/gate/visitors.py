"""What this process remembers of sessions that it saw lately, so that keys and copies are not made anew each time.

Nothing here is trusted: each request's trip says whether the session is alive.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from taskapi.contracts.identity import Principal, Role
from taskapi.contracts.sessions import Liveness
from taskapi.gate import keys
from taskapi.gate.admission import Counter
from taskapi.gate.forms import Form
from taskapi.gate.slots import slot_of

MOST_FORMS = 16
MOST = 4096
"""Visitors; the one that came first is forgotten first."""


class Visitor:
    """A session, its keys, and its copy as it was last read."""

    __slots__ = (
        "_copy",
        "_forms",
        "alive_until",
        "keys",
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
        self.alive_until = 0.0
        """A timestamp after which only PostgreSQL can say whether the session lives."""
        self._copy = b""
        self._forms: dict[int, Form] = {}

    def form(self, counters: Sequence[Counter]) -> Form:
        """Return the form for a question against these counters; it is written once for the same sequence."""
        form = self._forms.get(id(counters))
        if form is None or form.counters is not counters:
            if len(self._forms) >= MOST_FORMS:
                self._forms.clear()
            form = self._forms[id(counters)] = Form(self.subject, self.keys, counters)
        return form

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
        self.alive_until = min(liveness.expires_at, liveness.last_seen_at + idle).timestamp()
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
