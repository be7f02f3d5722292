"""Moves the database from one step to another. Several instances may start at once: one works, the others wait.

What a start does by itself stops before the steps that older releases would not survive.
"""

import asyncio
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from taskapi.kit.database import url
from taskapi.migrations.status import Status, look
from taskapi.migrations.turn import Refused, insist, take_turn

__all__ = [
    "Refused",
    "Status",
    "downgrade",
    "prepare",
    "rebuilding_sql",
    "sql",
    "status",
    "steps",
    "upgrade",
]

Work = Callable[[Config], None]

FOLDER = Path(__file__).parent
CONNECT_SECONDS = 5
CONCURRENTLY = re.compile(r"(?<=INDEX )CONCURRENTLY ", re.IGNORECASE)
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


def _on_database(database_url: str, work: Work | None) -> Status:
    return asyncio.run(_connected(url.parse(database_url), work))


async def _connected(address: url.DatabaseUrl, work: Work | None) -> Status:
    if address.pgbouncer and work is not None:
        raise Refused(DIRECTLY)
    engine = create_async_engine("postgresql+asyncpg://", poolclass=NullPool, async_creator=lambda: _connect(address))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(lambda sync: _work(sync, work, address))
    finally:
        await engine.dispose()


async def _connect(address: url.DatabaseUrl) -> "asyncpg.Connection[Any]":
    """Let the driver itself read the address, which it does as it does for the pool."""
    if address.pgbouncer:
        return await asyncpg.connect(address.dsn, timeout=CONNECT_SECONDS, statement_cache_size=0)
    settings = {"search_path": address.search_path} if address.search_path else {}
    return await asyncpg.connect(address.dsn, timeout=CONNECT_SECONDS, server_settings=settings)


def _work(connection: Connection, work: Work | None, address: url.DatabaseUrl) -> Status:
    config = _config()
    scripts = ScriptDirectory.from_config(config)
    if work is not None:
        take_turn(connection)
        _make_schema(connection, address.search_path)
        config.attributes["connection"] = connection
        insist(connection, lambda: work(config))
        connection.commit()
    elif address.search_path:
        connection.execute(text(f"SET LOCAL search_path = {address.search_path}".replace(":", r"\:")))
    return look(connection, scripts)


def _make_schema(connection: Connection, schema: str | None) -> None:
    """Make the schema that the URL names if it is not there; where it is, no right to make one is needed."""
    if schema is not None and connection.scalar(text("SELECT to_regnamespace(:name)"), {"name": schema}) is None:
        connection.execute(text(f"CREATE SCHEMA {schema}".replace(":", r"\:")))
    connection.commit()


def _config() -> Config:
    config = Config()
    options: dict[str, Any] = {"script_location": str(FOLDER), "path_separator": "os"}
    for name, value in options.items():
        config.set_main_option(name, value.replace("%", "%%"))
    return config
