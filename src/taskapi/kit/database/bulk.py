"""A connection that moves whole tables, in one transaction that lasts for as long as something moves.

It has no time limit as a whole, for nobody knows how large a database is. Instead no step of it may stand still: rows
have to come or go within `STALL_SECONDS`, a lock has to be there within `LOCK_SECONDS`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import asyncpg

from taskapi.errors import Overloaded
from taskapi.kit.database import url
from taskapi.kit.database.connection import Row
from taskapi.kit.database.opening import connect

CONNECT_SECONDS = 5
STALL_SECONDS = 60
LOCK_SECONDS = 30
STATEMENT_SECONDS = 60
LONG_STATEMENT_SECONDS = 6 * 60 * 60
"""An index over a large table, of which no progress can be seen."""

SAME_EVERYWHERE = {
    "datestyle": "'ISO, YMD'",
    "timezone": "'UTC'",
    "intervalstyle": "'iso_8601'",
    "extra_float_digits": "1",
    "bytea_output": "'hex'",
    "synchronize_seqscans": "off",
}
"""What decides how values are written as text, and in which order a table is read."""

LIMITS = {
    "statement_timeout": "0",
    "lock_timeout": f"'{LOCK_SECONDS}s'",
    "idle_in_transaction_session_timeout": f"'{STALL_SECONDS * 5}s'",
}
SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
DEADLOCK_ATTEMPTS = 5


class BulkConnection:
    """One transaction; made by `bulk_connection`."""

    def __init__(self, connection: "asyncpg.Connection[Any]", schema: str | None) -> None:
        self._connection = connection
        self.schema = schema

    async def execute(self, sql: str, *, seconds: float = STATEMENT_SECONDS) -> None:
        """Run statements."""
        async with asyncio.timeout(seconds):
            await self._connection.execute(sql)

    async def fetch(self, sql: str, *args: Any) -> list[Row]:
        """Return all rows."""
        return cast(list[Row], await self._connection.fetch(sql, *args, timeout=STATEMENT_SECONDS))

    async def fetch_value(self, sql: str, *args: Any) -> Any:
        """Return the first column of the first row, or None."""
        return await self._connection.fetchval(sql, *args, timeout=STATEMENT_SECONDS)

    async def lock(self, tables: Sequence[str], mode: str) -> None:
        """Lock tables; requests that hold some of them already may win, and then it is tried again."""
        names = ", ".join(quoted(table) for table in tables)
        for left in reversed(range(DEADLOCK_ATTEMPTS if names else 0)):
            await self.execute("SAVEPOINT locks")
            try:
                await self.execute(f"LOCK TABLE {names} IN {mode} MODE", seconds=LOCK_SECONDS * len(tables))
                break
            except asyncpg.DeadlockDetectedError:
                if not left:
                    raise
                await self.execute("ROLLBACK TO locks")

    async def copy_out(self, table: str, columns: Sequence[str], take: Callable[[bytes], object]) -> None:
        """Give a table's rows to `take` as text, piece by piece, no faster than it takes them."""
        async with asyncio.timeout(STALL_SECONDS) as stall:

            async def sink(piece: bytes) -> None:
                take(piece)
                _postpone(stall)

            await self._connection.copy_from_table(table, columns=list(columns), output=sink, format="text")

    async def copy_in(self, table: str, columns: Sequence[str], pieces: Iterator[bytes]) -> None:
        """Fill a table that this transaction emptied or made: nobody sees it, so its rows need no freezing later."""
        async with asyncio.timeout(STALL_SECONDS) as stall:

            async def source() -> AsyncIterator[bytes]:
                for piece in pieces:
                    yield piece
                    _postpone(stall)

            await self._connection.copy_to_table(
                table, columns=list(columns), source=source(), format="text", freeze=True
            )


@asynccontextmanager
async def bulk_connection(address: str, *, snapshot: bool) -> AsyncIterator[BulkConnection]:
    """Open a transaction, of one moment and unable to write if it is a `snapshot`; it commits if the block ends well.

    Raises OSError, `ServerRefusal` or Overloaded. A block that fails closes the connection, which undoes everything.
    """
    place = url.parse(address)
    with _explained():
        connection = await connect(place.dsn, timeout=CONNECT_SECONDS)
        try:
            opened = BulkConnection(connection, place.search_path)
            await opened.execute(SNAPSHOT if snapshot else "BEGIN")
            await opened.execute(_settings(connection.get_server_version().major, place.search_path))
            yield opened
            await _commit(opened)
        finally:
            with contextlib.suppress(TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=CONNECT_SECONDS)


def quoted(name: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


async def _commit(opened: BulkConnection) -> None:
    """Commit; whoever wants to stop it comes too late and is not heard, for the outcome has to be told."""
    commit = asyncio.create_task(opened.execute("COMMIT"))
    while not commit.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(commit)
    commit.result()


def _settings(major: int, search_path: str | None) -> str:
    """Return the settings of this transaction alone, so that a pooler between may lend the connection on."""
    settings = SAME_EVERYWHERE | LIMITS
    if major >= 17:
        settings["transaction_timeout"] = "0"
    if search_path is not None:
        settings["search_path"] = search_path
    return "; ".join(f"SET LOCAL {name} = {value}" for name, value in settings.items())


def _postpone(stall: asyncio.Timeout) -> None:
    stall.reschedule(asyncio.get_running_loop().time() + STALL_SECONDS)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except asyncpg.PostgresError as error:
        error.detail = None  # it quotes rows, which belong on no screen
        raise
    except asyncpg.InterfaceError as error:
        raise Overloaded(f"The connection to the database was lost: {error}") from error
    except TimeoutError as error:
        raise Overloaded("The database did not answer in time.") from error
