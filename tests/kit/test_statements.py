"""Each statement is timed under its name; a slow one is told of, with its plan, and nobody waits for that."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import UUID

import asyncpg
import pytest

from taskapi.config import DatabaseSettings, Secret
from taskapi.errors import Overloaded
from taskapi.kit.clock import system_clock
from taskapi.kit.database import Database
from taskapi.kit.database.naming import UNNAMED, joint_name, name_of
from taskapi.kit.database.slow import digest
from taskapi.kit.outbox import INSERT_EVENTS, Event
from taskapi.kit.request import request_id
from tests.kit.conftest import POOL, Look
from tests.kit.log_lines import LogLines, logged
from tests.kit.patience import until
from tests.kit.wire import Wire

pytestmark = pytest.mark.anyio

SLOW = "slow statement"
SLEEP = "SELECT /* things.sleep */ size, pg_sleep(0.05) FROM things WHERE name = $1"
COUNT = "SELECT /* things.count */ count(*) FROM things"
ADD = "INSERT /* things.add */ INTO things (name) VALUES ($1)"
ADD_SLOWLY = "INSERT /* things.add_slowly */ INTO things (name) SELECT $1::text FROM pg_sleep(0.05)"
LAST = """
SELECT query FROM pg_stat_activity
WHERE datname = current_database() AND state = 'idle in transaction' AND pid <> pg_backend_pid()
"""


def pool(url: str, slow_statement_ms: int = 20) -> Database:
    """Return a pool that is not opened yet."""
    address = Secret(url)
    settings = DatabaseSettings(
        url=address, database_pool=POOL, statement_timeout=1, slow_statement_ms=slow_statement_ms
    )
    return Database(settings, system_clock, {})


@pytest.fixture
async def watched(database_url: str, look: Look) -> AsyncIterator[Database]:
    """A pool for which a statement is slow after twenty milliseconds."""
    opened = pool(database_url)
    await opened.open()
    await look("INSERT INTO things (name) VALUES ('a secret'), ('fork')")
    yield opened
    await opened.close()


def times(database: Database) -> dict[str, int]:
    """Return how often each statement was timed."""
    return {name: taken.count for (name,), taken in database.stopwatch.durations.family().histograms.items()}


async def told(lines: LogLines, number: int) -> list[dict[str, object]]:
    """Return the lines about slow statements once there are so many; of BEGIN and COMMIT nobody wants to know."""

    def found() -> list[dict[str, object]]:
        return [line for line in lines.events(SLOW) if line["statement"] not in {"begin", "commit"}]

    async def are_there() -> bool:
        return len(found()) >= number

    await until(are_there)
    return found()


def test_a_statement_bears_its_name_after_the_first_word() -> None:
    assert name_of(SLEEP) == "things.sleep"
    assert name_of("\nWITH /* a.b */ c AS (SELECT 1) SELECT") == "a.b"
    assert name_of("SELECT 1 AS something_that_is_long /* no.name */") == UNNAMED


def test_of_several_that_became_one_each_name_stands_once() -> None:
    assert joint_name([INSERT_EVENTS, ADD, ADD]) == "outbox.insert+things.add"


async def test_every_statement_is_timed_under_its_name_and_so_are_begin_and_commit(database: Database) -> None:
    async with database.read() as connection:
        await connection.fetch(COUNT)
        await connection.fetch_one(COUNT)
        await connection.fetch_value(COUNT)
    async with database.transaction() as transaction:
        await transaction.execute(ADD, "spoon")
    lone = database.lone(1)
    await lone.fetch_one(COUNT)
    await lone.close()
    assert times(database) == {"things.count": 4, "begin": 1, "things.add": 1, "commit": 1}


async def test_what_travels_with_the_events_is_timed_under_both_names(database: Database) -> None:
    async with database.transaction() as transaction:
        transaction.insert_last(ADD, "fork")
        transaction.insert_last(ADD, "knife")
        transaction.emit(Event(user_id=UUID(int=1)))
    assert times(database)["outbox.insert+things.add"] == 1


async def test_a_statement_that_fails_is_timed_too(database: Database) -> None:
    with pytest.raises(Overloaded):
        async with database.read() as connection:
            await connection.fetch_value("SELECT /* things.wait */ pg_sleep(20)")
    taken = database.stopwatch.durations.family().histograms["things.wait",]
    assert (taken.count, taken.total >= 1) == (1, True)


async def test_the_slowest_statements_are_those_of_which_one_run_took_longest(database: Database) -> None:
    async with database.read() as connection:
        for seconds in (0.2, 0.0, 0.0):
            await connection.fetch_value("SELECT /* things.wait_once */ pg_sleep($1)", seconds)
        for _ in range(4):
            await connection.fetch_value("SELECT /* things.wait_often */ pg_sleep(0.1)")
        await connection.fetch_value(COUNT)
        with pytest.raises(asyncpg.DivisionByZeroError):
            await connection.fetch_value("SELECT /* things.fail */ 1 / length(pg_sleep(0.4)::text)")
    found = database.stopwatch.slowest(3)
    assert [(timing.name, timing.times) for timing in found] == [
        ("things.fail", 1),
        ("things.wait_once", 3),
        ("things.wait_often", 4),
    ]
    assert found[0].slowest >= 0.4
    assert 0.2 <= found[1].slowest < 0.4


async def test_a_transaction_of_a_request_begins_with_its_id(database: Database, look: Look) -> None:
    async with database.transaction():
        assert await look(LAST) == "BEGIN"
    token = request_id.set("0af7651916cd43dd")
    async with database.transaction():
        assert await look(LAST) == "BEGIN /* request 0af7651916cd43dd */"
    request_id.reset(token)


async def test_a_slow_statement_is_told_with_its_request_and_its_plan_and_without_its_values(
    watched: Database,
) -> None:
    token = request_id.set("0af7651916cd43dd")
    with logged() as lines:
        async with watched.read() as connection:
            await connection.fetch(SLEEP, "a secret")
        (line,) = await told(lines, 1)
    request_id.reset(token)
    assert (line["level"], line["request_id"]) == ("warning", "0af7651916cd43dd")
    assert (line["statement"], line["rows"]) == ("things.sleep", 1)
    assert 50 <= float(str(line["milliseconds"])) < 5_000
    assert re.fullmatch("[0-9a-f]{12}", str(line["plan"]))
    assert "secret" not in lines.text.replace("taskapi", "")


async def test_within_a_minute_only_the_first_line_of_a_name_has_a_plan(watched: Database) -> None:
    with logged() as lines:
        async with watched.read() as connection:
            for _ in range(3):
                await connection.fetch(SLEEP, "fork")
                await told(lines, 1)
        plans = [line["plan"] for line in await told(lines, 3)]
    assert plans[0]
    assert plans[1:] == [None, None]


async def test_to_ask_for_the_plan_runs_nothing_a_second_time(watched: Database, look: Look) -> None:
    with logged() as lines:
        async with watched.transaction() as transaction:
            assert await transaction.execute(ADD_SLOWLY, "spoon") == 1
        (line,) = await told(lines, 1)
    assert (line["rows"], bool(line["plan"])) == (1, True)
    assert await look("SELECT count(*) FROM things") == 3
    assert watched.statements.count == 1


async def test_where_only_one_connection_is_free_the_line_comes_without_a_plan(watched: Database) -> None:
    with logged() as lines:
        async with AsyncExitStack() as all_places:
            connections = [await all_places.enter_async_context(watched.read()) for _ in range(POOL - 1)]
            await connections[0].fetch(SLEEP, "fork")
            (line,) = await told(lines, 1)
    assert line["plan"] is None


async def test_a_slow_statement_that_failed_is_told_without_rows(watched: Database) -> None:
    with logged() as lines:
        with pytest.raises(Overloaded):
            async with watched.read() as connection:
                await connection.fetch_value("SELECT /* things.wait */ pg_sleep(20)")
        (line,) = await told(lines, 1)
    assert (line["rows"], bool(line["plan"])) == (None, True)


async def test_a_pool_that_is_closed_meanwhile_costs_the_line_its_plan_only(
    database_url: str, look: Look, line: tuple[Wire, str]
) -> None:
    opened = pool(line[1])
    await opened.open()
    hold = line[0].hold_request(b"EXPLAIN")
    with logged() as lines:
        async with opened.read() as connection:
            await connection.fetch_value("SELECT /* things.wait */ pg_sleep(0.05)")
        await hold.reached.wait()
        async with asyncio.timeout(1):
            await opened.close(0.1)
        (told_of,) = await told(lines, 1)
    assert told_of["plan"] is None


async def test_zero_switches_the_lines_off(database_url: str) -> None:
    opened = pool(database_url, slow_statement_ms=0)
    await opened.open()
    with logged() as lines:
        async with opened.read() as connection:
            await connection.fetch_value("SELECT /* things.wait */ pg_sleep(0.6)")
        await opened.close()
    assert lines.events(SLOW) == []


async def test_a_plan_has_the_same_digest_for_other_values_and_another_one_for_another_way(watched: Database) -> None:
    async with watched.read() as connection:
        plans = [await connection.plan(SLEEP, name) for name in ("fork", "spoon")]
        other = await connection.plan(COUNT)
    assert digest(plans[0]) == digest(plans[1]) != digest(other)
