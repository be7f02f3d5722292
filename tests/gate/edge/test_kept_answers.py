"""Kept answers are the reader's own and never older than the last acknowledged write, whichever process it went to."""

import asyncio
from datetime import timedelta
from typing import cast

import pytest

from taskapi.app import App
from taskapi.config import CacheSettings
from taskapi.kit.database.connection import StatementCounter
from tests.gate.edge.doors import Person, at_once, open_door, settings_of
from tests.house import SettableClock
from tests.http.asgi import ask
from tests.kit.patience import until
from tests.servers import Servers

pytestmark = pytest.mark.anyio
ME = "/api/auth/me"
IN_THE_BACKGROUND = 10
"""What an application may do meanwhile for itself: look at its lease, mark rows of the outbox."""


def statements(app: App) -> StatementCounter:
    return app.rooms.database.statements


async def test_nobody_ever_gets_somebody_elses_answer(one: App, ada: Person, grace: Person) -> None:
    theirs = await ada.task(title="ada's")
    await grace.task(title="grace's")
    for target in ("/api/tasks", "/api/tasks?limit=5", "/api/tasks/summary", ME, "/api/trash"):
        for person in (ada, grace, ada, grace):
            answer = await person.get(target)
            assert answer.status == 200
            other = grace if person is ada else ada
            assert other.email.encode() not in answer.body
            assert (b"ada's" if person is grace else b"grace's") not in answer.body
    await ada.get_until(theirs, "hit-memory")
    for _ in range(3):
        assert (await grace.get(theirs)).status == 404
        assert (await ada.get(theirs)).json()["title"] == "ada's"


async def test_a_hit_asks_the_database_nothing_and_redis_once(one: App, ada: Person) -> None:
    path = await ada.task()
    for target in (path, "/api/tasks", "/api/tasks/summary", ME):
        await ada.get_until(target, "hit-memory")
        before, trips = statements(one).count, one.rooms.gate.counts.trips
        for headers in ({}, {"if-none-match": '"1"'}) * 25:
            assert (await ada.get(target, headers)).header("x-cache") == "hit-memory"
        assert statements(one).count - before <= IN_THE_BACKGROUND
        assert 50 <= one.rooms.gate.counts.trips - trips <= 50 + IN_THE_BACKGROUND


async def test_who_holds_the_version_gets_304_from_memory(one: App, ada: Person) -> None:
    path = await ada.task()
    await ada.get_until(path, "hit-memory")
    answer = await ada.get(path, {"if-none-match": '"1"'})
    assert (answer.status, answer.body, answer.header("etag")) == (304, b"", '"1"')
    assert answer.header("content-length") is None
    await ada.send("PATCH", path, {"title": "Buy bread"})
    assert (await ada.get(path, {"if-none-match": '"1"'})).status == 200


async def test_an_ended_session_is_refused_although_its_answers_are_held(one: App, two: App, ada: Person) -> None:
    for app in (one, two):
        await ada.get_until("/api/tasks", "hit-memory", at=app)
    other = ada.token
    ada.token = await ada.log_in()
    await ada.get_until("/api/tasks", "hit-memory")
    assert (await ada.send("POST", "/api/auth/logout")).status == 204
    for app in (one, two):
        assert (await ada.get("/api/tasks", at=app)).status == 401
    ada.token = other
    for app in (one, two):
        assert (await ada.get("/api/tasks", at=app)).status == 200


async def test_a_write_here_is_read_there_at_once(one: App, two: App, ada: Person) -> None:
    path = await ada.task(title="0")
    for number in range(1, 30):
        writer, reader = (one, two) if number % 2 else (two, one)
        answer = await ada.send("PATCH", path, {"title": str(number)}, at=writer)
        assert answer.status == 200
        for app in (reader, writer):
            assert (await ada.get(path, at=app)).json()["title"] == str(number)
            assert (await ada.get("/api/tasks", at=app)).json()["items"][0]["title"] == str(number)


async def test_what_was_not_there_is_there_once_it_is_restored(one: App, two: App, ada: Person) -> None:
    path = await ada.task()
    await ada.send("DELETE", path)
    for app in (one, two):
        assert (await ada.get_until(path, "hit-memory", at=app)).status == 404
    await ada.send("PUT", f"{path}/restoration")
    for app in (two, one):
        assert (await ada.get(path, at=app)).status == 200


async def test_many_who_miss_at_once_share_one_load(one: App, ada: Person) -> None:
    await ada.task()
    await ada.get(ME)
    before = statements(one).count
    answers = await at_once(40, lambda: ada.get("/api/tasks?sort=due"))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert {answer.header("x-cache") for answer in answers} == {"miss"}
    assert 1 <= statements(one).count - before <= IN_THE_BACKGROUND
    assert len({answer.header("x-request-id") for answer in answers}) == 40


async def test_of_many_who_miss_what_is_not_there_each_gets_an_answer_of_their_own(one: App, ada: Person) -> None:
    path = await ada.task()
    await ada.send("DELETE", path)
    answers = await at_once(20, lambda: ada.get(path))
    assert {answer.status for answer in answers} == {404}
    assert len({answer.json()["requestId"] for answer in answers}) == 20
    assert all(answer.json()["requestId"] == answer.header("x-request-id") for answer in answers)


async def test_whoever_goes_away_takes_nobody_along(one: App, ada: Person) -> None:
    await ada.task()
    await ada.get(ME)
    before = statements(one).count

    async def loading() -> bool:
        return statements(one).count > before

    first = asyncio.create_task(ada.get("/api/tasks?sort=due"))
    await until(loading)
    others = [asyncio.create_task(ada.get("/api/tasks?sort=due")) for _ in range(5)]
    first.cancel()
    assert [(await other).status for other in others] == [200] * 5
    assert (await ada.get("/api/tasks?sort=due")).header("x-cache") == "hit-memory"


async def test_the_summary_counts_a_task_as_overdue_the_moment_it_is(one: App, two: App, ada: Person) -> None:
    clock = cast(SettableClock, one.rooms.clock)
    other_clock = cast(SettableClock, two.rooms.clock)
    await ada.task(dueAt=(clock() + timedelta(minutes=10)).isoformat())
    for app in (one, two):
        assert (await ada.get_until("/api/tasks/summary", "hit-memory", at=app)).json()["overdue"] == 0
    clock.offset = other_clock.offset = timedelta(minutes=11)
    for app in (one, two):
        assert (await ada.get("/api/tasks/summary", at=app)).json()["overdue"] == 1
        assert (await ada.get("/api/tasks/summary", at=app)).header("x-cache") == "hit-memory"


async def test_what_is_due_within_a_second_is_kept_in_memory_only_as_long(one: App, two: App, ada: Person) -> None:
    clock = cast(SettableClock, one.rooms.clock)
    task = await ada.task()

    async def is_due_soon() -> bool:
        due = clock() + timedelta(milliseconds=900)
        assert (await ada.send("PATCH", task, {"dueAt": due.isoformat()})).status == 200
        return not await overdue()  # unless it took so long to ask

    async def overdue() -> bool:
        return bool((await ada.get("/api/tasks/summary")).json()["overdue"])

    await until(is_due_soon)
    await until(overdue)
    assert (await ada.get("/api/tasks/summary", at=two)).json()["overdue"] == 1


async def test_equal_queries_are_one_answer_and_others_are_not(one: App, ada: Person) -> None:
    await ada.task(labels=["a", "b"])
    await ada.get_until("/api/tasks?label=a&label=b&status=todo", "hit-memory")
    for same in (
        "status=todo&label=b&label=a",
        "label=a&label=b&status=todo&limit=50&sort=-created",
        "label=%61&label=b&status=todo",
    ):
        assert (await ada.get(f"/api/tasks?{same}")).header("x-cache") == "hit-memory", same
    for other in ("label=a&status=todo", "label=a&label=b&status=todo&limit=49", "label=a%26label%3Db&status=todo"):
        assert (await ada.get(f"/api/tasks?{other}")).header("x-cache") == "miss", other


async def test_a_huge_query_is_answered_and_its_key_is_short(one: App, ada: Person) -> None:
    await ada.task()
    long = "/api/tasks?" + "&".join(f"label={'x' * 40}{number}" for number in range(20))
    assert (await ada.get_until(long, "hit-memory")).json()["items"] == []
    huge = f"{long}&q={'%20' * 2000}y"
    answer = await ada.get(huge)
    assert (answer.status, answer.header("x-cache")) == (422, "bypass")
    client = one.rooms.redis.client
    kept = [key async for key in client.scan_iter(f"tasks:{{{ada.id}}}:*")]
    assert kept
    assert max(map(len, kept)) < 160


async def test_a_cursor_leads_to_the_page_it_was_made_for(one: App, two: App, ada: Person) -> None:
    for number in range(5):
        await ada.task(title=str(number))
    for _ in range(2):
        for app in (one, two):
            titles, target = [], "/api/tasks?limit=2"
            while target:
                page = (await ada.get(target, at=app)).json()
                titles += [task["title"] for task in page["items"]]
                target = page["nextCursor"] and f"/api/tasks?limit=2&cursor={page['nextCursor']}"
            assert titles == ["4", "3", "2", "1", "0"]


async def test_lists_of_administrators_and_of_sessions_are_never_kept(one: App, ada: Person) -> None:
    for _ in range(3):
        for target in ("/api/auth/sessions", "/api/users"):
            assert (await ada.get(target)).header("x-cache") is None


async def test_without_memory_answers_come_from_redis(
    servers: Servers, database_url: str, one: App, ada: Person
) -> None:
    settings = settings_of(database_url, servers.redis_url, cache=CacheSettings(cache_memory_mb=0))
    async with open_door(settings) as app:
        await ada.task()
        await ada.get_until("/api/tasks", "hit-redis", at=app)
        assert (await ada.get("/api/tasks", at=app)).header("x-cache") == "hit-redis"


async def test_what_another_release_left_in_redis_is_loaded_anew(one: App, two: App, ada: Person) -> None:
    await ada.task()
    await ada.get_until("/api/tasks", "hit-memory")
    client, key = one.rooms.redis.client, f"tasks:{{{ada.id}}}:all"

    async def there() -> bytes:
        return cast(bytes, await client.get(key))

    await until(there)
    content = await there()
    stamp = content[: content.index(b"\x96")]
    await client.set(key, stamp + b"\xffnonsense", ex=60)
    answer = await ada.get("/api/tasks", at=two)
    assert (answer.status, answer.header("x-cache")) == (200, "miss")


async def test_the_token_is_looked_at_every_time(one: App, ada: Person) -> None:
    await ada.get_until("/api/tasks", "hit-memory")
    clock = cast(SettableClock, one.rooms.clock)
    head, _, signature = ada.token.rpartition(".")
    for wrong in (ada.token[:-1], f"{head}.{signature[::-1]}", ada.token + "x", ""):
        for _ in range(2):
            assert (await ask(one, "GET", "/api/tasks", headers={"authorization": f"Bearer {wrong}"})).status == 401
    both = [("authorization", f"Bearer {ada.token}")] * 2
    assert (await ask(one, "GET", "/api/tasks", headers=both)).status == 401
    assert (await ada.get("/api/tasks")).status == 200
    clock.offset = timedelta(days=31)
    assert (await ada.get("/api/tasks")).status == 401
