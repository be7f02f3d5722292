"""Takes how long each statement runs, under its name, and passes on what there is to tell of slow ones."""

from collections.abc import Awaitable, Callable, Sequence
from heapq import nlargest
from math import inf
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

from taskapi.kit.metrics import Distribution, Series

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


class Timing(NamedTuple):
    """How long the runs of one statement took, those that failed included."""

    name: str
    slowest: float
    """Seconds."""

    times: int
    """How often it was run."""


class _Runs:
    """What is added to at each run of a statement."""

    __slots__ = ("series", "slowest")

    def __init__(self, series: Series) -> None:
        self.series = series
        self.slowest = 0.0


class Stopwatch:
    """Times the statements of a process, on whichever connection they run."""

    def __init__(self, limit: float = inf, tell: Callable[[Slow], None] | None = None) -> None:
        """`tell` is given each statement that took `limit` seconds or longer; it returns at once and never fails."""
        self.durations = Distribution(
            "db_statement_duration_seconds", "How long SQL statements took, those that failed included.", ("statement",)
        )
        self._limit = limit
        self._tell = tell
        self._runs: dict[str, _Runs] = {}

    def slowest(self, number: int) -> list[Timing]:
        """Return so many statements of which some run took longest since the process began, the slowest first."""
        timings = (Timing(name, runs.slowest, sum(runs.series.counts)) for name, runs in self._runs.items())
        return nlargest(number, timings, key=lambda timing: timing.slowest)

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
            self._add(name, seconds)
        else:
            self._note(Slow(name, seconds, rows(found), sql, args))
        return found

    def _note(self, statement: Slow) -> None:
        self._add(statement.name, statement.seconds)
        if statement.seconds >= self._limit and self._tell is not None:
            self._tell(statement)

    def _add(self, name: str, seconds: float) -> None:
        runs = self._runs.get(name)
        if runs is None:
            runs = self._runs[name] = _Runs(self.durations.series((name,)))
        runs.series.add(seconds)
        runs.slowest = max(runs.slowest, seconds)
