"""Takes how long each statement runs, under its name, and passes on what there is to tell of slow ones."""

from collections.abc import Awaitable, Callable, Sequence
from math import inf
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

from taskapi.kit.metrics import Distribution

Found = TypeVar("Found")


class Slow(NamedTuple):
    """A statement that took long, or failed."""

    name: str
    seconds: float
    rows: int | None
    """How many it found or changed; None if it failed."""

    sql: str
    """Empty if it is one without a plan."""

    args: Sequence[Any]


class Stopwatch:
    """Times the statements of a process, on whichever connection they run."""

    def __init__(self, limit: float = inf, tell: Callable[[Slow], None] | None = None) -> None:
        """`tell` is given each statement that took `limit` seconds or longer; it returns at once and never fails."""
        self.durations = Distribution(
            "db_statement_duration_seconds", "How long SQL statements took, those that failed included.", ("statement",)
        )
        self._limit = limit
        self._tell = tell

    async def time(
        self,
        answer: Awaitable[Found],
        name: str,
        rows: Callable[[Found], int],
        sql: str = "",
        args: Sequence[Any] = (),
    ) -> Found:
        """Wait for the answer to a statement and return it; `rows` tells how many rows it means."""
        begun = perf_counter()
        try:
            found = await answer
        except BaseException:
            self._note(Slow(name, perf_counter() - begun, None, sql, args))
            raise
        seconds = perf_counter() - begun
        if seconds < self._limit:
            self.durations.add(seconds, (name,))
        else:
            self._note(Slow(name, seconds, rows(found), sql, args))
        return found

    def _note(self, statement: Slow) -> None:
        self.durations.add(statement.seconds, (statement.name,))
        if statement.seconds >= self._limit and self._tell is not None:
            self._tell(statement)
