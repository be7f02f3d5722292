"""The fixtures that all tests share: servers, the house, and the people in it."""

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import hypothesis
import pytest

from taskapi.config import (
    DatabaseSettings,
    LimitSettings,
    LogSettings,
    RedisSettings,
    Secret,
    ServerSettings,
    Settings,
    TaskSettings,
)
from taskapi.kit.database.naming import UNNAMED
from taskapi.kit.telemetry import configure_logs
from tests.house import House, quick_auth, serving
from tests.people import Client
from tests.pgbouncer import pgbouncer
from tests.privacy import assert_private
from tests.servers import Servers, data_folder, test_servers
from tests.waiting import eventually

hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("busy")  # the machine does many things at once; slowness is no finding

POOLED = 4
"""Connections that PgBouncer has for the house, which has more."""

Sql = Callable[..., list[asyncpg.Record]]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter, with a short path: that of a socket in it must not be long."""
    with data_folder() as path:
        yield path


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """A PostgreSQL and a Valkey of this test process."""
    with test_servers() as running:
        yield running


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the same tests be run through PgBouncer."""
    parser.addoption("--pgbouncer", action="store_true", help="let the house reach PostgreSQL through PgBouncer")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each test process begin with some of the modules that run whole programs, which take longest.

    At first each gets an equal part of the list. Where one had all of these modules, the others would take tests from
    it at the end, and start the programs of their modules once more.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    programs = [item for item in items if item.nodeid.startswith("tests/system/")]
    others = [item for item in items if not item.nodeid.startswith("tests/system/")]
    modules = list(dict.fromkeys(item.path for item in programs))
    items.clear()
    for number in range(processes):
        chosen = set(modules[number::processes])
        items += [item for item in programs if item.path in chosen]
        end = (len(programs) + len(others)) * (number + 1) // processes
        while others and len(items) < end:
            items.append(others.pop(0))
    items += others


@pytest.fixture(scope="session")
def addresses(servers: Servers, request: pytest.FixtureRequest) -> Iterator[DatabaseSettings]:
    """Where the house reaches its database, which is migrated."""
    url = servers.create_migrated_database()
    if not request.config.getoption("--pgbouncer"):
        yield DatabaseSettings(url=Secret(url), slow_statement_ms=0)  # a busy machine is no fault
        return
    with pgbouncer(url, size=POOLED) as pooled:
        yield DatabaseSettings(url=Secret(pooled), direct_url=Secret(url), slow_statement_ms=0)


@pytest.fixture(scope="session")
def settings(servers: Servers, addresses: DatabaseSettings) -> Settings:
    """The settings of the house."""
    return Settings(
        server=ServerSettings(trusted_proxies=("127.0.0.1/32",)),
        database=addresses,
        redis=RedisSettings(url=Secret(servers.redis_url), redis_timeout=2000),  # a busy machine is no fault
        auth=quick_auth(Secret(secrets.token_urlsafe(32))),
        limits=LimitSettings(
            rate_limit=1_000_000, rate_limit_batch=0, rate_limit_admin=0, rate_limit_login=0, rate_limit_register=0
        ),
        tasks=TaskSettings(jobs=False),
        logs=LogSettings(level="warning"),
    )


@pytest.fixture(scope="session")
def house(settings: Settings) -> Iterator[House]:
    """The API, serving."""
    configure_logs(settings.logs)
    with serving(settings) as running:
        yield running
        assert UNNAMED not in statements(running), "a statement without a name was run"
        assert_private(str(running.app.measures.instruments.snapshot()), "what was measured of all these tests")


def statements(house: House) -> set[str]:
    """Return the names of the statements that a house has run."""
    return {name for (name,) in house.rooms.database.stopwatch.durations.family().histograms}


@pytest.fixture
def clock(house: House) -> Iterator[Any]:
    """The house's clock; a test may set its `offset`."""
    yield house.clock
    house.clock.offset *= 0


@pytest.fixture(scope="session")
def sql(settings: Settings) -> Iterator[Sql]:
    """Runs SQL on the house's database."""
    assert settings.database.direct is not None
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(asyncpg.connect(settings.database.direct.reveal()))
    yield lambda query, *args: loop.run_until_complete(connection.fetch(query, *args))
    loop.run_until_complete(connection.close())
    loop.close()


@pytest.fixture
def quiet(sql: Sql) -> Callable[[], None]:
    """Waits until the house has announced its writes: what it does off the requests' way is not to be counted."""
    waiting = "SELECT count(*) FROM outbox WHERE announced_at IS NULL"
    return lambda: eventually(lambda: sql(waiting)[0][0] == 0) and None


@pytest.fixture
def anonymous(house: House) -> Iterator[Client]:
    """Somebody without an account."""
    with Client(house.url) as client:
        yield client


@pytest.fixture
def make_person(house: House) -> Iterator[Callable[[str], Client]]:
    """Makes people who are registered and logged in."""
    made: list[Client] = []

    def make(name: str) -> Client:
        client = Client(house.url)
        made.append(client)
        assert client.register(name).status_code == 201
        return client.log_in()

    yield make
    for client in made:
        client.close()


@pytest.fixture
def ada(make_person: Callable[[str], Client]) -> Client:
    """A person."""
    return make_person("ada")


@pytest.fixture
def grace(make_person: Callable[[str], Client]) -> Client:
    """Another person, a stranger to ada."""
    return make_person("grace")


@pytest.fixture
def admin(make_person: Callable[[str], Client], sql: Sql) -> Client:
    """An administrator."""
    client = make_person("admin")
    sql("UPDATE users SET role = 'admin' WHERE id = $1::text::uuid", client.id)
    return client.log_in()
