"""What the gate sends is what the router sends, byte for byte: status, headers in their order, body."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Receive, Scope, Send

from taskapi.app import App
from taskapi.config import ServerSettings
from taskapi.contracts.identity import Principal, Role
from taskapi.http.edge import Edge
from taskapi.http.policy import CACHE
from taskapi.kit.ids import new_id
from tests.gate.edge.doors import Person
from tests.http.asgi import Answer, ask

pytestmark = pytest.mark.anyio

OWN = {"date", "x-request-id", "x-cache", "ratelimit", "ratelimit-policy"}
"""Headers that differ from answer to answer, or that only the gate sends."""

TEMPLATES = {"/api/auth/me", "/api/tasks", "/api/tasks/{task_id}", "/api/tasks/summary", "/api/trash"}
LISTS = (
    "/api/tasks",
    "/api/tasks?limit=2",
    "/api/tasks?status=todo&status=done&label=home&sort=-due",
    "/api/tasks?q=milk&dueBefore=2030-01-01T00:00:00Z",
    "/api/tasks/summary",
    "/api/trash",
    "/api/trash?limit=1",
)
MISSING = f"/api/tasks/{new_id(datetime.now(UTC))}"


def of_the_router(app: App, person: Person) -> ASGIApp:
    """Return the slow way: the router with a caller, and only the edge around it."""
    caller = Principal(UUID(person.id), UUID(int=0), Role.USER)

    async def named(scope: Scope, receive: Receive, send: Send) -> None:
        scope["user"] = caller
        await app.router(scope, receive, send)

    return Edge(named, ServerSettings())


def sent(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return what has to be the same."""
    headers = [(name, value) for name, value in answer.headers if name not in OWN]
    return answer.status, headers, re.sub(rb'("requestId":")[^"]*', rb"\1", answer.body)


async def asked_of_all(one: App, two: App, ada: Person, target: str, condition: str | None) -> list[Answer]:
    """Return the answers to one question from everywhere an answer can come from."""
    repeated = [*ada.headers.items(), *[("if-none-match", condition or '"x"')] * 2]
    headers = {} if condition is None else {"if-none-match": condition}
    answers = [await ask(one, "GET", target, headers=repeated)]
    answers += [await ada.get(target, headers, at=app) for app in (one, one, two, two)]
    origins = [answer.header("x-cache") for answer in answers]
    assert origins == ["bypass", "miss", "hit-memory", "hit-redis", "hit-memory"], target
    return answers


async def compare(one: App, two: App, ada: Person, target: str, condition: str | None, status: int) -> None:
    """Fail unless all ways lead to the same answer."""
    headers = {} if condition is None else {"if-none-match": condition}
    slow = await ask(of_the_router(one, ada), "GET", target, headers=ada.headers | headers)
    assert slow.status == status
    for answer in await asked_of_all(one, two, ada, target, condition):
        assert sent(answer) == sent(slow), answer.header("x-cache")
        assert answer.header("x-request-id")
        if status >= 400:
            assert answer.json()["requestId"] == answer.header("x-request-id")


async def furnish(ada: Person) -> str:
    """Give ada tasks of every kind and return the path of one."""
    for number in range(4):
        await ada.task(title=f"Buy milk {number}", labels=["home"], dueAt="2029-05-01T00:00:00Z")
    for _ in range(2):
        await ada.send("DELETE", await ada.task())
    return await ada.task(description="Zoë's\n" * 100, status="done")


async def test_these_are_all_routes_whose_answers_are_kept(one: App) -> None:
    routes = [route for route in one.router.routes if isinstance(route, HTTPRoute)]
    assert {r.path_format for r in routes for handler in r.route_handlers if CACHE in handler.opt} == TEMPLATES


async def test_lists_and_counts_are_the_routers(one: App, two: App, ada: Person) -> None:
    await furnish(ada)
    for target in LISTS:
        await compare(one, two, ada, target, None, 200)


async def test_a_task_and_an_account_are_the_routers(one: App, two: App, ada: Person) -> None:
    for target in (await furnish(ada), "/api/auth/me"):
        await compare(one, two, ada, target, None, 200)


@pytest.mark.parametrize("condition", ['"1"', 'W/"1"', '"7", "1"', "*"])
async def test_what_did_not_change_is_the_routers(one: App, two: App, ada: Person, condition: str) -> None:
    for target in (await furnish(ada), "/api/auth/me"):
        await compare(one, two, ada, target, condition, 304)


async def test_what_is_not_there_is_the_routers(one: App, two: App, ada: Person) -> None:
    await compare(one, two, ada, MISSING, None, 404)


async def test_a_tag_of_something_that_is_not_there_is_the_routers(one: App, two: App, ada: Person) -> None:
    await compare(one, two, ada, MISSING, '"1"', 404)


async def test_refusals_without_a_caller_are_the_routers(one: App) -> None:
    for headers in ({}, {"authorization": "Bearer x"}):
        fast = await ask(one, "GET", "/api/tasks", headers=headers)
        slow = await ask(Edge(one.router, ServerSettings()), "GET", "/api/tasks", headers=headers)
        assert (fast.status, sent(fast)) == (401, sent(slow))
        assert fast.json()["requestId"] == fast.header("x-request-id")


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/api/tasks?limit=500", 422),
        ("GET", "/api/tasks?limit=2&limit=3", 422),
        ("GET", "/api/tasks?colour=red", 422),
        ("GET", "/api/auth/me?colour=red", 422),
        ("GET", "/api/tasks/7", 404),
        ("GET", "/api/nowhere", 404),
        ("HEAD", "/api/tasks", 405),
        ("PATCH", "/api/tasks", 405),
        ("OPTIONS", "/api/tasks", 204),
    ],
)
async def test_what_the_router_refuses_it_refuses_itself(
    one: App, ada: Person, method: str, target: str, status: int
) -> None:
    for _ in range(2):
        fast = await ask(one, method, target, headers=ada.headers)
        slow = await ask(of_the_router(one, ada), method, target, headers=ada.headers)
        assert (fast.status, sent(fast)) == (status, sent(slow))
        assert fast.header("x-cache") in {"bypass", None}


async def test_a_condition_that_cannot_be_read_is_the_routers_to_refuse(one: App, ada: Person) -> None:
    path = await ada.task()
    await ada.get_until(path, "hit-memory")
    answer = await ada.get(path, {"if-none-match": "1"})
    assert (answer.status, answer.header("x-cache")) == (422, "bypass")


async def test_another_spelling_of_a_path_is_the_same_answer(one: App, ada: Person) -> None:
    path = await ada.task()
    usual = await ada.get_until(path, "hit-memory")
    identifier = path.rpartition("/")[2]
    spellings = (identifier.upper(), identifier.replace("-", ""), f"{identifier}/", f"/{identifier}")
    for spelling in spellings:
        answer = await ada.get(f"/api/tasks/{spelling}")
        assert (answer.header("x-cache"), sent(answer)) == ("hit-memory", sent(usual)), spelling
