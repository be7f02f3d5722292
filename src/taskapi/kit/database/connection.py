"""A connection that reads. Its type has no way to write, so a reader cannot do it by accident."""

from collections.abc import Iterator
from typing import Any, Protocol, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from taskapi.kit.database.naming import name_of
from taskapi.kit.database.stopwatch import Stopwatch

Record = asyncpg.Record
Connection = PoolConnectionProxy


class Row(Protocol):
    """What domains know of a row: its columns by name."""

    def __getitem__(self, column: str) -> Any: ...

    def keys(self) -> Iterator[str]:
        """Return the columns' names."""
        ...


class ReadConnection:
    """Runs statements that read, one at a time, each within the statement time limit."""

    def __init__(
        self,
        connection: "Connection[Any]",
        counter: "StatementCounter | None" = None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self._connection = connection
        self._counter = counter or StatementCounter()
        self._stopwatch = stopwatch or Stopwatch()

    async def fetch(self, sql: str, *args: Any) -> list[Row]:
        """Return all rows."""
        self._counter.count += 1
        rows = self._stopwatch.time(self._connection.fetch(sql, *args), name_of(sql), len, sql, args)
        return cast(list[Row], await rows)

    async def fetch_one(self, sql: str, *args: Any) -> Row | None:
        """Return the first row, or None."""
        self._counter.count += 1
        row = self._stopwatch.time(self._connection.fetchrow(sql, *args), name_of(sql), one, sql, args)
        return cast("Row | None", await row)

    async def fetch_value(self, sql: str, *args: Any) -> Any:
        """Return the first column of the first row, or None."""
        self._counter.count += 1
        return await self._stopwatch.time(self._connection.fetchval(sql, *args), name_of(sql), one, sql, args)

    async def plan(self, sql: str, *args: Any) -> str:
        """Return how the server would run a statement, as JSON; it does not, whatever the statement is."""
        return str(await self._connection.fetchval(f"EXPLAIN /* explain */ (FORMAT JSON) {sql}", *args))


def one(found: object) -> int:
    """Return how many rows there are where one was asked for."""
    return int(found is not None)


class StatementCounter:
    """How many statements a database has run in this process, for benchmarks and tests."""

    def __init__(self) -> None:
        self.count = 0
