"""What the API tells of itself: everything to administrators and on the machine itself, nothing to strangers."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from msgspec import structs

from taskapi.app import VERSION, App
from taskapi.config import DatabaseSettings, RedisSettings, Secret, Settings
from taskapi.migrations import run as migrations
from tests.conftest import Sql
from tests.house import House
from tests.http.asgi import Answer, ask, living
from tests.kit.patience import until
from tests.kit.wire import Wire, line_to
from tests.people import Client
from tests.servers import Servers

pytestmark = pytest.mark.anyio

HERE = "127.0.0.1"
GUIDE = {"status", "timestamp", "services"}
NOWHERE = "127.0.0.1:1"
PROBES = 1_000


@pytest.fixture
async def small(settings: Settings) -> AsyncIterator[tuple[App, Wire]]:
    """An application with two connections in its pool, and its line to the database."""
    assert settings.database.direct is not None
    async with line_to(settings.database.direct.reveal()) as (wire, url):
        database = DatabaseSettings(url=Secret(url), database_pool=2, slow_statement_ms=0)
        async with living(made := App(structs.replace(settings, database=database))):
            yield made, wire


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    """An application that nobody else asks."""
    made = App(settings)
    async with living(made):
        yield made


async def details(app: App, **arguments: Any) -> Any:
    """Return what somebody is told besides what strangers are."""
    answer = await ask(app, "GET", "/api/health", **arguments)
    return answer.json().get("details")


@pytest.mark.parametrize("address", [HERE, "127.9.9.9", "::1", "::ffff:127.0.0.1"])
async def test_on_the_machine_itself_it_tells_everything(app: App, address: str) -> None:
    told = await details(app, client=address)
    assert (told["version"], told["process"]) == (VERSION, os.getpid())
    assert told["instance"] == f"{socket.gethostname()}:{app.rooms.settings.server.port}"
    newest = migrations.steps()[-1]
    assert told["migration"] == {"step": newest, "newest": newest, "upToDate": True, "usable": True}
    assert told.keys() == {"version", "instance", "process", "latencyMs", "migration"}
    assert all(0 < told["latencyMs"][service] < 2_000 for service in ("database", "redis"))


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "192.168.1.2", "fe80::1", "128.0.0.1", "localhost", ""])
async def test_a_stranger_is_told_what_the_guide_shows_and_nothing_else(app: App, address: str) -> None:
    answer = await ask(app, "GET", "/api/health", client=address)
    assert answer.json().keys() == GUIDE
    for internal in (VERSION, socket.gethostname(), "latency", "migration"):
        assert internal.encode() not in answer.body


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "via", "x-real-ip", "X-Forwarded-For"])
@pytest.mark.parametrize("value", ["192.0.2.1", HERE, ""])
async def test_a_proxy_on_the_machine_makes_nobody_local(app: App, header: str, value: str) -> None:
    assert await details(app, client=HERE, headers={header: value}) is None


async def test_a_unix_socket_is_no_machine(app: App) -> None:
    answer = Answer()

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/api/health",
        "raw_path": b"/api/health",
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": None,
        "server": None,
        "state": {},
        "extensions": {},
    }
    await app(scope, receive, answer.take)
    assert answer.json().keys() == GUIDE


def health(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/health").raise_for_status().json()
    return found


def test_an_administrator_is_told_from_anywhere(house: House, admin: Client) -> None:
    assert health(admin)["details"]["version"] == VERSION


def test_others_are_strangers_whatever_their_token_says(
    house: House, ada: Client, admin: Client, anonymous: Client, sql: Sql
) -> None:
    forged = {"Authorization": f"Bearer {admin.token[:-4]}AAAA"}
    assert health(anonymous).keys() == health(ada).keys() == GUIDE
    assert anonymous.get("/api/health", headers=forged).json().keys() == GUIDE
    assert health(admin).keys() > GUIDE
    assert admin.post("/api/auth/logout").status_code == 204
    assert health(admin).keys() == GUIDE


async def test_a_step_behind_or_ahead_is_told(settings: Settings, servers: Servers) -> None:
    newest, before = migrations.steps()[-1], migrations.steps()[-2]
    for step, up_to_date in ((newest, True), (before, False)):
        database = DatabaseSettings(url=Secret(await asyncio.to_thread(servers.create_migrated_database, step)))
        async with living(app := App(structs.replace(settings, database=database))):
            told = (await details(app, client=HERE))["migration"]
        assert (told["step"], told["newest"], told["upToDate"]) == (step, newest, up_to_date)


async def test_an_empty_database_is_at_no_step(settings: Settings, servers: Servers) -> None:
    database = DatabaseSettings(url=Secret(await asyncio.to_thread(servers.create_database)))
    async with living(app := App(structs.replace(settings, database=database))):
        told = (await details(app, client=HERE))["migration"]
    assert (told["step"], told["upToDate"], told["usable"]) == (None, False, False)


async def test_what_does_not_answer_has_no_latency_and_no_step(settings: Settings) -> None:
    database = DatabaseSettings(url=Secret(f"postgresql://x@{NOWHERE}/x"))
    redis = RedisSettings(url=Secret(f"redis://{NOWHERE}"))
    async with living(app := App(structs.replace(settings, database=database, redis=redis))):
        answer = await ask(app, "GET", "/api/health", client=HERE)
    assert answer.status == 503
    told = answer.json()["details"]
    assert (told["latencyMs"], told["migration"]) == ({"database": None, "redis": None}, None)


async def test_without_the_servers_an_administrator_is_a_stranger_and_nobody_waits_for_long(
    settings: Settings, admin: Client
) -> None:
    database = DatabaseSettings(url=Secret(f"postgresql://x@{NOWHERE}/x"))
    redis = RedisSettings(url=Secret(f"redis://{NOWHERE}"))
    async with living(app := App(structs.replace(settings, database=database, redis=redis))), asyncio.timeout(10):
        answer = await ask(app, "GET", "/api/health", headers={"authorization": f"Bearer {admin.token}"})
    assert (answer.status, answer.json().keys()) == (503, GUIDE)


async def statuses(app: App) -> tuple[int, int]:
    """Return the statuses of health and of readiness."""
    answers = await asyncio.gather(*(ask(app, "GET", f"/api/health{path}", client=HERE) for path in ("", "/ready")))
    return answers[0].status, answers[1].status


async def test_a_pool_that_gives_no_connection_is_no_fault_of_the_database(small: tuple[App, Wire]) -> None:
    app, _ = small
    async with AsyncExitStack() as all_places:
        for _ in range(2):
            await all_places.enter_async_context(app.rooms.database.read())
        assert await statuses(app) == (200, 200)
        told = await details(app, client=HERE)
    assert 0 < told["latencyMs"]["database"] < 2_000


async def test_a_database_that_goes_away_is_told_until_it_is_back(small: tuple[App, Wire]) -> None:
    app, wire = small

    async def are_well() -> bool:
        return await statuses(app) == (200, 200)

    hold = wire.hold_request(b"health.database")
    assert await statuses(app) == (503, 503)
    assert hold.reached.is_set()
    hold.release()
    await until(are_well)
    wire.cut()
    await until(are_well)


async def pings(app: App) -> int:
    """Return how many PINGs the server has had from anybody."""
    told = await app.rooms.redis.client.info("commandstats")
    return int(told.get("cmdstat_ping", {"calls": 0})["calls"])


def looked(app: App) -> int:
    """Return how often an application has asked whether its database answers."""
    found = app.rooms.database.stopwatch.durations.family().histograms.get(("health.database",))
    return 0 if found is None else found.count


async def test_a_storm_of_probes_is_one_statement_and_one_ping_a_second(app: App) -> None:
    paths = ("/api/health", "/api/health/ready", "/api/health?x=1")
    statements, before, begun = looked(app), await pings(app), time.monotonic()
    for start in range(0, PROBES, 100):
        crowd = (ask(app, "GET", paths[number % len(paths)]) for number in range(start, start + 100))
        assert {answer.status for answer in await asyncio.gather(*crowd)} == {200}
    looks = 1 + int(time.monotonic() - begun)
    assert 0 < looked(app) - statements <= looks
    assert await pings(app) - before <= looks


async def test_where_the_schema_stands_is_asked_once_a_minute(app: App) -> None:
    before = app.rooms.database.statements.count
    for _ in range(PROBES):
        assert (await details(app, client=HERE))["migration"]["upToDate"]
    assert app.rooms.database.statements.count - before <= 4, "so many tell where it stands"
