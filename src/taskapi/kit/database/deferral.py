"""Lets the edge of a request put something into the request's own transaction and commit it last.

An idempotent answer must be stored in the same transaction as its effect, but the answer exists only after the use
case, which opened the transaction, is through. Inside `deferred_commit` the transaction that a use case leaves is kept
open until the edge says `commit` or `rollback`. A request has at most one such transaction.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

from taskapi.kit.database.transaction import Transaction, Unit

current: ContextVar["Deferral | None"] = ContextVar("deferral", default=None)


class Deferral:
    """The one transaction of a request, held open for the edge."""

    def __init__(self, opened: Callable[[Transaction], Awaitable[None]]) -> None:
        self._opened = opened
        """Runs first in the transaction; what it raises ends the transaction before any effect."""
        self._unit: Unit | None = None

    @property
    def transaction(self) -> Transaction | None:
        """The transaction that waits for `commit`; None if the request wrote nothing."""
        return self._unit.transaction if self._unit else None

    async def begin(self, transaction: Transaction) -> None:
        """Run what comes first in a transaction of the request; raises RuntimeError if this is the second one."""
        if self._unit is not None:
            raise RuntimeError("a request with an Idempotency-Key may open only one transaction")
        await self._opened(transaction)

    def keep(self, unit: Unit) -> None:
        """Take over a transaction whose use case is through."""
        self._unit = unit

    async def commit(self) -> None:
        """Commit what was kept, if anything; work that follows the commit has transactions of its own."""
        unit, self._unit = self._unit, None
        token = current.set(None)
        try:
            if unit is not None:
                await unit.commit()
        finally:
            current.reset(token)

    async def rollback(self) -> None:
        """Undo what was kept, if anything."""
        unit, self._unit = self._unit, None
        if unit is not None:
            await unit.rollback()


@asynccontextmanager
async def deferred_commit(opened: Callable[[Transaction], Awaitable[None]]) -> AsyncIterator[Deferral]:
    """Defer the commit of the transaction opened inside; what was not committed at the end is rolled back."""
    deferral = Deferral(opened)
    token = current.set(deferral)
    try:
        yield deferral
    finally:
        current.reset(token)
        await deferral.rollback()


@contextmanager
def apart() -> Iterator[None]:
    """Let a transaction opened inside commit by itself: what it does must last even if the request fails."""
    token = current.set(None)
    try:
        yield
    finally:
        current.reset(token)
