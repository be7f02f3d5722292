"""Small things that many requests leave behind, stored together in one statement, off the requests' way."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

from taskapi.errors import Overloaded
from taskapi.kit.database import Database, Transaction, apart
from taskapi.kit.telemetry import logger

GATHERED_SECONDS = 0.25
"""Well before the second after which a relay takes a row for forgotten. What gathers for longer is stored in batches
that hold everybody up for moments, in the database too."""

Item = TypeVar("Item")


class Gathered(ABC, Generic[Item]):
    """A bounded list and who empties it; what cannot be stored is forgotten, together with what came with it."""

    def __init__(self, database: Database, most: int) -> None:
        self._database = database
        self._most = most
        self._waiting: list[Item] = []
        self._wanted = asyncio.Event()

    @property
    def has_room(self) -> bool:
        """Whether something more may be taken."""
        return len(self._waiting) < self._most

    def take(self, items: Sequence[Item]) -> None:
        """Take things, if there is room."""
        if self.has_room:
            self._waiting.extend(items)
            self._wanted.set()

    async def run(self) -> None:
        """Store what was taken, for ever."""
        while True:
            await self._wanted.wait()
            await asyncio.sleep(GATHERED_SECONDS)
            self._wanted.clear()
            await self.empty()

    async def empty(self) -> None:
        """Store what was taken, whatever becomes of it."""
        if not self._waiting:
            return
        items, self._waiting = self._waiting, []
        try:
            with apart():
                async with self._database.transaction() as transaction:
                    await self._store(transaction, items)
        except Overloaded:  # too busy, or away: then others tell of it
            pass
        except Exception as error:
            logger("taskapi.gate").error("what was gathered is not stored", of=type(self).__name__, exc_info=error)

    @abstractmethod
    async def _store(self, transaction: Transaction, items: Sequence[Item]) -> None:
        """Store things."""
