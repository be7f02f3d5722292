"""Which server answers a read: a replica that has replayed what the reader may expect, else the primary.

A read goes to a replica only where its caller said so with `read_past`; what nobody said it of – sessions, the gate's
row, whatever a write reads – is the primary's. A read that fails on a replica is repeated on the primary.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from typing import Final

from taskapi.config import DatabaseSettings
from taskapi.kit.database import url
from taskapi.kit.database.connection import ReadConnection, StatementCounter
from taskapi.kit.database.course import Course, Whereabouts
from taskapi.kit.database.limits import leave_as_it_is, limits
from taskapi.kit.database.lone import LoneConnection
from taskapi.kit.database.opening import connect
from taskapi.kit.database.repeating import Repeating, ReplicaCounts, Turn
from taskapi.kit.database.replica import LOOK_SECONDS, Replica, Report, State
from taskapi.kit.database.stopwatch import Stopwatch
from taskapi.kit.database.watched import watched
from taskapi.kit.rounds import repeat
from taskapi.kit.telemetry import logger

CONNECT_SECONDS = 2
LOOK_AGAIN_SECONDS = 0.2
MOST_ASKED = 2
"""Replicas that one read asks how far they are."""

WHEREABOUTS: Final = """
SELECT /* primary.whereabouts */ (SELECT system_identifier FROM pg_control_system()) AS cluster,
    ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int AS timeline,
    pg_current_wal_flush_lsn() AS place
"""

Open = Callable[[], AbstractAsyncContextManager[ReadConnection]]
"""Lends a connection to the primary."""

_past: ContextVar[bytes | None] = ContextVar("past", default=None)


def read_past(position: bytes | None) -> None:
    """Let reads of this task go to a replica that has replayed `position`; UNKNOWN: to none; None: nobody said so."""
    _past.set(position)


def wanted() -> bytes | None:
    """Return what `read_past` was told in this task."""
    return _past.get()


class Replicas:
    """The replicas that this process reads from."""

    def __init__(
        self, primary: LoneConnection, course: Course, replicas: Sequence[Replica], stopwatch: Stopwatch
    ) -> None:
        self.counts = ReplicaCounts()
        self._primary = primary
        self._course = course
        self._replicas = tuple(replicas)
        self._turn = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._statements = StatementCounter()
        self._stopwatch = stopwatch

    def __len__(self) -> int:
        return len(self._replicas)

    @property
    def reports(self) -> tuple[Report, ...]:
        """How each of them is."""
        return tuple(replica.report for replica in self._replicas)

    def open(self) -> None:
        """Watch them from now on, each in a task of its own, so that none delays the look at another."""
        looks = [self._look_at_primary, *(replica.look for replica in self._replicas)] if self._replicas else []
        self._tasks = [asyncio.create_task(repeat(look, LOOK_AGAIN_SECONDS, _tell)) for look in looks]

    async def close(self) -> None:
        """Stop watching and close all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._primary.close()
        for replica in self._replicas:
            await replica.close()

    @asynccontextmanager
    async def read(self, position: bytes, primary: Open) -> AsyncIterator[ReadConnection]:
        """Lend a connection to a replica that has replayed `position`, or else to the primary."""
        async with AsyncExitStack() as stack:
            on_replica = await self._lent(position, stack, lambda: stack.enter_async_context(primary()))
            yield await stack.enter_async_context(primary()) if on_replica is None else on_replica

    async def _lent(self, position: bytes, stack: AsyncExitStack, turn_to_primary: Turn) -> Repeating | None:
        if not position:
            self.counts.none_filed += 1
            return None
        for replica in self._candidates(position):
            connection = await stack.enter_async_context(replica.lend(position))
            if connection is not None:
                self.counts.replica += 1
                reading = ReadConnection(watched(connection), self._statements, self._stopwatch)
                return Repeating(reading, replica, self.counts, turn_to_primary)
        if any(replica.state is State.IN_USE for replica in self._replicas):
            self.counts.lagging += 1
        else:
            self.counts.left_out += 1
        return None

    def _candidates(self, position: bytes) -> list[Replica]:
        """Return whom to ask, those first that are known to have it; they take turns."""
        self._turn += 1
        turn = self._turn % len(self._replicas)
        worth = [it for it in (*self._replicas[turn:], *self._replicas[:turn]) if it.may_have(position)]
        return sorted(worth, key=lambda it: not it.has(position))[:MOST_ASKED]

    async def _look_at_primary(self) -> None:
        moment = time.monotonic()
        row = await self._primary.fetch_one(WHEREABOUTS)
        assert row is not None
        self._course.take(Whereabouts(row["cluster"], row["timeline"], row["place"]), moment)


def replicas_of(
    settings: DatabaseSettings, primary: LoneConnection, schema: str | None, stopwatch: Stopwatch
) -> Replicas:
    """Return the replicas that the settings name; `schema` is the primary's, for those whose address names none."""
    course = Course()
    made = []
    for number, address in enumerate(settings.read_urls, 1):
        place = url.parse(address.reveal())
        own = limits(place._replace(schema=place.schema or schema), settings)
        pool = {
            "dsn": place.dsn,
            "connect": connect,
            "min_size": 0,
            "max_size": place.connection_limit or settings.database_read_pool,
            "timeout": CONNECT_SECONDS,
            "command_timeout": settings.statement_timeout + 1,
            "reset": leave_as_it_is,
            **own.options,
        }
        watch = LoneConnection(place.dsn, own, LOOK_SECONDS, stopwatch)
        made.append(Replica(number, pool, watch, course, settings.database_read_lag))
    return Replicas(primary, course, made, stopwatch)


def _tell(error: Exception) -> None:
    logger("taskapi.database").warning("the replicas cannot be looked after", reason=error)
