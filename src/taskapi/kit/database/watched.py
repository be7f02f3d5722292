"""The driver's connection where traces are wanted: the same, with a span around each statement."""

from typing import Any, cast

from taskapi.kit import tracing
from taskapi.kit.database.connection import Connection
from taskapi.kit.tracing import Tracer


class Watched:
    """Runs statements on a connection and lets a tracer know."""

    def __init__(self, connection: "Connection[Any]", tracer: Tracer) -> None:
        self._connection = connection
        self._tracer = tracer

    async def fetch(self, sql: str, *args: Any, **options: Any) -> Any:
        """Return all rows."""
        with self._tracer.statement(sql):
            return await self._connection.fetch(sql, *args, **options)

    async def fetchrow(self, sql: str, *args: Any, **options: Any) -> Any:
        """Return the first row, or None."""
        with self._tracer.statement(sql):
            return await self._connection.fetchrow(sql, *args, **options)

    async def fetchval(self, sql: str, *args: Any, **options: Any) -> Any:
        """Return the first value, or None."""
        with self._tracer.statement(sql):
            return await self._connection.fetchval(sql, *args, **options)

    async def execute(self, sql: str, *args: Any, **options: Any) -> Any:
        """Return what the server says it did."""
        with self._tracer.statement(sql):
            return await self._connection.execute(sql, *args, **options)


def watched(connection: "Connection[Any]") -> "Connection[Any]":
    """Return the connection itself where nothing is traced."""
    tracer = tracing.active()
    return connection if tracer is None else cast("Connection[Any]", Watched(connection, tracer))
