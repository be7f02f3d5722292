"""Sessions as the truth knows them: what the auth domain tells the gate."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol
from uuid import UUID

import msgspec

from taskapi.contracts.identity import Role
from taskapi.kit.database import ReadConnection, Transaction


class Liveness(msgspec.Struct, frozen=True, kw_only=True):
    """What says whether a session is alive, and for whom."""

    role: Role
    last_seen_at: datetime
    expires_at: datetime

    def is_alive(self, now: datetime, idle: timedelta) -> bool:
        """Say whether neither the absolute end has come nor the session was left alone for `idle`."""
        return now < self.expires_at and now - self.last_seen_at < idle


class Use(NamedTuple):
    """A session was used."""

    user_id: UUID
    session_id: UUID
    seen_at: datetime


class SessionSource(Protocol):
    """Reads sessions and notes their use."""

    async def load(self, connection: ReadConnection, user_id: UUID, session_id: UUID) -> Liveness | None:
        """Return what says whether a session is alive; None if it was ended."""
        ...

    async def note_uses(self, transaction: Transaction, uses: Sequence[Use]) -> None:
        """Store when sessions were last used, at most once a minute each; never waits for a lock."""
        ...
