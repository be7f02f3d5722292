"""One read replica: watched several times a second, left out while something is wrong with it, taken back after that.

The watch only chooses. Whether a replica may answer a read is asked on the very connection that the read uses, since a
server that was restarted may be further back than it was. Nothing here ever writes.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any, Final, NamedTuple

import asyncpg

from taskapi.kit.database.connection import Connection, Row, one
from taskapi.kit.database.course import Course, Whereabouts
from taskapi.kit.database.faults import AWAY
from taskapi.kit.database.lone import LoneConnection
from taskapi.kit.database.naming import name_of
from taskapi.kit.database.position import parts
from taskapi.kit.telemetry import logger

LOOK: Final = """
SELECT /* replica.look */ pg_is_in_recovery() AS follows, pg_last_wal_replay_lsn() AS place,
    (SELECT system_identifier FROM pg_control_system()) AS cluster,
    greatest((SELECT timeline_id FROM pg_control_checkpoint()), (SELECT received_tli FROM pg_stat_wal_receiver),
        (SELECT min_recovery_end_timeline FROM pg_control_recovery())) AS timeline
"""
"""Any role may ask; `received_tli` is empty for one without `pg_monitor`, which learns of a new timeline later."""

IS_PAST: Final = "SELECT /* replica.is_past */ pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= $1"
GREET: Final = "SELECT /* replica.greet */ system_identifier FROM pg_control_system()"

LOOK_SECONDS = 1.0
"""How long a look may take; what reads there at that moment is cut off and repeated on the primary."""

WAIT_SECONDS = 0.25
"""How long a read waits for a connection to a replica, and for it to say how far it is, before the primary is asked."""

HOPEFUL_SECONDS = 0.5
"""A replica that is not further behind may have replayed since the last look what it lacked then."""


class State(StrEnum):
    """Whether a replica is used, or why it is not."""

    IN_USE = "in use"
    UNREACHABLE = "does not answer"
    PROMOTED = "follows nobody"
    STRANGER = "follows another primary"
    LATE = "lags"


class Report(NamedTuple):
    """How a replica is, for whoever looks after it."""

    in_use: bool
    seconds_behind: float
    bytes_behind: int
    latency: float
    """Seconds that the last look took."""


class Wrong(asyncpg.InterfaceError):
    """The server at this address belongs to another cluster."""


class Replica:
    """Watches one replica and lends its connections."""

    def __init__(self, number: int, pool: dict[str, Any], watch: LoneConnection, course: Course, latest: float) -> None:
        """`pool`: what makes the pool of connections; `latest`: how many seconds it may be behind."""
        self.number = number
        self._settings = pool
        self._watch = watch
        self._course = course
        self._latest = latest
        self._pool: asyncpg.Pool[Any] | None = None
        self._seen: Whereabouts | None = None
        self._latency = 0.0
        self.state = State.UNREACHABLE

    @property
    def report(self) -> Report:
        """How it is."""
        in_use, place = self.state is State.IN_USE, self._seen.place if self._seen else 0
        return Report(in_use, self._seconds_behind(), self._course.bytes_behind(place), self._latency)

    def has(self, position: bytes) -> bool:
        """Say whether it had replayed this position when it was looked at last."""
        timeline, place = parts(position)
        return self._is_on(timeline) and self._seen is not None and self._seen.place >= place

    def may_have(self, position: bytes) -> bool:
        """Say whether it is worth asking."""
        return self.has(position) or (self._is_on(parts(position)[0]) and self._seconds_behind() < HOPEFUL_SECONDS)

    async def look(self) -> None:
        """See how it is."""
        started = time.monotonic()
        try:
            row = await self._watch.fetch_one(LOOK)
            assert row is not None
            self._latency = time.monotonic() - started
            await self._enter(self._judged(row))
        except (*AWAY, asyncpg.PostgresError) as error:
            self.leave(State.UNREACHABLE, error)

    @asynccontextmanager
    async def lend(self, position: bytes) -> AsyncIterator["Connection[Any] | None"]:
        """Lend a connection whose server has replayed `position`; None if that cannot be had at once."""
        pool = self._pool
        connection = None if pool is None else await self._taken(pool)
        try:
            yield connection if connection and await self._is_past(connection, position) else None
        finally:
            if pool is not None and connection is not None:
                with contextlib.suppress(*AWAY):
                    await pool.release(connection)

    def leave(self, state: State, error: BaseException | None = None) -> None:
        """Leave it out, and cut off what reads there, until a look finds it well."""
        if state is not self.state:
            reason = error or state.value
            logger("taskapi.database").warning("a replica is left out", replica=self.number, reason=reason)
        self.state = state
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()

    async def close(self) -> None:
        """Close all connections."""
        await self._watch.close()
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()

    def _is_on(self, timeline: int) -> bool:
        return self.state is State.IN_USE and self._seen is not None and self._seen.timeline == timeline

    def _seconds_behind(self) -> float:
        return 0.0 if self._seen is None else self._course.seconds_behind(self._seen.place, time.monotonic())

    def _judged(self, row: Row) -> State:
        if not row["follows"] or row["place"] is None:
            return State.PROMOTED
        self._seen = Whereabouts(row["cluster"], row["timeline"], row["place"])
        primary = self._course.last
        if primary is None:
            return State.UNREACHABLE  # nobody knows yet whom it should follow
        if primary[:2] != self._seen[:2]:
            return State.STRANGER
        return State.LATE if self._seconds_behind() > self._latest else State.IN_USE

    async def _enter(self, state: State) -> None:
        if state is not State.IN_USE:
            self.leave(state)
        elif self._pool is None:
            self._pool = await asyncpg.create_pool(**self._settings, init=self._greet)
            logger("taskapi.database").info("a replica is used", replica=self.number)
            self.state = state

    async def _greet(self, connection: "asyncpg.Connection[Any]") -> None:
        """See that a new connection leads to the cluster that was looked at."""
        if self._seen is None or await connection.fetchval(GREET) != self._seen.cluster:
            raise Wrong("the server belongs to another cluster")

    async def _taken(self, pool: "asyncpg.Pool[Any]") -> "Connection[Any] | None":
        try:
            return await pool.acquire(timeout=WAIT_SECONDS)
        except TimeoutError:  # all are busy
            return None
        except (*AWAY, asyncpg.PostgresError) as error:
            self.leave(State.UNREACHABLE, error)
            return None

    async def _is_past(self, connection: "Connection[Any]", position: bytes) -> bool:
        try:
            answer = connection.fetchval(IS_PAST, parts(position)[1], timeout=WAIT_SECONDS)
            return bool(await self._watch.stopwatch.time(answer, name_of(IS_PAST), one))
        except asyncio.CancelledError:
            raise
        except (*AWAY, asyncpg.PostgresError) as error:
            self.leave(State.UNREACHABLE, error)
            return False
