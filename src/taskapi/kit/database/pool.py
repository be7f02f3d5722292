"""The bounded pool of connections, and the two ways to use one: `read` and `transaction`.

A connection is held while a statement or a transaction runs, never for the length of a request. Every wait has a
limit: for a free connection, for a statement, for a lock, for an idle transaction.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import perf_counter
from typing import Any, NamedTuple, cast

import asyncpg

from taskapi.config import DatabaseSettings
from taskapi.errors import Overloaded
from taskapi.kit.clock import Clock
from taskapi.kit.database import deferral, url
from taskapi.kit.database.connection import Connection, ReadConnection, StatementCounter
from taskapi.kit.database.faults import Constraints, translated
from taskapi.kit.database.limits import TRANSACTION_SECONDS, bound_transactions, leave_as_it_is, limits
from taskapi.kit.database.lone import LoneConnection
from taskapi.kit.database.opening import connect
from taskapi.kit.database.replicas import replicas_of, wanted
from taskapi.kit.database.slow import SlowLog
from taskapi.kit.database.stopwatch import Stopwatch
from taskapi.kit.database.transaction import Around, Transaction, Unit
from taskapi.kit.database.watched import watched
from taskapi.kit.metrics import Distribution

CONNECT_SECONDS = 5
WAITS = "How long requests waited for a connection of the pool, those that got none included."
PLAN_PLACES = 2
"""So many connections have to be free for one of them to explain a slow statement: a request finds another."""


class Use(NamedTuple):
    """How much of the pool is in use."""

    open: int
    """Connections, those that nobody uses included."""

    idle: int
    limit: int
    waiting: int
    """Requests for which none is free yet."""


class Database:
    """A pool of connections to the primary."""

    def __init__(self, settings: DatabaseSettings, clock: Clock, constraints: Constraints) -> None:
        if settings.url is None:
            raise ValueError("DATABASE_URL is not set")
        self.stopwatch = Stopwatch(settings.slow_seconds, SlowLog(self._plan).tell)
        self.hooks = Around(constraints, self.stopwatch)
        self.statements = StatementCounter()
        self._clock = clock
        self._address = url.parse(settings.url.reveal())
        self._settings = settings
        self._limits = limits(self._address, settings)
        self._wait = self._address.pool_timeout or settings.database_wait
        self.replicas = replicas_of(settings, self.lone(CONNECT_SECONDS), self._address.schema, self.stopwatch)
        self.hooks.notes_positions = len(self.replicas) > 0
        self._opened: asyncpg.Pool[Any] | None = None
        self._waiting = 0
        """Who waits for a connection, those for whom one is free included."""
        self.waits = Distribution("db_pool_wait_seconds", WAITS)

    async def open(self) -> None:
        """Prepare the pool in the running event loop; it connects when needed, so the database may come later."""
        self._opened = await self._make_pool(self._settings)

    async def close(self, seconds: float = 5) -> None:
        """Close all connections, by force after `seconds`."""
        await self.replicas.close()
        if self._opened is None:
            return
        with contextlib.suppress(TimeoutError):  # closing was cancelled then, which ends the connections at once
            await asyncio.wait_for(self._opened.close(), seconds)

    def read(self) -> AbstractAsyncContextManager[ReadConnection]:
        """Lend a connection for statements that read: to the primary, unless `read_past` allowed a replica."""
        position = wanted()
        return self._read_primary() if position is None else self.replicas.read(position, self._read_primary)

    @asynccontextmanager
    async def _read_primary(self) -> AsyncIterator[ReadConnection]:
        with translated(self.hooks.constraints):
            if self._limits.begin_reading is not None:
                async with self._reading(self._limits.begin_reading) as reader:
                    yield reader
                return
            connection = await self._acquire()
            try:
                yield ReadConnection(watched(connection), self.statements, self.stopwatch)
            finally:
                await self._pool.release(connection)

    @asynccontextmanager
    async def transaction(self, *, seconds: float = TRANSACTION_SECONDS) -> AsyncIterator[Transaction]:
        """Open a transaction; it commits when the block ends well, or when the request's edge says so."""
        waiting = deferral.current.get()
        with translated(self.hooks.constraints):
            unit = await self._begin(self._limits.begin, self.hooks)
            try:
                async with asyncio.timeout(seconds):
                    if waiting is not None:
                        await waiting.begin(unit.transaction)
                    yield unit.transaction
                if waiting is not None:
                    waiting.keep(unit)
            except BaseException:
                await unit.rollback()
                raise
            if waiting is None:
                await unit.commit()

    @property
    def use(self) -> Use:
        """How much of the pool is in use now."""
        pool = self._opened
        if pool is None:
            return Use(0, 0, 0, 0)
        return Use(pool.get_size(), pool.get_idle_size(), pool.get_max_size(), self._waiting)

    def lone(self, seconds: float) -> LoneConnection:
        """Return a connection of its own, each use of which takes at most `seconds`; the caller closes it."""
        return LoneConnection(self._address.dsn, self._limits, seconds, self.stopwatch)

    @property
    def _pool(self) -> "asyncpg.Pool[Any]":
        assert self._opened is not None, "the database is not open"
        return self._opened

    @asynccontextmanager
    async def _reading(self, begin: str) -> AsyncIterator[ReadConnection]:
        unit = await self._begin(begin, Around(self.hooks.constraints, self.stopwatch))
        try:
            yield unit.transaction
        finally:
            await unit.rollback()  # nothing was written

    async def _begin(self, begin: str, around: Around) -> Unit:
        connection = await self._acquire()
        transaction = Transaction(watched(connection), self.statements, self.stopwatch, self._clock)
        unit = Unit(self._pool, connection, transaction, around)
        await unit.begin(begin)
        return unit

    async def _acquire(self) -> "Connection[Any]":
        if self._waiting >= self._settings.database_queue:
            raise Overloaded("Too many requests wait for the database; try again shortly.")
        self._waiting += 1
        begun = perf_counter()
        try:
            return await self._pool.acquire(timeout=self._wait)
        except TimeoutError as error:
            raise Overloaded("All database connections are busy; try again shortly.") from error
        finally:
            self._waiting -= 1
            self.waits.add(perf_counter() - begun)

    async def _plan(self, sql: str, args: Sequence[Any]) -> str | None:
        use = self.use
        if use.limit - (use.open - use.idle) < PLAN_PLACES:
            return None
        async with self._read_primary() as connection:
            return await connection.plan(sql, *args)

    def _make_pool(self, settings: DatabaseSettings) -> "asyncpg.Pool[Any]":
        seconds = settings.statement_timeout
        pool: asyncpg.Pool[Any] = asyncpg.create_pool(
            self._address.dsn,
            connect=cast(Any, connect),
            min_size=0,
            max_size=self._address.connection_limit or settings.database_pool,
            timeout=CONNECT_SECONDS,
            command_timeout=seconds + 1,
            init=None if self._address.pgbouncer else bound_transactions,
            reset=leave_as_it_is,
            **self._limits.options,
        )
        return pool
