"""Goes from step to step with Alembic, which stands on SQLAlchemy. Only `run` loads this, when there is work for it.

What these two raise ends here: it becomes `Refused`.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from taskapi.kit.database.opening import connect
from taskapi.kit.database.url import DatabaseUrl
from taskapi.migrations.refusal import Refused
from taskapi.migrations.status import CONNECT_SECONDS
from taskapi.migrations.turn import insist, take_turn

Work = Callable[[Config], None]

CONCURRENTLY = re.compile(r"(?<=INDEX )CONCURRENTLY ", re.IGNORECASE)


class Walk:
    """The steps in a folder, up and down, on a database or as SQL; each may raise `Refused`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def up(self, address: DatabaseUrl, revision: str) -> None:
        """Apply every step up to `revision`; does nothing if they are applied."""
        self._go(address, lambda config: command.upgrade(config, revision))

    def down(self, address: DatabaseUrl, revision: str) -> None:
        """Take steps back down to `revision`."""
        self._go(address, lambda config: command.downgrade(config, revision))

    def sql(self, start: str, end: str) -> str:
        """Return the SQL of all steps between two revisions."""
        config, written = self._writing()
        with _translated():
            command.upgrade(config, f"{start}:{end}", sql=True)
        return written.getvalue()

    def rebuilding_sql(self, current: str | None, step: str) -> str:
        """Return the SQL that makes an empty schema at `step` of one at `current`, without transactions.

        Nobody else sees these tables, and a transaction cannot make an index concurrently: so it is made as any other.
        """
        config, written = self._writing()
        config.attributes["transactional_ddl"] = False
        with _translated():
            if current is not None:
                command.downgrade(config, f"{current}:base", sql=True)
            written.write("DROP TABLE IF EXISTS alembic_version;\n")
            command.upgrade(config, f"base:{step}", sql=True)
        return CONCURRENTLY.sub("", written.getvalue())

    def _go(self, address: DatabaseUrl, work: Work) -> None:
        with _translated():
            asyncio.run(_connected(address, lambda connection: _work(connection, self._config(), work, address)))

    def _writing(self) -> tuple[Config, StringIO]:
        config = self._config()
        config.output_buffer = written = StringIO()
        return config, written

    def _config(self) -> Config:
        config = Config()
        options: dict[str, Any] = {"script_location": str(self._folder), "path_separator": "os"}
        for name, value in options.items():
            config.set_main_option(name, value.replace("%", "%%"))
        return config


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise Refused(str(getattr(error.orig, "__cause__", None) or error.orig)) from error
    except (CommandError, SQLAlchemyError, asyncpg.PostgresError) as error:
        raise Refused(str(error)) from error


async def _connected(address: DatabaseUrl, work: Callable[[Connection], None]) -> None:
    engine = create_async_engine("postgresql+asyncpg://", poolclass=NullPool, async_creator=lambda: _connect(address))
    try:
        async with engine.connect() as connection:
            await connection.run_sync(work)
    finally:
        await engine.dispose()


async def _connect(address: DatabaseUrl) -> "asyncpg.Connection[Any]":
    """Let the driver itself read the address, which it does as it does for the pool."""
    settings = {"search_path": address.search_path} if address.search_path else {}
    return await connect(address.dsn, timeout=CONNECT_SECONDS, server_settings=settings)


def _work(connection: Connection, config: Config, work: Work, address: DatabaseUrl) -> None:
    take_turn(connection)
    _make_schema(connection, address.search_path)
    config.attributes["connection"] = connection
    insist(connection, lambda: work(config))
    connection.commit()


def _make_schema(connection: Connection, schema: str | None) -> None:
    """Make the schema that the URL names if it is not there; where it is, no right to make one is needed."""
    if schema is not None and connection.scalar(text("SELECT to_regnamespace(:name)"), {"name": schema}) is None:
        connection.execute(text(f"CREATE SCHEMA {schema}".replace(":", r"\:")))
    connection.commit()
