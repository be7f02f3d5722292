"""A write with an Idempotency-Key has its effect once, however often and however badly it is sent."""

import asyncio
import json
from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from taskapi.config import AuthSettings, Secret
from taskapi.http.edge import Edge
from taskapi.kit.database import Database
from taskapi.kit.seals import Seals
from tests.http.asgi import JSON, Answer, Sender, ask
from tests.http.toy import ADA, GRACE, PEOPLE, SECRETS, Rooms, toy
from tests.kit.conftest import POOL, Look
from tests.kit.wire import Wire

pytestmark = pytest.mark.anyio

THINGS = "SELECT count(*) FROM things"
KEPT = "SELECT count(*) FROM idempotency_keys"


PERSON = """
INSERT INTO users (id, email, name, role, created_at, version) VALUES ($1, $2, $2, 'user', now(), 1)
ON CONFLICT DO NOTHING
"""


@pytest.fixture(autouse=True)
async def two_people_with_nothing_kept(look: Look) -> None:
    for name, person in PEOPLE.items():
        await look(PERSON, person.user_id, name)
    await look("TRUNCATE idempotency_keys")


async def make(app: Edge, name: str = "spoon", *, key: str | None = "k", **changed: Any) -> Answer:
    headers = {**ADA, **JSON, **({"idempotency-key": key} if key else {}), **changed.pop("headers", {})}
    body = json.dumps({"name": name}).encode()
    return await ask(
        app, changed.pop("method", "POST"), changed.pop("target", "/toy/things"), headers=headers, body=body
    )


def is_replay(answer: Answer) -> bool:
    return answer.header("idempotency-replayed") == "true"


async def test_the_same_again_is_answered_the_same_and_done_once(writing: Edge, look: Look) -> None:
    first, second, third = [await make(writing) for _ in range(3)]
    assert [is_replay(answer) for answer in (first, second, third)] == [False, True, True]
    assert first.status == second.status == third.status == 201
    assert first.body == second.body == third.body
    for name in ("etag", "location", "content-type"):
        assert first.header(name) == second.header(name) == third.header(name) is not None
    assert second.header("content-length") == str(len(second.body))
    assert first.header("x-other") == "x"
    assert first.header("x-request-id") != second.header("x-request-id")
    assert await look(THINGS) == 1
    assert await look("SELECT count(*) FROM outbox") == 1


async def test_an_answer_without_a_body_is_repeated_too(writing: Edge, look: Look) -> None:
    await make(writing, key=None)
    answers = [await make(writing, method="PUT", target="/toy/things/spoon") for _ in range(3)]
    assert [(answer.status, answer.body, is_replay(answer)) for answer in answers] == [
        (204, b"", False),
        (204, b"", True),
        (204, b"", True),
    ]
    assert await look("SELECT size FROM things") == 2


@pytest.mark.parametrize(("method", "status"), [("PATCH", 200), ("DELETE", 204)])
async def test_every_kind_of_write_takes_a_key(writing: Edge, method: str, status: int) -> None:
    await make(writing, key=None)
    answers = [await make(writing, "fork", method=method, target="/toy/things/spoon") for _ in range(2)]
    assert [(answer.status, is_replay(answer)) for answer in answers] == [(status, False), (status, True)]


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "fork"},
        {"method": "PATCH", "target": "/toy/things/spoon"},
        {"target": "/toy/afterwards"},
        {"headers": {"if-match": '"7"'}},
    ],
    ids=["body", "method", "path", "condition"],
)
async def test_another_request_with_the_key_is_refused(writing: Edge, look: Look, changed: dict[str, Any]) -> None:
    await make(writing)
    answer = await make(writing, **changed)
    assert (answer.status, answer.json()["code"]) == (422, "idempotency-key-reused")
    assert await look("SELECT array_agg(name) FROM things") == ["spoon"]
    assert is_replay(await make(writing))


async def test_keys_of_two_people_have_nothing_to_do_with_each_other(writing: Edge) -> None:
    mine = await make(writing, "spoon")
    yours = await make(writing, "fork", headers=GRACE)
    assert (mine.status, yours.status) == (201, 201)
    assert not is_replay(yours)
    assert (await make(writing, "spoon")).body == mine.body


async def test_a_key_means_nothing_on_a_read(writing: Edge, look: Look) -> None:
    for _ in range(2):
        answer = await ask(writing, "GET", "/toy/list", headers={**ADA, "idempotency-key": "k"})
        assert not is_replay(answer)
    assert await look(KEPT) == 0


async def test_a_key_needs_its_owner(writing: Edge) -> None:
    await make(writing)
    assert (await make(writing, headers={"authorization": "Bearer nobody"})).status == 401


@pytest.mark.parametrize("key", ["x", "a" * 255, "!~", "';DROP/**/TABLE/**/things;--", "{}"])
async def test_any_visible_text_is_a_key(writing: Edge, look: Look, key: str) -> None:
    assert [is_replay(await make(writing, key=key)) for _ in range(2)] == [False, True]
    assert await look("SELECT key FROM idempotency_keys") == key


@pytest.mark.parametrize("key", [" ", "a b", "a" * 256, "é", "\x7f", "a\tb", "\x00"])
async def test_any_other_key_is_refused_before_anything_is_done(writing: Edge, look: Look, key: str) -> None:
    answer = await make(writing, key=None, headers={"idempotency-key": key})
    assert answer.status == 422
    assert answer.json()["errors"][0]["parameter"] == "Idempotency-Key"
    assert await look(THINGS) == 0


async def test_an_empty_key_and_two_keys_are_refused(writing: Edge) -> None:
    for extra in ([("idempotency-key", "")], [("idempotency-key", "a"), ("idempotency-key", "b")]):
        answer = await ask(
            writing, "POST", "/toy/things", headers=[*ADA.items(), *JSON.items(), *extra], body=b'{"name":"x"}'
        )
        assert answer.status == 422


async def test_a_refused_request_stores_nothing_and_may_be_tried_again(writing: Edge, look: Look) -> None:
    assert (await make(writing, "")).status == 422
    assert (await make(writing, method="DELETE", target="/toy/things/spoon")).status == 404
    assert (await make(writing, key=None)).status == 201
    assert (await make(writing)).status == 409
    assert await look(KEPT) == 0
    assert (await make(writing, "fork")).status == 201
    assert await look(KEPT) == 1


async def test_a_body_over_the_limit_is_refused_with_a_key_too(writing: Edge) -> None:
    headers = {**ADA, **JSON, "idempotency-key": "k"}
    assert (await ask(writing, "POST", "/toy/things", headers=headers, body=b" " * (1024 * 1024 + 1))).status == 413


async def test_a_write_that_writes_nothing_stores_nothing(writing: Edge, look: Look) -> None:
    answers = [await make(writing, target="/toy/idle") for _ in range(2)]
    assert [(answer.status, is_replay(answer)) for answer in answers] == [(200, False), (200, False)]
    assert await look(KEPT) == 0


async def test_a_route_that_listens_on_hears_what_comes_after_the_body(writing: Edge) -> None:
    headers = {**ADA, **JSON, "idempotency-key": "k"}
    sent = Sender([b'{"name":', b'"spoon"}'], gives_up=True, whole=True)
    answer = await ask(writing, "POST", "/toy/listening", headers=headers, body=sent)
    assert answer.json() == ["http.request", "http.disconnect"]


async def test_many_at_once_have_one_effect(writing: Edge, look: Look) -> None:
    answers = await asyncio.gather(*(make(writing) for _ in range(50)))
    counted = Counter((answer.status, is_replay(answer)) for answer in answers)
    assert counted == {(201, False): 1, (201, True): 49}
    assert await look(THINGS) == await look(KEPT) == await look("SELECT count(*) FROM outbox") == 1
    assert is_replay(await make(writing))


@pytest.mark.parametrize("reached", [True, False], ids=["committed", "not committed"])
async def test_a_connection_that_dies_at_the_commit_leaves_both_or_neither(
    writing: Edge, wire: Wire, look: Look, *, reached: bool
) -> None:
    hold = wire.hold_answer(b"COMMIT") if reached else wire.hold_request(b"COMMIT")
    first = asyncio.create_task(make(writing))
    await hold.reached.wait()
    wire.cut()
    assert (await first).status == 503
    assert await look(THINGS) == await look(KEPT) == reached
    again = await make(writing)
    assert (again.status, is_replay(again)) == (201, reached)
    assert await look(THINGS) == await look(KEPT) == 1


@pytest.mark.parametrize("marker", [b"open_idempotency_key", b"INSERT INTO things", b"part_0"])
async def test_a_connection_that_dies_before_leaves_neither(
    writing: Edge, wire: Wire, look: Look, marker: bytes
) -> None:
    hold = wire.hold_answer(marker)
    first = asyncio.create_task(make(writing))
    await hold.reached.wait()
    wire.cut()
    assert (await first).status == 503
    assert await look(THINGS) == await look(KEPT) == await look("SELECT count(*) FROM outbox") == 0
    assert (await make(writing)).status == 201


async def test_a_caller_that_goes_away_at_the_commit_finds_the_answer_later(
    writing: Edge, wire: Wire, look: Look
) -> None:
    hold = wire.hold_answer(b"COMMIT")
    first = asyncio.create_task(make(writing))
    await hold.reached.wait()
    first.cancel()
    hold.release()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert is_replay(await make(writing))
    assert await look(THINGS) == 1


async def test_a_caller_that_goes_away_before_changes_nothing(writing: Edge, wire: Wire, look: Look) -> None:
    hold = wire.hold_answer(b"INSERT INTO things")
    first = asyncio.create_task(make(writing))
    await hold.reached.wait()
    first.cancel()
    hold.release()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await look(THINGS) == await look(KEPT) == 0
    assert (await make(writing)).status == 201


async def test_two_transactions_are_refused_and_lose_no_connection(writing: Edge, look: Look) -> None:
    for _ in range(POOL + 1):
        assert (await make(writing, target="/toy/twice")).status == 500
    assert await look(THINGS) == 0
    assert (await make(writing, target="/toy/twice", key=None)).status == 201


async def test_what_is_refused_at_the_commit_is_told_as_ever(writing: Edge, look: Look) -> None:
    answer = await make(writing, target="/toy/twins")
    assert (answer.status, answer.json()["code"]) == (409, "twin-missing")
    assert (answer.header("location"), answer.header("content-type")) == (None, "application/problem+json")
    assert await look(THINGS) == await look(KEPT) == 0


async def test_work_after_the_commit_is_no_part_of_the_keyed_transaction(writing: Edge, look: Look) -> None:
    answers = [await make(writing, target="/toy/afterwards") for _ in range(2)]
    assert [(answer.status, is_replay(answer)) for answer in answers] == [(204, False), (204, True)]
    assert await look("SELECT array_agg(name ORDER BY name) FROM things") == ["spoon", "spoon2"]


async def test_nothing_is_kept_for_somebody_whom_the_request_removes(writing: Edge, look: Look) -> None:
    answer = await make(writing, method="DELETE", target="/toy/myself")
    assert (answer.status, await look(KEPT)) == (204, 0)
    assert await look("SELECT count(*) FROM users WHERE id = $1", PEOPLE["ada"].user_id) == 0


async def test_what_it_costs(writing: Edge, database: Database) -> None:
    async def statements(**changed: Any) -> int:
        before = database.statements.count
        await make(writing, **changed)
        return database.statements.count - before

    assert await statements(key=None) == 2, "the change, and its event"
    assert await statements(name="fork") == 3, "the look for the key too"
    assert await statements(name="fork") == 1, "that look only"


async def test_an_answer_outlives_the_secret_it_was_kept_under(writing: Edge, rooms: Rooms) -> None:
    await make(writing)
    newer = AuthSettings(jwt_secret=Secret("n" * 32), jwt_previous_secrets=(SECRETS.jwt_secret or Secret(""),))
    rotated = Rooms()
    rotated.database, rotated.fingerprints = rooms.database, Seals(newer, "fingerprint")
    later = toy(rotated)
    assert is_replay(await make(later))
    assert (await make(later, "fork")).status == 422


async def test_the_answer_is_kept_as_it_was_sent(writing: Edge, look: Look) -> None:
    sent = await make(writing, "Löffel")
    assert await look("SELECT body FROM idempotency_keys") == sent.body
    headers = dict(json.loads(await look("SELECT headers FROM idempotency_keys")))
    assert headers.keys() == {"content-type", "etag", "location"}
    assert await look("SELECT user_id FROM idempotency_keys") == UUID(int=1)
