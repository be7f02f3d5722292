"""When sessions were last used: noted at most once a minute each."""

from collections.abc import Sequence
from datetime import datetime

from taskapi.contracts.sessions import SessionSource, Use
from taskapi.gate.gathered import Gathered
from taskapi.gate.visitors import SEEN, Visitor
from taskapi.kit.database import Database, Transaction

MOST_WAITING = 2000
"""Beyond, a use is not noted; the next one of the session will be."""


class Uses(Gathered[Use]):
    """Uses that are not stored yet."""

    def __init__(self, database: Database, source: SessionSource) -> None:
        super().__init__(database, MOST_WAITING)
        self._source = source

    def note(self, visitor: Visitor, now: datetime) -> None:
        """Note that a session is used, which was not noted for SEEN."""
        if self.has_room:
            visitor.note_at = now + SEEN
            self.take([Use(visitor.user_id, visitor.session_id, now)])

    async def _store(self, transaction: Transaction, items: Sequence[Use]) -> None:
        await self._source.note_uses(transaction, items)
