"""Two applications on one database and one Valkey, as two processes would be, and two people."""

from collections.abc import AsyncIterator

import pytest

from taskapi.app import App
from tests.gate.edge.doors import Person, open_door, settings_of
from tests.servers import Servers


@pytest.fixture
async def one(servers: Servers, database_url: str) -> AsyncIterator[App]:
    """An application."""
    async with open_door(settings_of(database_url, servers.redis_url)) as app:
        yield app


@pytest.fixture
async def two(servers: Servers, database_url: str, one: App) -> AsyncIterator[App]:
    """Another one beside it."""
    async with open_door(settings_of(database_url, servers.redis_url)) as app:
        yield app


@pytest.fixture
async def ada(one: App) -> Person:
    """A person."""
    return await Person(one).register()


@pytest.fixture
async def grace(one: App) -> Person:
    """A stranger to ada."""
    return await Person(one).register()
