"""What the database does to us becomes the right error in bounded time, and the pool is whole afterwards."""

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest

from taskapi.config import DatabaseSettings, Secret
from taskapi.errors import Overloaded
from taskapi.kit.clock import system_clock
from taskapi.kit.database import Database, Transaction
from tests.kit.conftest import POOL, Look, ThingExists
from tests.kit.log_lines import logged
from tests.kit.wire import Wire, line_to

pytestmark = pytest.mark.anyio

ADD = "INSERT INTO things (name) VALUES ($1)"
RENAME = "UPDATE things SET size = size + 1 WHERE name = $1"


@asynccontextmanager
async def opened(url: str, *, seconds: int = 1) -> AsyncIterator[Database]:
    """A small pool of its own, whose statements may take so long."""
    settings = DatabaseSettings(url=Secret(url), database_pool=2, statement_timeout=seconds)
    database = Database(settings, system_clock, {})
    await database.open()
    yield database
    await database.close()


async def add(database: Database, *names: str) -> None:
    async with database.transaction() as transaction:
        for name in names:
            await transaction.execute(ADD, name)


async def test_a_known_constraint_becomes_its_error(database: Database) -> None:
    with pytest.raises(ThingExists):
        await add(database, "spoon", "spoon")


async def test_an_unknown_constraint_is_not_hidden(database: Database) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        async with database.transaction() as transaction:
            await transaction.execute("INSERT INTO things (name, size) VALUES ('spoon', 0)")


async def test_an_error_does_not_quote_the_row_that_it_is_about(database: Database) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as caught:
        async with database.transaction() as transaction:
            await transaction.execute("INSERT INTO things (name, size) VALUES ($1, 0)", "dia" + "ry")
    assert "things_size_check" in str(caught.value)
    assert "diary" not in "".join(traceback.format_exception(caught.value))


async def test_an_outage_is_told_to_the_log(database: Database) -> None:
    with logged() as lines, pytest.raises(Overloaded):
        async with database.read() as connection:
            await connection.fetch_value("SELECT pg_terminate_backend(pg_backend_pid())")
    (entry,) = lines.events("the database does not answer")
    assert (entry["level"], entry["logger"]) == ("warning", "taskapi.database")
    assert entry["reason"].endswith(("SQLSTATE 57P01", "SQLSTATE 08003"))


async def test_a_mistake_in_a_statement_is_no_outage(database: Database) -> None:
    with pytest.raises(asyncpg.PostgresSyntaxError):
        async with database.read() as connection:
            await connection.fetch("SELEKT 1")


async def test_an_argument_that_cannot_be_sent_is_no_outage(database: Database) -> None:
    with pytest.raises(asyncpg.DataError, match="int32"):
        async with database.read() as connection:
            await connection.fetch("SELECT $1::integer", 2**40)


async def test_a_caller_waits_for_a_place_only_so_long(database: Database) -> None:
    async def hold(begun: asyncio.Semaphore, done: asyncio.Event) -> None:
        async with database.read():
            begun.release()
            await done.wait()

    begun, done = asyncio.Semaphore(0), asyncio.Event()
    holders = [asyncio.create_task(hold(begun, done)) for _ in range(POOL)]
    for _ in holders:
        await begun.acquire()
    started = time.monotonic()
    with pytest.raises(Overloaded, match="busy"):
        async with database.read():
            pass
    assert 0.9 < time.monotonic() - started < 3
    done.set()
    await asyncio.gather(*holders)


async def test_waiting_callers_that_go_away_lose_no_place(database: Database) -> None:
    async with database.transaction(), database.transaction(), database.transaction():
        waiting = [asyncio.create_task(add(database, str(number))) for number in range(5)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)


async def test_a_server_process_that_is_killed_in_mid_transaction_is_an_outage_that_passes(
    database: Database, look: Look
) -> None:
    async def lose_the_server() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(ADD, "spoon")
            await look("SELECT pg_terminate_backend($1)", await transaction.fetch_value("SELECT pg_backend_pid()"))
            await transaction.execute(ADD, "fork")

    with pytest.raises(Overloaded):
        await lose_the_server()
    await add(database, "spoon")
    assert await look("SELECT count(*) FROM things") == 1


async def test_all_connections_cut_while_idle_cost_nobody_anything(database: Database, wire: Wire) -> None:
    await asyncio.gather(*(add(database, str(number)) for number in range(POOL)))
    wire.cut()
    await asyncio.sleep(0.05)  # the pool learns of it from the event loop
    await asyncio.gather(*(add(database, str(number)) for number in range(10, 10 + POOL)))


async def test_connections_cut_in_mid_statement_are_an_outage_that_passes(
    database: Database, wire: Wire, look: Look
) -> None:
    ended: list[Transaction] = []

    async def note(transaction: Transaction) -> None:
        ended.append(transaction)

    database.hooks.after_rollback.append(note)
    hold = wire.hold_answer(b"INSERT")
    caller = asyncio.create_task(add(database, "spoon"))
    await hold.reached.wait()
    wire.cut()
    with pytest.raises(Overloaded):
        await caller
    assert len(ended) == 1
    await add(database, "spoon")
    assert await look("SELECT count(*) FROM things") == 1


async def test_a_server_that_falls_silent_is_given_up_in_bounded_time(database_url: str) -> None:
    async def use(database: Database, *, failing: bool) -> None:
        async with database.transaction() as transaction:
            await transaction.fetch_value("SELECT 1")
            await transaction.execute("CREATE TEMPORARY TABLE made (name text)")
            if failing:
                raise Overloaded

    async def fall_silent(marker: bytes) -> None:
        async with line_to(database_url) as (wire, url), opened(url) as database:
            wire.hold_request(marker)
            with pytest.raises(Overloaded):
                await use(database, failing=marker == b"ROLLBACK")
            wire.cut()
            await add(database)

    started = time.monotonic()
    await asyncio.gather(*map(fall_silent, [b"BEGIN", b"SELECT 1", b"CREATE", b"COMMIT", b"ROLLBACK"]))
    assert time.monotonic() - started < 8


async def test_a_lock_is_waited_for_only_so_long(database: Database) -> None:
    await add(database, "spoon")
    async with database.transaction() as transaction:
        await transaction.execute(RENAME, "spoon")
        with pytest.raises(Overloaded):
            async with database.transaction() as other:
                await other.execute(RENAME, "spoon")


async def test_a_statement_runs_only_so_long(database: Database) -> None:
    with pytest.raises(Overloaded):
        async with database.read() as connection:
            await connection.fetch_value("SELECT pg_sleep(20)")


async def test_a_deadlock_is_broken_and_may_be_tried_again(database_url: str, look: Look) -> None:
    async def both(first: str, second: str, met: asyncio.Barrier) -> None:
        async with database.transaction() as transaction:
            await transaction.execute(RENAME, first)
            await met.wait()
            await transaction.execute(RENAME, second)

    async with opened(database_url, seconds=5) as database:
        await add(database, "spoon", "fork")
        met = asyncio.Barrier(2)
        results = await asyncio.gather(both("spoon", "fork", met), both("fork", "spoon", met), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NoneType", "Overloaded"]
    assert await look("SELECT sum(size) FROM things") == 4


@pytest.mark.parametrize(
    "change",
    [lambda url: url.replace("?", "-unknown?"), lambda url: url.replace("task_api@", "nobody@")],
    ids=["database", "user"],
)
async def test_a_server_that_does_not_let_us_in_is_an_outage(database_url: str, change: Callable[[str], str]) -> None:
    async with opened(change(database_url)) as database:
        with pytest.raises(Overloaded):
            await add(database, "spoon")


async def test_no_server_at_all_is_an_outage(free_tcp_port: int) -> None:
    async with opened(f"postgresql://postgres@127.0.0.1:{free_tcp_port}/nowhere") as database:
        with pytest.raises(Overloaded):
            async with database.read():
                pass


async def test_closing_does_not_wait_for_ever_for_a_connection_in_use(database_url: str) -> None:
    async def use(database: Database) -> None:
        async with database.read() as connection:
            await database.close(seconds=0.05)
            await connection.fetch_value("SELECT 1")

    async with opened(database_url) as database:
        with pytest.raises(Overloaded):
            await use(database)


async def test_a_database_without_an_address_is_refused() -> None:
    with pytest.raises(ValueError, match="DATABASE_URL"):
        Database(DatabaseSettings(), system_clock, {})


async def test_a_database_that_was_never_opened_closes_quietly() -> None:
    await Database(DatabaseSettings(url=Secret("postgresql://nowhere/x")), system_clock, {}).close()


async def test_waits_of_those_who_got_no_connection_are_measured_too(database: Database) -> None:
    async with AsyncExitStack() as all_places:
        for _ in range(POOL):
            await all_places.enter_async_context(database.read())
        before = database.waits.family().histograms[()]
        gone = asyncio.create_task(add(database, "spoon"))
        answers = await asyncio.gather(*(add(database, "fork") for _ in range(5)), return_exceptions=True)
        gone.cancel()
        await asyncio.wait([gone])
    assert [type(answer) for answer in answers] == [Overloaded] * 5
    after = database.waits.family().histograms[()]
    assert after.count - before.count == 6
    assert after.total - before.total >= 5
