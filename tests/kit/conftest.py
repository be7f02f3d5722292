"""A database with a toy table, reached over a line that a test can hold or cut."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest

from taskapi.config import DatabaseSettings, Secret
from taskapi.errors import Conflict
from taskapi.kit.clock import system_clock
from taskapi.kit.database import Database
from tests.kit.patience import pytest_pyfunc_call
from tests.kit.wire import Wire, line_to
from tests.servers import Servers

THINGS = """
CREATE TABLE things (
    name text NOT NULL CONSTRAINT things_pkey PRIMARY KEY,
    size integer NOT NULL DEFAULT 1 CONSTRAINT things_size_check CHECK (size > 0),
    twin text CONSTRAINT things_twin_fkey REFERENCES things DEFERRABLE INITIALLY DEFERRED
)
"""
__all__ = ["pytest_pyfunc_call"]

POOL = 3
Look = Callable[..., Awaitable[Any]]


class ThingExists(Conflict):
    """There is such a thing already."""

    code = "thing-exists"


class TwinMissing(Conflict):
    """A thing's twin does not exist."""

    code = "twin-missing"


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Run on the event loop that serves in production."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def database_url(servers: Servers) -> str:
    """The address of a migrated database that has the toy table too."""
    url = servers.create_migrated_database()

    async def prepare() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(THINGS)
        await connection.close()

    asyncio.run(prepare())
    return url


@pytest.fixture
async def look(database_url: str) -> AsyncIterator[Look]:
    """Asks the database for one value over a connection of its own; all tables are empty at first."""
    connection = await asyncpg.connect(database_url, command_timeout=30, server_settings={"lock_timeout": "20s"})
    await connection.execute("TRUNCATE things, outbox")
    yield connection.fetchval
    await connection.close()


@pytest.fixture
async def line(database_url: str) -> AsyncIterator[tuple[Wire, str]]:
    """The line on which `database` talks to its server."""
    async with line_to(database_url) as found:
        yield found


@pytest.fixture
def wire(line: tuple[Wire, str]) -> Wire:
    """That line, to be held or cut."""
    return line[0]


@pytest.fixture
async def database(line: tuple[Wire, str], look: Look) -> AsyncIterator[Database]:
    """A pool of three connections; whatever a test does to it, all must be back at the end."""
    settings = DatabaseSettings(
        url=Secret(line[1]), database_pool=POOL, database_wait=1, statement_timeout=1, slow_statement_ms=0
    )
    opened = Database(settings, system_clock, {"things_pkey": ThingExists, "things_twin_fkey": TwinMissing})
    await opened.open()
    yield opened
    async with AsyncExitStack() as all_places:
        for _ in range(POOL):
            await all_places.enter_async_context(opened.read())
    await opened.close()
