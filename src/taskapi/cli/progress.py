"""Shows how far long work is: a bar on a terminal, a line for each table elsewhere, both on standard error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from taskapi.backup.model import Progress as Listener

ROWS_A_LINE = 1_000_000


class _Bar:
    """One bar for each table, below each other."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._current = bars.add_task("", total=None, visible=False)

    def begin(self, table: str, rows: int | None) -> None:
        self._current = self._bars.add_task(table, total=rows)

    def advance(self, rows: int) -> None:
        self._bars.advance(self._current, rows)


class _Lines:
    """For logs: a line when a table is begun, and one whenever so many more rows are through."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._table, self._rows = "", 0

    def begin(self, table: str, rows: int | None) -> None:
        self._table, self._rows = table, 0
        typer.echo(f"{self._doing} {table}" + (f", about {rows:,} rows" if rows else ""), err=True)

    def advance(self, rows: int) -> None:
        before, self._rows = self._rows, self._rows + rows
        if self._rows // ROWS_A_LINE > before // ROWS_A_LINE:
            typer.echo(f"{self._doing} {self._table}: {self._rows:,} rows so far", err=True)


@contextmanager
def shown(doing: str) -> Iterator[Listener]:
    """Give what is to be told how far the work is; `doing` is the word for it."""
    if not sys.stderr.isatty():
        yield _Lines(doing)
        return
    columns = (
        TextColumn(f"{doing} {{task.description}}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        yield _Bar(bars)
