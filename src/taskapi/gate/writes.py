"""What hangs on every transaction: `begin` before COMMIT, `end` after it, and what happens where Redis is away."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID
from weakref import WeakKeyDictionary

from taskapi.contracts.events import SessionsEnded
from taskapi.errors import Overloaded
from taskapi.gate import store
from taskapi.gate.lease import Lease
from taskapi.gate.versions import NOTHING_COMMITTED, Versions, Write, fields_of
from taskapi.kit.database import Database, Transaction, position
from taskapi.kit.telemetry import logger

Announced = Callable[[Sequence[UUID]], None]
"""Takes the outbox rows of a write whose fields have new versions."""

Buried = Callable[[UUID, Sequence[UUID]], None]
"""Takes a user and the sessions of theirs that are over."""


OVER_SECONDS = 0.025
"""How old a write is at most for which a read waits, and for how long: most are over in a few milliseconds."""

CONFIRM_SECONDS = 8.0
"""How long a change waits to be confirmed, in three rounds of closing the gate at most; then it is given up."""


class Writes:
    """The hooks around a commit."""

    def __init__(
        self, database: Database, versions: Versions, lease: Lease, announced: Announced, buried: Buried
    ) -> None:
        self._database = database
        self._versions = versions
        self._lease = lease
        self._announced = announced
        self._buried = buried
        self._under_way: WeakKeyDictionary[Transaction, Write] = WeakKeyDictionary()
        self.wrote_without_begin = False
        """Since this was last looked at and reset."""

    def hang(self) -> None:
        """Be called around every commit from now on."""
        hooks = self._database.hooks
        hooks.at_last_statement.append(self.at_last_statement)
        hooks.before_commit.append(self.before_commit)
        hooks.after_commit.append(self.after_commit)
        hooks.after_rollback.append(self.after_rollback)

    def at_last_statement(self, transaction: Transaction) -> None:
        """Begin, without waiting for it yet."""
        touched = {user_id: fields for user_id, fields in transaction.touched.items() if fields}
        if touched:
            write = self._under_way[transaction] = Write(touched, transaction.introduced)
            if self._lease.closing is None:
                write.beginning = asyncio.ensure_future(self._versions.begin(write))

    async def before_commit(self, transaction: Transaction) -> None:
        """See that it has begun; raises Overloaded if neither Redis knows of the write nor the gate is closed."""
        write = self._under_way.get(transaction)
        if write is None or await self._has_begun(write):
            return
        if write.fields.keys() <= write.introduced:  # nobody can hold anything of users whom nobody knows
            return
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                while not await self._is_closed(transaction) and not await self._versions.begin(write):
                    pass  # the gate was opened again meanwhile; each round waits until it is closed for everybody
        except TimeoutError:
            raise Overloaded("The cache cannot be told of this change at the moment; try again shortly.") from None

    async def after_commit(self, transaction: Transaction) -> None:
        """End; returns once nobody can be served what was before."""
        for event in transaction.events:
            if isinstance(event, SessionsEnded):
                self._buried(event.user_id, event.session_ids)
        with self._last_of(transaction) as write:
            if write is not None and not write.begun:
                return  # the gate is closed or nobody knows these users: the relay announces the rows
            if write is not None and not await self._versions.end(write, transaction.position):
                await self._close()
                return
            self._announced(transaction.outbox_ids)

    async def after_rollback(self, transaction: Transaction) -> None:
        """End a write that changed nothing; its deadline would do it too."""
        with self._last_of(transaction) as write:
            if write is not None and write.beginning is not None:
                await write.beginning
                await self._versions.end(write, NOTHING_COMMITTED)

    async def over(self, user_id: UUID, field: str) -> bool:
        """Wait a moment for the young writes of a user's field that are under way here; say whether they ended."""
        young = asyncio.get_running_loop().time() - OVER_SECONDS
        writes = [each for each in self._under_way.values() if each.started > young]
        ends = [write.over for write in writes if field in write.fields.get(user_id, ())]
        return bool(ends) and not (await asyncio.wait(ends, timeout=OVER_SECONDS))[1]

    async def settle(self, user_id: UUID) -> None:
        """Announce a user's rows that nobody announced yet; returns once nobody can be served what was before."""
        async with self._database.read() as connection:
            rows = await store.waiting_of(connection, user_id)
            place = await position.ask(connection) if rows and self._database.replicas else position.UNKNOWN
        if rows and self._lease.closing is None and await self._versions.announce(fields_of(rows), place):
            self._announced([row.id for row in rows])
        elif rows:
            await self._close()

    @contextmanager
    def _last_of(self, transaction: Transaction) -> Iterator[Write | None]:
        """Do what comes last of a transaction's write."""
        write = self._under_way.get(transaction)
        try:
            yield write
        finally:
            self._under_way.pop(transaction, None)
            if write is not None:
                write.over.set_result(None)

    async def _has_begun(self, write: Write) -> bool:
        """Say whether Redis confirmed the beginning, lately enough: a flush since then would have been noticed."""
        if write.beginning is None:
            return False
        return await write.beginning and (self._versions.is_recent(write) or await self._versions.begin(write))

    async def _is_closed(self, transaction: Transaction) -> bool:
        """Make sure that nobody serves what is kept, and keep it so until the transaction ends."""
        self.wrote_without_begin = True
        if self._lease.closing is None:
            await self._close()
        await self._lease.settle()
        closing = self._lease.closing
        await transaction.execute("SAVEPOINT /* gate.savepoint */ gate")
        generation = await store.closed_generation(transaction)
        if closing is not None and generation == closing.token:
            return True
        await transaction.execute("ROLLBACK /* gate.let_go */ TO SAVEPOINT gate")  # lets go of the row
        return False

    async def _close(self) -> None:
        """Close the gate and wait until that has reached everybody; raises Overloaded if PostgreSQL is away too."""
        try:
            await self._lease.close()
        except Exception as error:
            raise Overloaded("The change could not be confirmed; ask again whether it is there.") from error
        logger("taskapi.gate").warning("the gate is closed: Redis did not confirm a write")
        await self._lease.settle()
