"""Turns what the driver raises into the errors of the business, once, for every statement.

A violated constraint becomes the error that its name stands for; everything that means "the database is away, busy
or gave up" becomes `Overloaded`, because another attempt may succeed.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import asyncpg

from taskapi.errors import Error, Overloaded
from taskapi.kit.telemetry import logger

ServerRefusal = asyncpg.PostgresError
"""What the server says no with, where no error of the business stands for it."""

TableMissing = asyncpg.UndefinedTableError
"""The schema is not that of the code."""

Constraints = Mapping[str, type[Error]]

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InvalidCachedStatementError,
)
"""Time-outs, lost connections, shutdowns, deadlocks, full tables of connections, a primary that became a replica."""


@contextmanager
def translated(constraints: Constraints) -> Iterator[None]:
    """Raise the business error for whatever the driver raises inside."""
    try:
        yield
    except asyncpg.PostgresError as error:
        error.detail = None  # it quotes rows, which belong in no log
        known = constraints.get(error.constraint_name or "")
        if known is not None:
            raise known() from error
        if not isinstance(error, AWAY):
            raise
        raise _away(error) from error
    except AWAY as error:
        raise _away(error) from error


def _away(error: BaseException) -> Overloaded:
    logger("taskapi.database").warning("the database does not answer", reason=error)
    return Overloaded("The database does not answer at the moment; try again shortly.")
