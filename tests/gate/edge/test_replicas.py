"""Reads on replicas: whoever wrote reads what was written, nobody goes back in time, and no fault is seen."""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest
from redis import Redis

from taskapi.app import App
from taskapi.config import DatabaseSettings, Secret
from taskapi.errors import Conflict
from taskapi.kit.database import Transaction, position, read_past
from taskapi.kit.database.replicas import Replicas
from taskapi.migrations import run as migrations
from tests.gate.edge.doors import Person, open_door, settings_of
from tests.gate.hooks import before_writes
from tests.gate.postgres import OWNER, Postgres, running
from tests.http.asgi import Answer, ask
from tests.kit.patience import until
from tests.servers import Servers, data_folder

pytestmark = pytest.mark.anyio
PATIENT = 30
Follow = Callable[[], Postgres]
Open = Callable[..., Awaitable[App]]

SLOW_THERE = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_sleep(40)::text ELSE 'primary' END"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the clusters of these tests lie."""
    with data_folder() as found:
        yield found


@pytest.fixture(scope="module")
def primary(folder: Path) -> Iterator[Postgres]:
    """A primary with the application's role and a migrated database to copy."""
    with running(folder, "primary") as server:
        asyncio.run(server.ask(f"CREATE ROLE {OWNER} LOGIN"))
        asyncio.run(server.ask(f"CREATE DATABASE template OWNER {OWNER}"))
        migrations.upgrade(server.url("template", OWNER))
        yield server


@pytest.fixture(scope="module")
def lasting(primary: Postgres, folder: Path) -> Iterator[Postgres]:
    """A replica that these tests share."""
    with running(folder, "replica", primary) as server:
        yield server


@pytest.fixture
async def replica(lasting: Postgres, primary: Postgres, database: str) -> AsyncIterator[Postgres]:
    """That replica, which has the test's database; whatever a test does to it, it goes on replaying at the end."""
    await replayed(primary, lasting)
    yield lasting
    lasting.start_again()
    await lasting.ask("SELECT pg_wal_replay_resume()")


@pytest.fixture
async def database(primary: Postgres) -> str:
    """The name of a database of the test's own."""
    name = f"test_{secrets.token_hex(8)}"
    await primary.ask(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE template")
    return name


@pytest.fixture
def follow(primary: Postgres, folder: Path, database: str) -> Iterator[Follow]:
    """Makes replicas that have the test's database."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(running(folder, f"replica_{secrets.token_hex(4)}", primary))


@pytest.fixture
async def start(primary: Postgres, database: str, servers: Servers) -> AsyncIterator[Open]:
    """Starts applications that read the given replicas; all of these are in use when it returns."""
    async with AsyncExitStack() as stack:

        async def make(*replicas: Postgres, used: bool = True) -> App:
            addresses = tuple(Secret(replica.url(database, OWNER)) for replica in replicas)
            chosen = DatabaseSettings(
                url=Secret(primary.url(database, OWNER)), read_urls=addresses, statement_timeout=60
            )
            settings = settings_of("", servers.redis_url, database=chosen)
            app = await stack.enter_async_context(open_door(settings))
            if used:
                await used_are(app, len(replicas))
            return app

        yield make


def replicas_of(app: App) -> Replicas:
    return app.rooms.database.replicas


async def used_are(app: App, number: int) -> None:
    async def look() -> bool:
        return sum(report.in_use for report in replicas_of(app).reports) == number

    await until(look, PATIENT)


async def replayed(primary: Postgres, replica: Postgres) -> None:
    place = await primary.ask("SELECT pg_current_wal_insert_lsn()")
    await until(lambda: replica.ask("SELECT pg_last_wal_replay_lsn() >= $1", place), PATIENT)


async def caught_up(app: App) -> bytes:
    """Wait until an application has seen that its replicas have all that was written before; give up to where."""
    place = await now_at(app)

    async def look() -> bool:
        return all(replica.has(place) for replica in replicas_of(app)._replicas)

    await until(look, PATIENT)
    return place


async def answering(app: App) -> bytes:
    """Wait until they answer at once, too; give up to where: the first connection may take longer than a read waits."""
    place = await caught_up(app)

    async def look() -> bool:
        return await read(app, place, "SELECT pg_is_in_recovery()") is True

    await until(look, PATIENT)
    return place


async def test_a_replica_that_keeps_up_answers_nine_of_ten_misses(replica: Postgres, start: Open) -> None:
    app = await start(replica)
    ada = await Person(app).register()
    path = await ada.task()
    for number in range(1, 11):
        await ada.send("PATCH", path, {"title": f"number {number}"})
        await caught_up(app)
        for target in (path, "/api/tasks/summary", *(f"/api/tasks?limit={limit}" for limit in range(1, 9))):
            answer = await ada.get(target)
            assert (answer.status, answer.header("x-cache")) == (200, "miss")
        assert (await ada.get(path)).json()["title"] == f"number {number}"
    counts = replicas_of(app).counts
    assert counts.replica >= 90
    assert counts.failed == 0


async def test_whoever_wrote_reads_that_and_nobody_goes_back_while_replicas_lag(follow: Follow, start: Open) -> None:
    late, later = follow(), follow()
    await late.ask("ALTER SYSTEM SET recovery_min_apply_delay = '5s'")
    await later.ask("ALTER SYSTEM SET recovery_min_apply_delay = '7s'")
    for server in (late, later):
        await server.ask("SELECT pg_reload_conf()")
    one, two = await start(late, later), await start(later, late)
    ada = await Person(one).register()
    path = await ada.task(title="number 0")
    seen: list[int] = []
    done = asyncio.Event()

    async def read(app: App) -> None:
        while not done.is_set():
            floor = max(seen, default=0)
            answers = [await ada.get(path, at=app), await ada.get(f"/api/tasks?limit={1 + len(seen) % 200}", at=app)]
            titles = [answers[0].json()["title"], answers[1].json()["items"][0]["title"]]
            numbers = [int(title.removeprefix("number ")) for title in titles]
            assert floor <= numbers[0] <= numbers[1], "a reader went back in time"
            seen.append(numbers[1])

    async def write() -> None:
        for number in range(1, 60):
            app = (one, two)[number % 2]
            assert (await ada.send("PATCH", path, {"title": f"number {number}"}, at=app)).status == 200
            for reader in (one, two):
                assert (await ada.get(path, at=reader)).json()["title"] == f"number {number}"
                await asyncio.sleep(0.03)
        done.set()

    await asyncio.gather(write(), read(one), read(two))
    counts = [replicas_of(app).counts for app in (one, two)]
    assert sum(count.lagging for count in counts) > 0
    assert sum(count.replica for count in counts) == 0, "no replica can have had what was written"


async def test_what_was_written_long_ago_is_read_on_a_replica_that_lags(replica: Postgres, start: Open) -> None:
    app = await start(replica)
    ada, grace = await Person(app).register(), await Person(app).register()
    path = await ada.task()
    await answering(app)
    await replica.ask("SELECT pg_wal_replay_pause()")
    await grace.task()
    before = replicas_of(app).counts.replica
    assert (await ada.get(path)).status == 200
    assert replicas_of(app).counts.replica == before + 1
    assert len((await grace.get("/api/tasks")).json()["items"]) == 1
    assert replicas_of(app).counts.replica == before + 1


async def test_a_replica_beyond_the_bound_is_left_out(replica: Postgres, start: Open) -> None:
    app = await start(replica)
    ada = await Person(app).register()
    await caught_up(app)
    for each in replicas_of(app)._replicas:
        each._latest = 0.3
    await replica.ask("SELECT pg_wal_replay_pause()")
    await ada.task()
    await used_are(app, 0)
    assert (await health_of(app)).json()["details"]["replicas"][0]["state"] == "unused"
    await replica.ask("SELECT pg_wal_replay_resume()")
    await used_are(app, 1)


async def test_a_replica_that_is_killed_is_left_out_and_taken_back(replica: Postgres, start: Open) -> None:
    app = await start(replica)
    ada = await Person(app).register()
    path = await ada.task()
    await caught_up(app)
    assert (await ada.get("/api/tasks")).header("x-cache") == "miss"
    replica.stop(signal.SIGQUIT)
    for limit in range(1, 20):
        assert (await ada.get(f"/api/tasks?limit={limit}")).status == 200
    await used_are(app, 0)
    health = await health_of(app)
    assert (health.status, health.json()["details"]["replicas"][0]["state"]) == (200, "unused")
    assert str(replica.port).encode() not in health.body
    replica.start()
    await used_are(app, 1)
    await answering(app)
    before = replicas_of(app).counts.replica
    assert (await ada.get(path)).status == 200
    assert replicas_of(app).counts.replica == before + 1


async def test_a_read_that_a_replica_breaks_off_is_repeated_on_the_primary(replica: Postgres, start: Open) -> None:
    app = await start(replica)
    reading = asyncio.create_task(read_slowly(app, await answering(app)))
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(40)%' AND pid <> pg_backend_pid()"

    async def reads() -> bool:
        return bool(await replica.ask(sleeping))

    await until(reads, PATIENT)
    replica.stop(signal.SIGQUIT)
    assert await reading == "primary"
    assert replicas_of(app).counts.failed == 1


async def test_a_replica_that_stands_still_holds_nobody_up(replica: Postgres, start: Open) -> None:
    app = await start(replica)
    ada = await Person(app).register()
    reading = asyncio.create_task(read_slowly(app, await answering(app)))
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(40)%' AND pid <> pg_backend_pid()"

    async def reads() -> bool:
        return bool(await replica.ask(sleeping))

    await until(reads, PATIENT)
    with replica.frozen():
        async with asyncio.timeout(10):
            assert (await ada.get("/api/tasks")).status == 200
            assert await reading == "primary"
        await used_are(app, 0)
    await used_are(app, 1)


async def test_what_a_replica_lacks_is_asked_of_the_primary(replica: Postgres, start: Open) -> None:
    app = await start(replica)
    past = await answering(app)
    await replica.ask("SELECT pg_wal_replay_pause()")
    async with app.rooms.database.transaction() as transaction:
        await transaction.execute("CREATE TABLE added (id integer)")
    assert await read(app, past, "SELECT count(*) FROM added") == 0
    assert (replicas_of(app).counts.failed, replicas_of(app).reports[0].in_use) == (1, True)


async def test_what_a_look_saw_is_asked_again_where_it_matters(replica: Postgres, start: Open) -> None:
    app = await start(replica)
    await replica.ask("SELECT pg_wal_replay_pause()")
    await Person(app).register()
    looked_at = replicas_of(app)._replicas[0]
    assert looked_at._seen is not None
    looked_at._seen = looked_at._seen._replace(place=2**60)  # as if the server had been restarted since
    assert await read(app, await now_at(app), "SELECT pg_is_in_recovery()") is False
    assert replicas_of(app).counts.lagging == 1


async def test_a_replica_that_was_promoted_is_left_out_and_so_is_what_follows_it(
    follow: Follow, start: Open, folder: Path
) -> None:
    replica = follow()
    app = await start(replica)
    ada = await Person(app).register()
    await caught_up(app)
    await replica.ask("SELECT pg_promote()")
    await used_are(app, 0)
    assert replicas_of(app)._replicas[0].state == "follows nobody"
    assert (await ada.get("/api/tasks")).status == 200
    with running(folder, "of_another", replica) as follower:
        other = await start(follower, used=False)
        await until(lambda: looked_at(other), PATIENT)
        assert replicas_of(other)._replicas[0].state == "follows another primary"
        assert (await ada.get("/api/tasks?limit=2", at=other)).status == 200
        assert replicas_of(other).counts.replica == 0


async def test_a_primary_that_was_restarted_keeps_its_replica(
    primary: Postgres, replica: Postgres, start: Open
) -> None:
    app = await start(replica)
    ada = await Person(app).register()
    await caught_up(app)
    primary.stop()
    primary.start()

    async def writes() -> bool:
        return (await ada.send("POST", "/api/tasks", {"title": "After"})).status == 201

    await until(writes, PATIENT)
    await caught_up(app)
    await used_are(app, 1)
    before = replicas_of(app).counts.replica
    await ada.get_until("/api/tasks", "miss")
    assert replicas_of(app).counts.replica > before


async def test_nobody_reads_replicas_before_a_write_said_from_where_on(
    replica: Postgres, start: Open, servers: Servers
) -> None:
    app = await start(replica)
    ada = await Person(app).register()
    await caught_up(app)
    with Redis.from_url(servers.redis_url) as redis:
        redis.delete(f"versions:{{{ada.id}}}")
        redis.hset(f"versions:{{{ada.id}}}", mapping={"floor": "f" * 12, "born": 1})
    assert (await ada.get("/api/tasks")).header("x-cache") == "miss"
    assert (replicas_of(app).counts.replica, replicas_of(app).counts.none_filed) == (0, 1)


async def test_a_write_of_a_process_without_replicas_sends_everybody_to_the_primary(
    replica: Postgres, start: Open
) -> None:
    app, plain = await start(replica), await start()
    ada = await Person(app).register()
    await ada.task()
    await caught_up(app)
    await ada.get("/api/tasks")
    assert replicas_of(app).counts.replica == 1
    await ada.send("POST", "/api/tasks", {"title": "Elsewhere"}, at=plain)
    assert len((await ada.get("/api/tasks")).json()["items"]) == 2
    assert (replicas_of(app).counts.replica, replicas_of(app).counts.none_filed) == (1, 1)


async def test_the_position_of_a_write_lies_behind_its_commit(replica: Postgres, start: Open) -> None:
    app = await start(replica)
    places: list[bytes] = []

    async def before() -> None:
        places.append(await now_at(app))

    async def after(transaction: Transaction) -> None:
        if transaction.touched:
            places.append(transaction.position)

    ada = await Person(app).register()
    before_writes(app.rooms.database, before)
    app.rooms.database.hooks.after_commit.append(after)
    await ada.task()
    while not places[-1]:  # it was not known in time
        await ada.task()
    assert places[-2] < places[-1]


async def test_a_write_that_failed_keeps_nobody_from_replicas(replica: Postgres, start: Open) -> None:
    app = await start(replica)
    ada = await Person(app).register()
    path = await ada.task()
    await caught_up(app)

    async def fail() -> None:
        raise Conflict("Not today.")

    before_writes(app.rooms.database, fail)
    assert (await ada.send("PATCH", path, {"title": "Other"})).status == 409
    assert (await ada.get(path)).json()["title"] == "Buy milk"
    assert replicas_of(app).counts.replica == 1


async def test_who_has_no_replicas_pays_nothing_for_them(start: Open) -> None:
    app = await start()
    ada = await Person(app).register()
    path = await ada.task()
    counts = []
    for number in range(5):  # what runs beside the requests may count as well
        before = app.rooms.database.statements.count
        await ada.send("PATCH", path, {"title": f"Again {number}"})
        counts.append(app.rooms.database.statements.count - before)
    assert min(counts) == 3, "read, change, tell"
    assert "replicas" not in (await health_of(app)).json()["details"]


async def health_of(app: App) -> Answer:
    return await ask(app, "GET", "/api/health", client="127.0.0.1")


async def looked_at(app: App) -> bool:
    return replicas_of(app)._replicas[0].state != "does not answer"


async def now_at(app: App) -> bytes:
    async with app.rooms.database.read() as connection:
        return await position.ask(connection)


async def read(app: App, past: bytes, sql: str) -> object:
    """Read as a load does that may use a replica."""

    async def load() -> object:
        read_past(past)
        async with app.rooms.database.read() as connection:
            return await connection.fetch_value(sql)

    return await asyncio.create_task(load())


async def read_slowly(app: App, past: bytes) -> object:
    return await read(app, past, SLOW_THERE)
