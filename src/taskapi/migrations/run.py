"""Moves the database from one step to another. Several instances may start at once: one works, the others wait.

Every lock is waited for three seconds at the most, so that a migration never queues up the whole API behind itself.
"""

import asyncio
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from taskapi.kit.database import url

LOCK = 7_205_759_403_792_793
"""The advisory lock that instances take in turn; any number of ours does."""
WAIT_FOR_OTHERS = "120s"
CONNECT_SECONDS = 5
CONCURRENTLY = re.compile(r"(?<=INDEX )CONCURRENTLY ", re.IGNORECASE)


class Status(NamedTuple):
    """Where the database stands and where the code wants it."""

    current: str | None
    head: str

    @property
    def is_current(self) -> bool:
        """Whether nothing is left to do."""
        return self.current == self.head


def upgrade(database_url: str, revision: str = "head") -> Status:
    """Apply every step up to `revision`; does nothing if they are applied."""
    return _on_database(database_url, lambda config: command.upgrade(config, revision))


def downgrade(database_url: str, revision: str = "-1") -> Status:
    """Take steps back down to `revision`, or `base`."""
    return _on_database(database_url, lambda config: command.downgrade(config, revision))


def status(database_url: str) -> Status:
    """Return where the database stands."""
    return _on_database(database_url, None)


def sql(start: str = "base", end: str = "head") -> str:
    """Return the SQL of all steps between two revisions, without a database."""
    written = StringIO()
    config = _config()
    config.output_buffer = written
    command.upgrade(config, f"{start}:{end}", sql=True)
    return written.getvalue()


def steps() -> tuple[str, ...]:
    """Return the names of all steps that this release knows, the first one first."""
    return tuple(step.revision for step in ScriptDirectory.from_config(_config()).walk_revisions())[::-1]


def rebuilding_sql(current: str | None, step: str) -> str:
    """Return the SQL that makes an empty schema at `step` of one at `current`, for a transaction of the caller's.

    Nobody else sees these tables, and a transaction cannot make an index concurrently: so it is made as any other.
    """
    written = StringIO()
    config = _config()
    config.output_buffer = written
    config.attributes["transactional_ddl"] = False
    if current is not None:
        command.downgrade(config, f"{current}:base", sql=True)
    written.write("DROP TABLE IF EXISTS alembic_version;\n")
    command.upgrade(config, f"base:{step}", sql=True)
    return CONCURRENTLY.sub("", written.getvalue())


def _on_database(database_url: str, work: Callable[[Config], None] | None) -> Status:
    return asyncio.run(_connected(database_url, work))


async def _connected(database_url: str, work: Callable[[Config], None] | None) -> Status:
    address = url.parse(database_url)
    engine = create_async_engine("postgresql+asyncpg://", poolclass=NullPool, async_creator=lambda: _connect(address))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(lambda sync: _work(sync, work, address.search_path))
    finally:
        await engine.dispose()


async def _connect(address: url.DatabaseUrl) -> "asyncpg.Connection[Any]":
    """Let the driver itself read the address, which it does as it does for the pool."""
    settings = {"search_path": address.search_path} if address.search_path else {}
    return await asyncpg.connect(address.dsn, timeout=CONNECT_SECONDS, server_settings=settings)


def _work(connection: Connection, work: Callable[[Config], None] | None, schema: str | None) -> Status:
    config = _config()
    head = ScriptDirectory.from_config(config).get_current_head() or ""
    current = MigrationContext.configure(connection).get_current_revision()
    if work is None:
        return Status(current, head)
    _take_turn(connection)
    _make_schema(connection, schema)
    config.attributes["connection"] = connection
    work(config)
    connection.commit()
    return Status(MigrationContext.configure(connection).get_current_revision(), head)


def _take_turn(connection: Connection) -> None:
    """Wait for other instances with the session's lock, then set the limits for the steps themselves."""
    connection.execute(text("SET statement_timeout = '600s'"))
    connection.execute(text(f"SET lock_timeout = '{WAIT_FOR_OTHERS}'"))
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
    connection.execute(text("SET lock_timeout = '3s'"))
    connection.commit()


def _make_schema(connection: Connection, schema: str | None) -> None:
    """Make the schema that the URL names if it is not there; where it is, no right to make one is needed."""
    if schema is not None and connection.scalar(text("SELECT to_regnamespace(:name)"), {"name": schema}) is None:
        connection.execute(text(f"CREATE SCHEMA {schema}".replace(":", r"\:")))
    connection.commit()


def _config() -> Config:
    config = Config()
    options: dict[str, Any] = {"script_location": str(Path(__file__).parent), "path_separator": "os"}
    for name, value in options.items():
        config.set_main_option(name, value.replace("%", "%%"))
    return config
