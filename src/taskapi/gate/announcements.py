"""Marks the outbox rows of this process's own writes as announced, many in one statement, off the request's way."""

import asyncio
import contextlib
from collections.abc import Sequence
from uuid import UUID

from taskapi.errors import Overloaded
from taskapi.gate import store
from taskapi.kit.clock import Clock
from taskapi.kit.database import Database, apart

GATHERED_SECONDS = 0.25
"""Well before the second after which a relay takes a row for forgotten."""

MOST_WAITING = 10_000
"""Beyond, rows are left to the relay, which announces them once more than needed."""


class Announcements:
    """A bounded queue and who empties it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: list[UUID] = []
        self._wanted = asyncio.Event()

    def take(self, ids: Sequence[UUID]) -> None:
        """Take rows whose fields have new versions."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.extend(ids)
            self._wanted.set()

    async def run(self) -> None:
        """Mark what was taken, for ever."""
        while True:
            await self._wanted.wait()
            await asyncio.sleep(GATHERED_SECONDS)
            self._wanted.clear()
            await self.mark()

    async def mark(self) -> None:
        """Mark what was taken; what cannot be marked is left to the relay."""
        if not self._waiting:
            return
        ids, self._waiting = self._waiting, []
        with apart(), contextlib.suppress(Overloaded):
            async with self._database.transaction() as transaction:
                await store.mark(transaction, ids, self._clock())
