"""The net under every crash: rows of the outbox that nobody announced are announced by any process.

It also opens a closed gate again: once Redis answers, nobody serves any more, and every row is announced.
"""

from datetime import timedelta

from taskapi.gate import store
from taskapi.gate.counts import Counts
from taskapi.gate.lease import Lease
from taskapi.gate.nodes import Nodes
from taskapi.gate.store import Waiting
from taskapi.gate.versions import Versions, fields_of
from taskapi.kit.clock import Clock
from taskapi.kit.database import Database, Transaction, position
from taskapi.kit.telemetry import logger

FORGOTTEN = timedelta(seconds=1)
ROWS_AT_ONCE = 200
"""And so no more users than that in one pipeline."""

ROUNDS = 20
"""In one transaction; what is left then has its turn a second later."""


class Relay:
    """Announces and opens."""

    def __init__(
        self, database: Database, versions: Versions, lease: Lease, nodes: Nodes, clock: Clock, counts: Counts
    ) -> None:
        self._database = database
        self._versions = versions
        self._lease = lease
        self._nodes = nodes
        self._clock = clock
        self._counts = counts

    async def announce_forgotten(self) -> int:
        """Announce rows that were forgotten and return how many; a closed gate leaves that to its opening."""
        if self._lease.closing is not None:
            return 0
        async with self._database.transaction() as transaction:
            rows = await store.waiting(transaction, FORGOTTEN, ROWS_AT_ONCE)
            place = await position.ask(transaction) if rows and self._database.replicas else position.UNKNOWN
            if not rows or not await self._versions.announce(fields_of(rows), place):
                return 0
            return await self._mark(transaction, rows)

    async def open_gate(self, server: str) -> bool:
        """Open the gate on the Redis that answers, if it is closed for everybody and every row is announced."""
        closing = self._lease.closing
        if closing is None or not self._lease.is_settled:
            return False
        async with self._database.transaction() as transaction:
            if not await self._announce_all(transaction, server):
                return False
        async with self._database.transaction() as transaction:
            if await store.hold_closed(transaction) != closing.token:
                return False
            if not await self._announce_all(transaction, server):  # what was committed since
                return False
            await store.open_gate(transaction, server)
        await self._lease.refresh()
        logger("taskapi.gate").info("the gate is open", server=server)
        return True

    async def _announce_all(self, transaction: Transaction, server: str) -> bool:
        """Announce what waits, a bounded number of times; says whether nothing is left and the server is the same."""
        for _ in range(ROUNDS):
            rows = await store.waiting(transaction, timedelta(), ROWS_AT_ONCE)
            if not rows:
                return self._nodes.identity == server
            if not await self._versions.touch(fields_of(rows)):
                return False
            await self._mark(transaction, rows)
        return False

    async def _mark(self, transaction: Transaction, rows: list[Waiting]) -> int:
        self._counts.announced += len(rows)
        return await store.mark(transaction, [row.id for row in rows], self._clock())
