"""When sessions were last used: noted at most once a minute each, many in one statement, off the request's way."""

import asyncio
import contextlib
from datetime import datetime

from taskapi.contracts.sessions import SessionSource, Use
from taskapi.errors import Overloaded
from taskapi.gate.visitors import SEEN, Visitor
from taskapi.kit.database import Database, apart

GATHERED_SECONDS = 0.25
"""Uses of so long are stored together: many at once would hold everybody up for moments, in the database too."""

MOST_WAITING = 2000
"""Beyond, a use is not noted; the next one of the session will be."""


class Uses:
    """A bounded queue and who empties it."""

    def __init__(self, database: Database, source: SessionSource) -> None:
        self._database = database
        self._source = source
        self._waiting: list[Use] = []
        self._wanted = asyncio.Event()

    def note(self, visitor: Visitor, now: datetime) -> None:
        """Note that a session is used, which was not noted for SEEN."""
        if len(self._waiting) < MOST_WAITING:
            visitor.note_at = now + SEEN
            self._waiting.append(Use(visitor.user_id, visitor.session_id, now))
            self._wanted.set()

    async def run(self) -> None:
        """Store what is noted, for ever."""
        while True:
            await self._wanted.wait()
            await asyncio.sleep(GATHERED_SECONDS)
            self._wanted.clear()
            await self.store()

    async def store(self) -> None:
        """Store what is noted; a database that does not answer is no reason to remember it longer."""
        if not self._waiting:
            return
        uses, self._waiting = self._waiting, []
        with apart(), contextlib.suppress(Overloaded):
            async with self._database.transaction() as transaction:
                await self._source.note_uses(transaction, uses)
