"""A repeated write waits for its first time: for a while, at no cost to others, and as long as its caller does."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from taskapi.http import awaiting
from taskapi.http.edge import Edge
from taskapi.kit.database import Database
from tests.http.asgi import JSON, Answer, Sender, ask
from tests.http.test_idempotency import THINGS, is_replay, make, two_people_with_nothing_kept
from tests.http.toy import ADA, GRACE, Rooms
from tests.kit.conftest import POOL, Look
from tests.kit.patience import until
from tests.kit.wire import Hold, Wire

__all__ = ["two_people_with_nothing_kept"]

pytestmark = pytest.mark.anyio

OPEN_TRANSACTIONS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'
"""

Waiting = Callable[..., Awaitable[list["asyncio.Task[Answer]"]]]


@pytest.fixture
async def hold(writing: Edge, wire: Wire) -> Hold:
    """A first time that has the key and is about to write."""
    return wire.hold_request(b"INSERT INTO things")


@pytest.fixture
async def first(writing: Edge, hold: Hold) -> "asyncio.Task[Answer]":
    """The request of that first time."""
    begun = asyncio.create_task(make(writing))
    await hold.reached.wait()
    return begun


@pytest.fixture
def repeated(writing: Edge, rooms: Rooms, first: "asyncio.Task[Answer]") -> Waiting:
    """Sends the request again so often; returns when all of these wait."""

    async def send(times: int = 1) -> list["asyncio.Task[Answer]"]:
        begun = [asyncio.create_task(make(writing)) for _ in range(times)]
        await waiting(rooms, times)
        return begun

    return send


async def waiting(rooms: Rooms, number: int) -> None:
    """Return when so many requests wait."""

    async def look() -> bool:
        return rooms.awaiting.number == number

    await until(look)


def is_told_so(answer: Answer) -> bool:
    told = (answer.status, answer.json()["code"], answer.header("retry-after"))
    return told == (409, "idempotency-key-in-use", "1")


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever does not wait for something else waits longer than the test takes."""
    monkeypatch.setattr(awaiting, "PATIENCE_SECONDS", 600)
    monkeypatch.setattr(awaiting, "OF_A_REQUEST", 40)


async def test_the_second_waits_and_is_answered_as_a_replay(
    first: "asyncio.Task[Answer]", hold: Hold, repeated: Waiting, rooms: Rooms, look: Look
) -> None:
    (second,) = await repeated()
    hold.release()
    assert ((await first).status, is_replay(await first)) == (201, False)
    assert ((await second).status, is_replay(await second)) == (201, True)
    assert (await second).body == (await first).body
    assert (await second).header("content-length") == str(len((await first).body))
    assert (await look(THINGS), rooms.awaiting.number) == (1, 0)


async def test_who_is_out_of_patience_is_told_so(
    writing: Edge, first: "asyncio.Task[Answer]", hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awaiting, "PATIENCE_SECONDS", 0)
    assert is_told_so(await make(writing))
    hold.release()
    assert (await first).status == 201
    assert is_replay(await make(writing))


async def test_patience_ends_before_the_request_does(
    writing: Edge, first: "asyncio.Task[Answer]", hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awaiting, "OF_A_REQUEST", 0.01)
    assert is_told_so(await make(writing)), "0.15 s have passed"
    hold.release()
    assert (await first).status == 201


async def test_beyond_so_many_nobody_waits(
    writing: Edge,
    first: "asyncio.Task[Answer]",
    hold: Hold,
    repeated: Waiting,
    endless: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(awaiting, "PLACES", 2)
    both = await repeated(2)
    assert is_told_so(await make(writing))
    hold.release()
    assert [is_replay(answer) for answer in await asyncio.gather(first, *both)] == [False, True, True]


async def test_a_caller_who_goes_away_waits_no_longer(
    writing: Edge, first: "asyncio.Task[Answer]", hold: Hold, rooms: Rooms, endless: None
) -> None:
    sent = Sender([json.dumps({"name": "spoon"}).encode()])
    headers = {**ADA, **JSON, "idempotency-key": "k"}
    second = asyncio.create_task(ask(writing, "POST", "/toy/things", headers=headers, body=sent))
    await waiting(rooms, 1)
    sent.left.set()
    await second
    assert rooms.awaiting.number == 0
    hold.release()
    assert (await first).status == 201


async def test_a_request_that_is_given_up_waits_no_longer(
    first: "asyncio.Task[Answer]", hold: Hold, repeated: Waiting, rooms: Rooms, endless: None
) -> None:
    (second,) = await repeated()
    second.cancel()
    await asyncio.wait({second})
    assert rooms.awaiting.number == 0
    hold.release()
    assert (await first).status == 201


async def test_who_waits_keeps_nobody_from_the_database(
    writing: Edge, first: "asyncio.Task[Answer]", hold: Hold, repeated: Waiting, look: Look
) -> None:
    many = await repeated(10 * POOL)
    assert await look(OPEN_TRANSACTIONS) == 1, "that of the first time"
    assert (await make(writing, "fork", headers=GRACE)).status == 201
    hold.release()
    assert sum(is_replay(answer) for answer in await asyncio.gather(first, *many)) == 10 * POOL


async def test_what_is_dear_is_not_done_at_each_look(
    writing: Edge, wire: Wire, rooms: Rooms, database: Database, endless: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awaiting, "LONGEST_PAUSE", 0.01)
    hold, before = wire.hold_request(b"INSERT INTO things"), rooms.spent
    first = asyncio.create_task(make(writing, target="/toy/dear"))
    await hold.reached.wait()
    second = asyncio.create_task(make(writing, target="/toy/dear"))
    await waiting(rooms, 1)
    seen = database.statements.count

    async def looked_often() -> bool:
        return database.statements.count > seen + 5

    await until(looked_often)
    hold.release()
    assert [is_replay(await answer) for answer in (first, second)] == [False, True]
    assert rooms.spent - before == 2


async def test_if_the_first_time_comes_to_nothing_the_second_does_it(
    first: "asyncio.Task[Answer]", hold: Hold, repeated: Waiting, look: Look
) -> None:
    (second,) = await repeated()
    first.cancel()
    hold.release()
    assert ((await second).status, is_replay(await second)) == (201, False)
    assert await look(THINGS) == 1


async def test_if_the_second_is_refused_then_it_is_told_why(
    first: "asyncio.Task[Answer]", hold: Hold, repeated: Waiting, look: Look
) -> None:
    (second,) = await repeated()
    await look("INSERT INTO things (name) VALUES ('spoon')")
    first.cancel()
    hold.release()
    assert ((await second).status, (await second).json()["code"]) == (409, "thing-exists")


async def test_another_request_with_the_key_learns_so_once_the_first_is_through(
    writing: Edge, first: "asyncio.Task[Answer]", hold: Hold, rooms: Rooms
) -> None:
    other = asyncio.create_task(make(writing, "fork"))
    await waiting(rooms, 1)
    hold.release()
    assert ((await other).status, (await other).json()["code"]) == (422, "idempotency-key-reused")
    assert (await first).status == 201


async def test_pauses_grow_and_end_with_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    taken: list[float] = []
    for pause in awaiting.pauses(5):
        taken.append(pause)
        now += pause
    assert sum(taken) == pytest.approx(5)
    assert awaiting.FIRST_PAUSE / 2 <= taken[0] <= awaiting.FIRST_PAUSE
    assert max(taken) <= awaiting.LONGEST_PAUSE < 2 * max(taken)
    assert 10 < len(taken) < 30
