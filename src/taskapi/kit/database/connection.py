"""A connection that reads. Its type has no way to write, so a reader cannot do it by accident."""

from collections.abc import Iterator
from typing import Any, Protocol, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy

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

    def __init__(self, connection: "Connection[Any]", counter: "StatementCounter | None" = None) -> None:
        self._connection = connection
        self._counter = counter or StatementCounter()

    async def fetch(self, sql: str, *args: Any) -> list[Row]:
        """Return all rows."""
        self._counter.count += 1
        return cast(list[Row], await self._connection.fetch(sql, *args))

    async def fetch_one(self, sql: str, *args: Any) -> Row | None:
        """Return the first row, or None."""
        self._counter.count += 1
        return cast("Row | None", await self._connection.fetchrow(sql, *args))

    async def fetch_value(self, sql: str, *args: Any) -> Any:
        """Return the first column of the first row, or None."""
        self._counter.count += 1
        return await self._connection.fetchval(sql, *args)


class StatementCounter:
    """How many statements a database has run in this process, for benchmarks and tests."""

    def __init__(self) -> None:
        self.count = 0
