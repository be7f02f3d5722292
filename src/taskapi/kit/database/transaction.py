"""A transaction: it writes, collects what happened and what it touched, and stores both before it commits.

Whatever must not leave before COMMIT (purges, events, sockets, mail) hangs on `after_commit`; whatever must be known
elsewhere before it hangs on the pool's hooks. Once a commit or a rollback has begun nobody can abandon it: a
cancelled caller waits.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from taskapi.kit import outbox
from taskapi.kit.clock import Clock
from taskapi.kit.database import position
from taskapi.kit.database.combination import Statement, combined
from taskapi.kit.database.connection import Connection, ReadConnection, StatementCounter
from taskapi.kit.database.faults import Constraints, translated
from taskapi.kit.database.naming import name_of
from taskapi.kit.database.stopwatch import Stopwatch
from taskapi.kit.database.watched import watched
from taskapi.kit.request import request_id
from taskapi.kit.tasks import to_the_end
from taskapi.kit.telemetry import logger

Hook = Callable[["Transaction"], Awaitable[None]]

ROLLBACK_SECONDS = 1
"""A server that is silent for so long has its connection closed, which undoes as well."""

POSITION_SECONDS = 1
"""A server that has just committed answers at once, or is gone."""

REFUSED = "ERROR"
"""How PostgreSQL marks an answer that undid the transaction; after FATAL or silence it may have been committed."""


class Transaction(ReadConnection):
    """Runs statements that write. Made by `Database.transaction`, never by hand."""

    def __init__(
        self, connection: "Connection[Any]", counter: StatementCounter, stopwatch: Stopwatch, clock: Clock
    ) -> None:
        super().__init__(connection, counter, stopwatch)
        self._clock = clock
        self._events: list[outbox.Event] = []
        self._touched: dict[UUID, frozenset[str]] = {}
        self._introduced: set[UUID] = set()
        self._after: list[Callable[[], Awaitable[None]]] = []
        self._last: list[Statement] = []
        self._outbox_ids: Sequence[UUID] = ()
        self.position = position.UNKNOWN
        """From where on a replica has this transaction, once it is committed; UNKNOWN if nobody reads replicas."""

    @property
    def touched(self) -> dict[UUID, frozenset[str]]:
        """The version fields that this transaction outdates, by user."""
        return dict(self._touched)

    @property
    def introduced(self) -> frozenset[UUID]:
        """The users whom nobody can know before this transaction is committed."""
        return frozenset(self._introduced)

    @property
    def events(self) -> Sequence[outbox.Event]:
        """What happened, so far."""
        return self._events

    @property
    def outbox_ids(self) -> Sequence[UUID]:
        """The rows that `store_events` wrote."""
        return self._outbox_ids

    async def execute(self, sql: str, *args: Any, seconds: float | None = None) -> int:
        """Run one statement and return how many rows it changed; `seconds` is its time limit if not the usual one."""
        self._counter.count += 1
        answer = self._connection.execute(sql, *args, timeout=seconds)
        return _changed(await self._stopwatch.time(answer, name_of(sql), _changed, sql, args))

    def emit(self, event: outbox.Event) -> None:
        """Record something that happened; it is stored with the change and announced after the commit."""
        self._events.append(event)

    def touch(self, user_id: UUID, *fields: str) -> None:
        """Say that cached answers of this user which depend on `fields` are outdated from the commit on."""
        self._touched[user_id] = self._touched.get(user_id, frozenset()).union(fields)

    def introduce(self, user_id: UUID) -> None:
        """Say that this user is new: whatever is touched of theirs was never seen by anybody."""
        self._introduced.add(user_id)

    def after_commit(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` once the commit is confirmed; never if the transaction fails."""
        self._after.append(work)

    def insert_last(self, sql: str, *args: Any) -> None:
        """Run an INSERT in the round trip of the events, just before COMMIT; no statement of this transaction sees it.

        What it violates is raised by the commit.
        """
        self._last.append((sql, args))

    async def store_events(self) -> None:
        """Write the outbox rows and what `insert_last` was given: the last statement before COMMIT."""
        columns = outbox.rows(self._events, self._touched, self._clock())
        self._outbox_ids = columns[0]
        events: list[Statement] = [(outbox.INSERT_EVENTS, columns)] if columns[0] else []
        if statements := [*events, *self._last]:
            sql, args = combined(statements)
            await self.execute(sql, *args)

    async def run_after_commit(self) -> None:
        """Run what hung on the commit, in order; a failure is no failure of the write, which is stored."""
        for work in self._after:
            try:
                await work()
            except Exception as error:
                logger("taskapi.database").error("work after a commit failed", exc_info=error)


class Unit:
    """The life of one transaction on its connection: begun, then committed or rolled back, exactly once."""

    def __init__(
        self, pool: "asyncpg.Pool[Any]", connection: "Connection[Any]", transaction: Transaction, around: "Around"
    ) -> None:
        self.transaction = transaction
        self._pool = pool
        self._connection = connection
        self._statements = watched(connection)
        self._around = around

    async def begin(self, statements: str) -> None:
        """Send BEGIN and what belongs to it; where that fails, or is cancelled, the connection is closed."""
        try:
            name = request_id.get()
            sql = f"{statements} /* request {name} */" if name else statements
            await self._around.stopwatch.time(self._statements.execute(sql), "begin", _changed)
        except BaseException:
            self._close()
            await self._release()
            raise

    async def commit(self) -> None:
        """Store the events, commit, then run the hooks; a cancelled caller gets its cancellation afterwards."""
        await to_the_end(self._translated_commit())

    async def rollback(self) -> None:
        """Undo everything and give the connection back; a connection that cannot is closed, which undoes as well."""
        await to_the_end(self._rollback())

    async def _translated_commit(self) -> None:
        with translated(self._around.constraints):
            await self._commit()

    async def _commit(self) -> None:
        try:
            for start in self._around.at_last_statement:
                start(self.transaction)
            await self.transaction.store_events()
            for hook in self._around.before_commit:
                await hook(self.transaction)
        except BaseException:
            await self._rollback()
            raise
        await self._send_commit()
        if self._around.notes_positions and self.transaction.touched:
            await self._note_position()
        await self._release()
        for hook in self._around.after_commit:
            await hook(self.transaction)
        await self.transaction.run_after_commit()

    async def _send_commit(self) -> None:
        """Send COMMIT. Where its outcome stays unknown the connection is closed and no hook runs, neither sort."""
        try:
            if await self._around.stopwatch.time(self._statements.execute("COMMIT"), "commit", _changed) != "COMMIT":
                raise RuntimeError("a statement failed, its error was hidden, and so the server rolled back")
        except BaseException as error:
            if getattr(error, "severity_en", None) == REFUSED:
                await self._rollback()
            else:
                self._close()
                await self._release()
            raise

    async def _note_position(self) -> None:
        """Ask how far the log is; who cannot learn it keeps everybody from reading replicas, and nothing else."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(POSITION_SECONDS):
                self.transaction.position = await position.ask(self.transaction)

    async def _rollback(self) -> None:
        try:
            await self._statements.execute("ROLLBACK", timeout=ROLLBACK_SECONDS)
        except Exception:
            self._close()
        await self._release()
        for hook in self._around.after_rollback:
            await hook(self.transaction)

    def _close(self) -> None:
        with contextlib.suppress(asyncpg.InterfaceError):  # a connection that was lost has left us already
            self._connection.terminate()

    async def _release(self) -> None:
        await self._pool.release(self._connection)


def _changed(status: str) -> int:
    """Return how many rows a statement changed, from what the server says of it."""
    last = status.rpartition(" ")[2]
    return int(last) if last.isdigit() else 0


class Around:
    """What belongs to every transaction: the constraints' errors, and the hooks that other rooms hang on it."""

    def __init__(self, constraints: Constraints, stopwatch: Stopwatch) -> None:
        self.constraints = constraints
        self.stopwatch = stopwatch
        self.notes_positions = False
        """Whether each transaction that touches something asks after its commit how far the log is."""
        self.at_last_statement: list[Callable[[Transaction], None]] = []
        """Start what may run while the last statement does; a hook before the commit waits for it."""
        self.before_commit: list[Hook] = []
        self.after_commit: list[Hook] = []
        self.after_rollback: list[Hook] = []
