"""One connection outside the pool, for what may not wait behind the requests: who holds a permission renews it here."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg

from taskapi.kit.database.connection import Row, one
from taskapi.kit.database.limits import Limits
from taskapi.kit.database.naming import name_of
from taskapi.kit.database.opening import connect
from taskapi.kit.database.stopwatch import Stopwatch


class LoneConnection:
    """Runs one statement at a time, each in a transaction of its own; reconnects when it has to."""

    def __init__(self, dsn: str, limits: Limits, seconds: float, stopwatch: Stopwatch | None = None) -> None:
        self._dsn = dsn
        self._limits = limits
        self._seconds = seconds
        self.stopwatch = stopwatch or Stopwatch()
        self._turn = asyncio.Lock()
        self._connection: asyncpg.Connection[Any] | None = None
        self._is_closed = False

    async def fetch_one(self, sql: str, *args: Any, seconds: float | None = None) -> Row | None:
        """Return the first row; raises OSError, TimeoutError or what the driver raises, within the time limit."""
        async with asyncio.timeout(seconds or self._seconds), self._turn:
            try:
                connection = await self._connected()
                if self._limits.begin_reading is None:
                    return await self._timed(connection, sql, args)
                await connection.execute(self._limits.begin)
                row = await self._timed(connection, sql, args)
                await connection.execute("COMMIT")
                return row
            except BaseException:
                self._drop()
                raise

    async def close(self) -> None:
        """Close the connection, also one that is being made for somebody who still waits."""
        self._is_closed = True
        self._drop()

    async def _timed(self, connection: "asyncpg.Connection[Any]", sql: str, args: Sequence[Any]) -> Row | None:
        return await self.stopwatch.time(connection.fetchrow(sql, *args), name_of(sql), one, sql, args)

    async def _connected(self) -> "asyncpg.Connection[Any]":
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._dsn, timeout=self._seconds, **self._limits.options)
        if self._is_closed:
            raise ConnectionError("the connection was closed while it was made")
        return self._connection

    def _drop(self) -> None:
        """Break the connection: it may lead to a server that is no primary any more, or still owe an answer."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
