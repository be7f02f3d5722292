"""Where a database stands, and whether this release can use it: asked at every start, beside older and newer ones.

The database says in `alembic_version` where it stands and, should it be ahead of the code, in `schema_floor` which
releases can still use it. It is asked without Alembic, whose import takes longer than all the rest of a look.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from taskapi.kit.database.opening import connect
from taskapi.kit.database.url import DatabaseUrl
from taskapi.migrations.steps import Step

CONNECT_SECONDS = 5
STEP = "SELECT /* schema.step */ version_num FROM alembic_version"
FLOOR = "SELECT /* schema.floor */ step FROM schema_floor"

Fetch = Callable[..., Awaitable[Any]]


class Status(NamedTuple):
    """Where the database stands and where the code wants it; steps are numbers of four digits."""

    current: str | None
    head: str
    """The newest step of this release."""

    before_deploy: str
    """The newest step that may run while older releases serve."""

    floor: str | None = None
    """The step that a release must have to use this database; None if the database does not say."""

    @property
    def is_current(self) -> bool:
        """Whether nothing is left to do."""
        return self.current == self.head

    @property
    def is_ahead(self) -> bool:
        """Whether a newer release has been here."""
        return self.current is not None and self.current > self.head

    @property
    def is_usable(self) -> bool:
        """Whether this release can work on it."""
        if self.is_ahead:
            return self.floor is not None and self.floor <= self.head
        return self.current is not None and self.current >= self.before_deploy

    def __str__(self) -> str:
        """Say it to a person."""
        state = f"database at step {self.current or 'none'}"
        if self.is_current:
            return f"{state}: up to date"
        if not self.is_ahead and not self.is_usable:
            return f"{state}: the newest step is {self.head}; run `task-api migrate up`"
        if not self.is_ahead:
            return f"{state}: ready; once no older release runs, `task-api migrate up head` goes on to {self.head}"
        if self.is_usable:
            return f"{state}: ahead of this release, whose newest is {self.head} and which can still use it"
        told = f"releases need step {self.floor}" if self.floor else "it does not say which releases can use it"
        return f"{state}: too new for this release, whose newest is {self.head} ({told}); start a newer release"


async def look(address: DatabaseUrl, steps: Sequence[Step]) -> Status:
    """Return where the database stands, whose newest `steps` come last; PgBouncer may be in between."""
    connection = await connect(address.dsn, timeout=CONNECT_SECONDS, statement_cache_size=0)
    try:
        async with connection.transaction(readonly=True):
            if address.search_path:
                await connection.execute(f"SET LOCAL search_path = {address.search_path}")
            return await look_through(connection.fetchval, steps)
    finally:
        await connection.close(timeout=CONNECT_SECONDS)


async def look_through(fetch_value: Fetch, steps: Sequence[Step]) -> Status:
    """Return the same by a connection that is open: `fetch_value` returns the first value that a query finds."""
    current = await _value(fetch_value, "alembic_version", STEP)
    floor = await _value(fetch_value, "schema_floor", FLOOR)
    early = [step.number for step in steps if not step.is_late]
    return Status(current, steps[-1].number, early[-1] if early else "", floor)


async def _value(fetch_value: Fetch, table: str, query: str) -> Any:
    """Return what `query` finds; None if its table is not there."""
    is_there = await fetch_value("SELECT /* schema.has */ to_regclass($1) IS NOT NULL", table)
    return await fetch_value(query) if is_there else None
