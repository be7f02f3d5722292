"""A read that was begun on a replica and goes on at the primary where the replica fails: its caller sees no failure."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg

from taskapi.kit.database.connection import ReadConnection, Row
from taskapi.kit.database.faults import AWAY
from taskapi.kit.database.replica import Replica, State

GONE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
)
"""What says that a replica, and not just one statement there, has failed."""

Found = TypeVar("Found")
Turn = Callable[[], Awaitable[ReadConnection]]
"""Gets a connection to the primary."""


@dataclass(slots=True)
class ReplicaCounts:
    """Reads that might have gone to a replica, since the process began."""

    replica: int = 0
    """Answered by one."""

    none_filed: int = 0
    """By the primary: nobody could say how far a replica would have to be."""

    lagging: int = 0
    """By the primary: no replica had replayed so far, or had a free connection."""

    left_out: int = 0
    """By the primary: no replica was in use."""

    failed: int = 0
    """Begun on a replica, repeated on the primary."""


class Repeating(ReadConnection):
    """A connection to a replica; from a statement on that fails there, all run on the primary.

    Whatever the failure is: the replica may be gone, have cancelled the statement to go on replaying, or lack a table.
    """

    def __init__(self, reading: ReadConnection, replica: Replica, counts: ReplicaCounts, turn_to_primary: Turn) -> None:
        self._reading = reading
        self._replica = replica
        self._counts = counts
        self._turn: Turn | None = turn_to_primary
        """None once that was done."""

    async def fetch(self, sql: str, *args: Any) -> list[Row]:
        """Return all rows."""
        return await self._run(lambda connection: connection.fetch(sql, *args))

    async def fetch_one(self, sql: str, *args: Any) -> Row | None:
        """Return the first row, or None."""
        return await self._run(lambda connection: connection.fetch_one(sql, *args))

    async def fetch_value(self, sql: str, *args: Any) -> Any:
        """Return the first column of the first row, or None."""
        return await self._run(lambda connection: connection.fetch_value(sql, *args))

    async def plan(self, sql: str, *args: Any) -> str:
        """Return how the server would run a statement."""
        return await self._run(lambda connection: connection.plan(sql, *args))

    async def _run(self, statement: Callable[[ReadConnection], Awaitable[Found]]) -> Found:
        if self._turn is None:
            return await statement(self._reading)
        try:
            return await statement(self._reading)
        except (*AWAY, asyncpg.PostgresError) as error:
            self._counts.failed += 1
            if isinstance(error, GONE):
                self._replica.leave(State.UNREACHABLE, error)
            turn, self._turn = self._turn, None
            self._reading = await turn()
        return await statement(self._reading)
