"""The list of people among many: every page is a bounded walk or a look-up, whatever is searched for."""

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from taskapi.kit.database import ReadConnection
from taskapi.users import store
from tests.servers import Servers

PEOPLE = 30_000
PAGE = 51
FILL = """
INSERT INTO users (id, email, name, role, created_at, version)
SELECT (lpad(to_hex(1700000000000 + n), 12, '0') || '7' || lpad(to_hex(n), 3, '0') || '8' || lpad('', 15, '0'))::uuid,
       'person' || n || '@example.org', CASE WHEN n <= 300 THEN 'Old ' ELSE 'New ' END || md5(n::text), 'user', now(), 1
FROM generate_series(1, $1::int) AS n
"""
Connection = Any
Run = Callable[[Callable[[Connection], Coroutine[Any, Any, Any]]], Any]


@pytest.fixture(scope="module", params=["force_custom_plan", "force_generic_plan"])
def run(servers: Servers, request: pytest.FixtureRequest) -> Iterator[Run]:
    """Runs work on a connection to a database with many people, whose plans are made for the arguments or for any."""
    url = servers.create_migrated_database()
    settings = {"plan_cache_mode": str(request.param)}
    with asyncio.Runner() as runner:
        pool = runner.run(_filled(url, settings))
        yield lambda work: runner.run(_with_connection(pool, work))
        runner.run(pool.close())


async def _with_connection(pool: "asyncpg.Pool[Any]", work: Callable[[Connection], Coroutine[Any, Any, Any]]) -> Any:
    async with pool.acquire() as connection:
        return await work(connection)


async def _filled(url: str, settings: dict[str, str]) -> "asyncpg.Pool[Any]":
    pool = await asyncpg.create_pool(url, min_size=1, max_size=1, server_settings=settings)
    await pool.execute(FILL, PEOPLE)
    await pool.execute("VACUUM ANALYZE users")
    return pool


def explained(run: Run, statement: str, *args: Any) -> tuple[str, int]:
    """Return the plan of a statement as it was carried out, and how many pages it looked at."""

    async def explain(connection: Connection) -> str:
        await connection.execute("PREPARE looked_at AS " + statement)
        values = ", ".join(f"'{value}'" if value is not None else "NULL" for value in args)
        rows = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) EXECUTE looked_at ({values})")
        await connection.execute("DEALLOCATE looked_at")
        return "\n".join(row[0] for row in rows)

    plan = run(explain)
    pages = re.search(r"Buffers: shared (?:hit=(\d+))?(?: ?read=(\d+))?", plan)
    assert pages is not None
    return plan, sum(int(count or 0) for count in pages.groups())


@pytest.mark.parametrize("of", ["the first page", "a page far down"])
def test_a_page_is_a_stretch_of_the_primary_key(run: Run, of: str) -> None:
    before = store.HIGHEST_ID
    if of == "a page far down":
        before = run(lambda connection: connection.fetchval("SELECT id FROM users ORDER BY id OFFSET 100 LIMIT 1"))
    plan, pages = explained(run, store.LIST, before, PAGE)
    assert "Index Scan Backward using users_pkey" in plan
    assert "Sort" not in plan
    assert pages < 20


def test_what_many_have_in_common_is_found_on_the_way(run: Run) -> None:
    plan, pages = explained(run, store.WALK, store.HIGHEST_ID, PAGE, "person", store.WALKED)
    assert "Index Scan Backward using users_pkey" in plan
    assert pages < 80


@pytest.mark.parametrize("search", ["person29999@", "nobody at all", "old "])
def test_what_is_rare_is_looked_up(run: Run, search: str) -> None:
    plan, pages = explained(run, store.SEARCH, store.HIGHEST_ID, PAGE, search)
    assert "Bitmap Index Scan on users_search" in plan
    assert pages < 120


@pytest.mark.parametrize(
    ("search", "found"),
    [("PERSON", PAGE), ("person777@", 1), ("old ", PAGE), ("nobody at all", 0), ("zz", 0), ("@", PAGE), ("%", 0)],
)
def test_each_way_finds_the_same(run: Run, search: str, found: int) -> None:
    people = run(lambda connection: store.page(ReadConnection(connection), search, None, PAGE))
    assert len(people) == found
    assert [person.id for person in people] == sorted((person.id for person in people), reverse=True)
    assert all(search.lower() in f"{person.email}\n{person.name}".lower() for person in people)


def test_pages_of_a_search_follow_each_other(run: Run) -> None:
    async def everybody(connection: Connection) -> list[UUID]:
        found: list[UUID] = []
        while True:
            before = found[-1] if found else None
            people = await store.page(ReadConnection(connection), "old ", before, PAGE)
            found += [person.id for person in people]
            if len(people) < PAGE:
                return found

    found = run(everybody)
    assert len(found) == len(set(found)) == 300
