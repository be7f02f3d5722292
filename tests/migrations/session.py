"""Sessions with PostgreSQL that a test which is no coroutine can leave open."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg


class Session:
    """One connection, on an event loop of its own."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._connection = self._loop.run_until_complete(asyncpg.connect(url, timeout=10))

    def execute(self, statement: str) -> None:
        """Run a statement."""
        self._loop.run_until_complete(self._connection.execute(statement))

    def value(self, query: str) -> Any:
        """Return the first column of the first row."""
        return self._loop.run_until_complete(self._connection.fetchval(query))

    def close(self) -> None:
        """End it, and whatever it holds."""
        self._connection.terminate()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()


@contextmanager
def sessions() -> Iterator[Callable[[str], Session]]:
    """Opens sessions that end with the block."""
    opened: list[Session] = []

    def open_one(url: str) -> Session:
        opened.append(Session(url))
        return opened[-1]

    try:
        yield open_one
    finally:
        for session in opened:
            session.close()
