"""Moves the database from one step to another. Several instances may start at once: one works, the others wait.

What a start does by itself stops before the steps that older releases would not survive.
"""

import asyncio
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

import asyncpg

from taskapi.kit.database import url
from taskapi.migrations.refusal import Refused
from taskapi.migrations.status import Fetch, Status, look, look_through
from taskapi.migrations.steps import read_steps

if TYPE_CHECKING:
    from taskapi.migrations.walk import Walk

__all__ = [
    "Refused",
    "Status",
    "downgrade",
    "prepare",
    "rebuilding_sql",
    "sql",
    "status",
    "status_through",
    "steps",
    "upgrade",
    "upgrade_if_behind",
]

FOLDER = Path(__file__).parent
DIRECTLY = "The schema is not changed through PgBouncer; set DATABASE_DIRECT_URL to the address of PostgreSQL itself."


def prepare(database_url: str) -> Status:
    """Apply what has to be there before this release starts; raises `Refused` if it cannot use the database.

    Older releases may serve meanwhile. Where nothing is missing nobody is waited for.
    """
    found = status(database_url)
    if not found.is_usable and not found.is_ahead:
        found = upgrade(database_url, found.before_deploy)
    if not found.is_usable:
        raise Refused(str(found))
    return found


def upgrade(database_url: str, revision: str = "head") -> Status:
    """Apply every step up to `revision`; raises `Refused`."""
    _walk().up(_past_pooler(database_url), revision)
    return status(database_url)


def upgrade_if_behind(database_url: str) -> Status:
    """Apply every step; where all are applied nobody is waited for. Raises `Refused`."""
    found = status(database_url)
    return found if found.is_current else upgrade(database_url)


def downgrade(database_url: str, revision: str = "-1") -> Status:
    """Take steps back down to `revision`, or `base`; raises `Refused`."""
    _walk().down(_past_pooler(database_url), revision)
    return status(database_url)


def status(database_url: str) -> Status:
    """Return where the database stands; raises `Refused`, or OSError if it is away."""
    try:
        return asyncio.run(look(url.parse(database_url), read_steps(FOLDER)))
    except asyncpg.PostgresError as error:
        raise Refused(str(error)) from error


async def status_through(fetch_value: Fetch) -> Status:
    """Return the same by a connection that is open, with up to four queries."""
    return await look_through(fetch_value, read_steps(FOLDER))


def sql(start: str = "base", end: str = "head") -> str:
    """Return the SQL of all steps between two revisions, without a database."""
    return _walk().sql(start, end)


def steps() -> tuple[str, ...]:
    """Return the names of all steps that this release knows, the first one first."""
    return tuple(step.number for step in read_steps(FOLDER))


def rebuilding_sql(current: str | None, step: str) -> str:
    """Return the SQL that makes an empty schema at `step` of one at `current`, for a transaction of the caller's."""
    return _walk().rebuilding_sql(current, step)


def _past_pooler(database_url: str) -> url.DatabaseUrl:
    address = url.parse(database_url)
    if address.pgbouncer:
        raise Refused(DIRECTLY)
    return address


def _walk() -> "Walk":
    """Load Alembic only when something is to be done: that takes longer than a start that changes nothing."""
    return cast("Walk", import_module("taskapi.migrations.walk").Walk(FOLDER))
