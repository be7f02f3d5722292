"""Marks the outbox rows of this process's own writes as announced."""

from collections.abc import Sequence
from uuid import UUID

from taskapi.gate import store
from taskapi.gate.gathered import Gathered
from taskapi.kit.clock import Clock
from taskapi.kit.database import Database, Transaction

MOST_WAITING = 10_000
"""Beyond, and where they cannot be marked, rows are left to the relay, which announces them once more than needed."""


class Announcements(Gathered[UUID]):
    """Rows whose fields have new versions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, MOST_WAITING)
        self._clock = clock

    async def _store(self, transaction: Transaction, items: Sequence[UUID]) -> None:
        await store.mark(transaction, items, self._clock())
