"""Through PgBouncer in transaction mode every limit holds, and nothing that one leaves behind meets another."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import asyncpg
import pytest

from taskapi.config import DatabaseSettings, Secret
from taskapi.errors import Overloaded
from taskapi.kit.clock import system_clock
from taskapi.kit.database import Database
from taskapi.kit.database.faults import ServerRefusal
from taskapi.kit.request import request_id
from tests.kit.conftest import Look
from tests.kit.log_lines import logged
from tests.kit.patience import until
from tests.pgbouncer import pgbouncer

pytestmark = pytest.mark.anyio
SERVERS = 2
"""Connections of PgBouncer to the server; less than those to PgBouncer, so that they change hands."""

LIMITS = (
    "SELECT array_agg(name || '=' || current_setting(name) ORDER BY name) FROM pg_settings WHERE name = ANY("
    "'{statement_timeout,lock_timeout,idle_in_transaction_session_timeout,transaction_timeout}')"
)


@pytest.fixture(scope="module")
def address(database_url: str) -> Iterator[str]:
    """Where PgBouncer answers."""
    with pgbouncer(database_url, size=SERVERS) as url:
        yield url


def opened(address: str) -> Database:
    """A pool that is not opened yet."""
    settings = DatabaseSettings(url=Secret(address), database_pool=5, statement_timeout=2)
    return Database(settings, system_clock, {})


@pytest.fixture
async def database(address: str, look: Look) -> AsyncIterator[Database]:
    """A pool of more connections than PgBouncer has; all must be back at the end."""
    pool = opened(address)
    await pool.open()
    yield pool
    assert await look("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'") == 0
    await pool.close()


async def test_the_limits_are_those_of_a_direct_connection(database: Database, database_url: str) -> None:
    direct = opened(database_url)
    await direct.open()
    async with direct.transaction() as transaction:
        wanted = await transaction.fetch_value(LIMITS)
    await direct.close()
    async with database.transaction() as transaction:
        assert await transaction.fetch_value(LIMITS) == wanted
    async with database.read() as connection:
        assert await connection.fetch_value(LIMITS) == wanted


async def test_the_server_itself_ends_a_statement_that_takes_too_long(database: Database) -> None:
    with pytest.raises(Overloaded) as told:
        async with database.read() as connection:
            await connection.fetch_value("SELECT pg_sleep(20)")
    assert isinstance(told.value.__cause__, asyncpg.QueryCanceledError)
    async with database.read() as connection:
        assert await connection.fetch_value("SELECT 1") == 1


async def test_more_of_ours_than_of_the_servers_take_turns(database: Database) -> None:
    async def work(number: int) -> int:
        async with database.transaction() as transaction:
            await transaction.execute("INSERT INTO things (name, size) VALUES ($1, $2)", f"thing {number}", number + 1)
        async with database.read() as connection:
            value = await connection.fetch_value("SELECT size FROM things WHERE name = $1", f"thing {number}")
            return int(value) - 1

    assert await asyncio.gather(*map(work, range(60))) == list(range(60))


async def test_a_reader_cannot_write_by_a_detour(database: Database) -> None:
    with pytest.raises(Overloaded):
        async with database.read() as connection:
            await connection.fetch("INSERT INTO things (name) VALUES ('a') RETURNING name")


async def test_a_failed_read_leaves_no_transaction_behind(database: Database) -> None:
    for _ in range(SERVERS * 2):
        with pytest.raises(ServerRefusal):
            async with database.read() as connection:
                await connection.fetch("SELECT no_such_column FROM things")
    async with AsyncExitStack() as both:
        readers = [await both.enter_async_context(database.read()) for _ in range(SERVERS)]
        assert [await reader.fetch_value("SELECT 1") for reader in readers] == [1] * SERVERS


async def test_a_cancelled_read_gives_its_connection_back(database: Database) -> None:
    async def sleep() -> None:
        async with database.read() as connection:
            await connection.fetch_value("SELECT pg_sleep(20)")

    tasks = [asyncio.create_task(sleep()) for _ in range(SERVERS)]
    await asyncio.wait(tasks, timeout=0.3)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    async with asyncio.timeout(1.5), database.read() as connection:  # the statements are not waited for
        assert await connection.fetch_value("SELECT 1") == 1


async def test_nothing_of_a_session_meets_another(database: Database, address: str) -> None:
    async with database.transaction() as transaction:
        await transaction.fetch("SELECT $1::integer", 1)
    kept = "SELECT count(*) FROM pg_prepared_statements"
    async with AsyncExitStack() as both:
        readers = [await both.enter_async_context(database.read()) for _ in range(SERVERS)]
        assert [await reader.fetch_value(kept) for reader in readers] == [0] * SERVERS
    stranger = await asyncpg.connect(address.removesuffix("&pgbouncer=true"), statement_cache_size=0)
    assert [await stranger.fetchval("SHOW statement_timeout") for _ in range(SERVERS * 2)] == ["0"] * SERVERS * 2
    await stranger.close()


async def test_the_schema_of_the_address_is_used(address: str, look: Look) -> None:
    await look('CREATE SCHEMA IF NOT EXISTS "My ten:ant"')
    pool = opened(address + "&schema=My%20ten:ant")
    await pool.open()
    async with pool.read() as connection:
        assert await connection.fetch_value("SELECT current_schema()") == "My ten:ant"
    lone = pool.lone(2)
    row = await lone.fetch_one("SELECT current_schema() AS name")
    assert row is not None
    assert row["name"] == "My ten:ant"
    await lone.close()
    await pool.close()


async def test_what_may_not_wait_commits_at_once(database: Database, look: Look) -> None:
    lone = database.lone(2)
    await lone.fetch_one("INSERT INTO things (name) VALUES ('at once') RETURNING name")
    assert await look("SELECT count(*) FROM things WHERE name = 'at once'") == 1
    with pytest.raises(TimeoutError):
        await lone.fetch_one("SELECT pg_sleep(20)", seconds=0.2)
    assert await lone.fetch_one("SELECT 1") is not None
    await lone.close()


async def test_a_transaction_bears_the_id_of_its_request_and_keeps_its_limits(database: Database, look: Look) -> None:
    begun = "SELECT query FROM pg_stat_activity WHERE state = 'idle in transaction' AND query LIKE '%request 0af765%'"
    token = request_id.set("0af765")
    async with database.transaction() as transaction:
        queries = [await look(begun)]
        assert await transaction.fetch_value("SHOW statement_timeout") == "2s"
    async with database.read() as connection:
        queries.append(await look(begun))
        assert await connection.fetch_value("SHOW statement_timeout") == "2s"
    request_id.reset(token)
    assert [query.partition(";")[0] for query in queries] == ["BEGIN", "BEGIN READ ONLY"]
    assert all(query.endswith(" /* request 0af765 */") for query in queries)


async def test_a_slow_statement_has_a_plan(address: str) -> None:
    pool = Database(DatabaseSettings(url=Secret(address), slow_statement_ms=20), system_clock, {})
    await pool.open()
    with logged() as lines:
        async with pool.read() as connection:
            await connection.fetch(
                "SELECT /* things.sleep */ name, pg_sleep(0.05) FROM (VALUES ($1::text)) AS t (name)", "x"
            )

        async def is_told() -> bool:
            return any(line["plan"] for line in lines.events("slow statement"))

        await until(is_told)
    await pool.close()
