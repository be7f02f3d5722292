"""Sessions: PostgreSQL is the truth, Redis holds a copy for an hour and a tombstone for what is over.

A copy is made only under the version of `sessions` that the request was admitted with, so a session that ends while it
is being read is not brought back to life.
"""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from taskapi.contracts.identity import Principal
from taskapi.contracts.sessions import Liveness, SessionSource
from taskapi.gate import keys, scripts
from taskapi.gate.calls import script_command
from taskapi.gate.counts import Counts
from taskapi.gate.loads import Loads
from taskapi.gate.nodes import Nodes
from taskapi.gate.slots import slot_of
from taskapi.gate.uses import Uses
from taskapi.gate.visitors import Visitor, copy_of
from taskapi.kit.clock import Clock
from taskapi.kit.database import Database

NOBODY = bytes(12)
"""Stands where a copy has its version: a tombstone is good under every one."""


class Sessions:
    """Says who a session's caller is."""

    def __init__(
        self,
        database: Database,
        source: SessionSource,
        clock: Clock,
        idle: timedelta,
        nodes: Nodes,
        loads: Loads[Liveness | None],
        counts: Counts,
    ) -> None:
        self._database = database
        self._source = source
        self._clock = clock
        self._idle = idle
        self._nodes = nodes
        self._counts = counts
        self._loads = loads
        self.uses = Uses(database, source)

    def recognize(self, visitor: Visitor, copy: bytes) -> Principal | None:
        """Return the caller whom a fresh copy names; None if only PostgreSQL can say whether the session lives."""
        visitor.read(copy, self._idle)
        now = self._clock()
        if now >= visitor.alive_until:
            return None
        if now >= visitor.note_at:
            self.uses.note(visitor, now)
        return visitor.principal

    async def load(self, visitor: Visitor, stamp: bytes | None) -> Principal | None:
        """Ask PostgreSQL; a copy is kept under `stamp`, if there is one. Raises Overloaded."""
        if stamp is None:
            found = await self._read(visitor)
        else:  # once for all who were admitted under the same version
            found = await self._loads.share((visitor.session_id, stamp), lambda: self._read(visitor))
        now = self._clock()
        if found is None or not found.is_alive(now, self._idle):
            if found is None:
                self.bury(visitor.user_id, [visitor.session_id])
            return None
        visitor.take(found, self._idle)
        if now >= visitor.note_at:
            self.uses.note(visitor, now)
        if stamp is not None:
            self._refill(visitor, stamp, found)
        return visitor.principal

    def bury(self, user_id: UUID, session_ids: Iterable[UUID]) -> None:
        """Leave tombstones, so that sessions which are over cost no query: ids never come back."""
        for session_id in session_ids:
            key = keys.session(user_id, session_id)
            stone = self._nodes.line(slot_of(key)).epoch + NOBODY + b"-"
            self._nodes.send((b"SET", key, stone, b"EX", keys.TOMBSTONE_SECONDS), key)

    async def _read(self, visitor: Visitor) -> Liveness | None:
        self._counts.sessions_loaded += 1
        async with self._database.read() as connection:
            return await self._source.load(connection, visitor.user_id, visitor.session_id)

    def _refill(self, visitor: Visitor, stamp: bytes, found: Liveness) -> None:
        seconds = min(keys.SESSION_SECONDS, int((found.expires_at - self._clock()).total_seconds()) + 1)
        command = script_command(scripts.REFILL, visitor.keys, stamp, copy_of(found), max(seconds, 1))
        self._nodes.send(command, visitor.keys[0])
