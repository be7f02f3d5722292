"""The outermost layer names, bounds, hardens and logs every request, whatever happens inside."""

import asyncio
import re
import time
from typing import Any

import pytest

from taskapi.config import ServerSettings
from taskapi.http.edge import Edge
from taskapi.http.hardening import HARDENING
from tests.http.asgi import JSON, Answer, Sender, ask
from tests.http.toy import ADA, PASSWORD, toy
from tests.kit.log_lines import logged

pytestmark = pytest.mark.anyio

ECHO = b'{"name":"spoon"}'
SECOND = ServerSettings(request_timeout=1)
ANSWERS: list[tuple[int, str, str, dict[str, str], bytes]] = [
    (200, "GET", "/toy/list", {}, b""),
    (201, "POST", "/toy/echo", JSON, ECHO),
    (204, "GET", "/toy/nothing", {}, b""),
    (304, "GET", "/toy/unchanged", {}, b""),
    (400, "POST", "/toy/echo", JSON | {"content-length": "many"}, ECHO),
    (401, "GET", f"/toy/by-id/{'0' * 32}", {}, b""),
    (403, "GET", "/toy/errors/Forbidden", {}, b""),
    (404, "GET", "/nowhere", {}, b""),
    (404, "GET", "/toy/by-id/7", ADA, b""),
    (405, "DELETE", "/toy/list", {}, b""),
    (409, "GET", "/toy/errors/Conflict", {}, b""),
    (412, "GET", "/toy/errors/PreconditionFailed", {}, b""),
    (413, "POST", "/toy/echo", JSON, b" " * (1024 * 1024 + 1)),
    (415, "POST", "/toy/echo", {"content-type": "text/plain"}, ECHO),
    (422, "POST", "/toy/echo", JSON, b"{}"),
    (422, "GET", "/toy/list?limit=0", {}, b""),
    (429, "GET", "/toy/errors/Limited", {}, b""),
    (500, "GET", "/toy/boom", {}, b""),
    (500, "GET", "/toy/broken", {}, b""),
    (503, "GET", "/toy/errors/Overloaded", {}, b""),
    (200, "GET", "/docs", {}, b""),
    (200, "GET", "/docs/files/swagger-ui.css", {}, b""),
    (404, "GET", "/docs/files/nothing.css", {}, b""),
    (200, "GET", "/api/openapi.json", {}, b""),
    (200, "GET", "/api/health", {}, b""),
]
every_answer = pytest.mark.parametrize(
    ("status", "method", "target", "headers", "body"), ANSWERS, ids=[f"{row[0]} {row[2]}" for row in ANSWERS]
)


@every_answer
async def test_every_answer_is_named_and_hardened(
    app: Edge, status: int, method: str, target: str, headers: dict[str, str], body: bytes
) -> None:
    answer = await ask(app, method, target, headers={"X-Request-Id": "mine", **headers}, body=body)
    assert answer.status == status
    assert answer.complete
    assert answer.header("x-request-id") == "mine"
    for name in HARDENING:
        assert answer.header(name.decode()), name
    if status >= 400:
        problem = answer.json()
        assert answer.header("content-type") == "application/problem+json"
        assert (problem["status"], problem["requestId"]) == (status, "mine")
        assert problem["type"] == f"urn:task-api:problem:{problem['code']}"
        assert problem["title"]
        assert problem["detail"]
    if status in {401, 429, 503}:
        assert answer.header("www-authenticate" if status == 401 else "retry-after")


async def test_what_an_answer_says_itself_is_kept(app: Edge) -> None:
    unchanged = await ask(app, "GET", "/toy/unchanged")
    assert (unchanged.header("cache-control"), unchanged.header("etag")) == ("private", '"7"')
    page = await ask(app, "GET", "/docs")
    assert "script-src 'self'" in (page.header("content-security-policy") or "")


async def test_a_wrong_method_is_told_the_right_ones(app: Edge) -> None:
    answer = await ask(app, "DELETE", "/toy/list")
    assert "GET" in (answer.header("allow") or "")


@pytest.mark.parametrize("given", ["a", "req-1_2.3~4", "A" * 64])
async def test_a_harmless_request_id_is_taken_over(app: Edge, given: str) -> None:
    assert (await ask(app, "GET", "/nowhere", headers={"x-request-id": given})).header("x-request-id") == given


@pytest.mark.parametrize("given", ["", " ", "a b", "A" * 65, 'a"b', "a\tb", "ä", "a/b", "{}", "\x1b[31m"])
async def test_any_other_request_id_is_replaced(app: Edge, given: str) -> None:
    answer = await ask(app, "GET", "/nowhere", headers={"x-request-id": given})
    assert re.fullmatch("[0-9a-f]{32}", answer.header("x-request-id") or "")
    assert answer.json()["requestId"] == answer.header("x-request-id")


async def test_two_request_ids_are_none(app: Edge) -> None:
    answer = await ask(app, "GET", "/nowhere", headers=[("x-request-id", "a"), ("x-request-id", "b")])
    assert answer.header("x-request-id") not in {"a", "b"}


async def test_requests_at_once_keep_their_ids_apart(app: Edge) -> None:
    names = [f"request-{number}" for number in range(20)]
    with logged() as lines:
        answers = await asyncio.gather(
            *(ask(app, "GET", "/toy/boom", headers={"x-request-id": name}) for name in names)
        )
    assert [answer.json()["requestId"] for answer in answers] == names
    for event in ("unforeseen error", "request"):
        assert sorted(entry["request_id"] for entry in lines.events(event)) == sorted(names)


@pytest.mark.parametrize("target", ["/toy/boom", "/toy/broken"])
async def test_a_failure_tells_the_log_everything_and_the_caller_nothing(app: Edge, target: str) -> None:
    with logged() as lines:
        answer = await ask(app, "GET", target, headers={"x-request-id": "mine"})
    assert answer.json()["code"] == "internal"
    assert PASSWORD.encode() not in answer.body
    assert b"ValueError" not in answer.body
    (entry,) = lines.events("unforeseen error")
    assert (entry["level"], entry["request_id"]) == ("error", "mine")
    assert entry["exception"][0]["frames"]
    if target == "/toy/boom":
        assert entry["exception"][0]["exc_value"] == "28 characters"
        assert PASSWORD not in lines.text


async def test_a_failure_after_the_answer_began_breaks_it_off(app: Edge) -> None:
    with logged() as lines:
        answer = await ask(app, "GET", "/toy/half")
    assert (answer.status, answer.body, answer.complete) == (200, b"half of", False)
    assert len(lines.events("unforeseen error")) == 1


async def test_a_request_that_takes_too_long_is_given_up() -> None:
    started = time.monotonic()
    with logged() as lines:
        answer = await ask(toy(settings=SECOND), "GET", "/toy/slow")
    assert 0.9 < time.monotonic() - started < 3
    assert (answer.status, answer.header("retry-after"), answer.json()["code"]) == (503, "1", "unavailable")
    assert [entry["status"] for entry in lines.events("request")] == [503]


@pytest.mark.parametrize("sent", [[], [b'{"name":']], ids=["nothing", "half a body"])
async def test_a_body_that_never_arrives_is_given_up(sent: list[bytes]) -> None:
    answer = await ask(toy(settings=SECOND), "POST", "/toy/echo", headers=JSON, body=Sender(sent, whole=False))
    assert answer.status == 503


async def test_a_caller_that_goes_away_is_no_failure_of_ours(app: Edge) -> None:
    with logged() as lines:
        answer = await ask(app, "POST", "/toy/echo", headers=JSON, body=Sender([b"{"], whole=False, gives_up=True))
    assert answer.status == 400
    assert not lines.events("unforeseen error")


async def test_a_cancelled_request_frees_its_place() -> None:
    app = toy(settings=ServerSettings(max_concurrency=1))
    for _ in range(3):
        task = asyncio.create_task(ask(app, "GET", "/toy/slow"))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (await ask(app, "GET", "/toy/list")).status == 200


async def test_a_full_house_refuses_at_once_but_still_answers_probes() -> None:
    app = toy(settings=ServerSettings(max_concurrency=2, request_timeout=1))
    inside = [asyncio.create_task(ask(app, "GET", "/toy/slow")) for _ in range(2)]
    await asyncio.sleep(0.01)
    refused = await ask(app, "GET", "/toy/list")
    assert (refused.status, refused.header("retry-after")) == (503, "1")
    assert (await ask(app, "POST", "/toy/echo", headers=JSON, body=ECHO)).status == 503
    for probe in ("/api/health", "/api/health/live", "/api/health/ready"):
        assert (await ask(app, "GET", probe)).status == 200
    assert [answer.status for answer in await asyncio.gather(*inside)] == [503, 503]
    assert (await ask(app, "GET", "/toy/list")).status == 200


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(("size", "status"), [(1024 * 1024, 201), (1024 * 1024 + 1, 413)])
async def test_a_body_has_a_limit_whether_it_announces_its_length_or_not(
    app: Edge, size: int, status: int, *, announced: bool
) -> None:
    body = ECHO + b" " * (size - len(ECHO))
    headers = JSON | ({"content-length": str(size)} if announced else {})
    chunks = Sender([body[start : start + 65536] for start in range(0, size, 65536)])
    assert (await ask(app, "POST", "/toy/echo", headers=headers, body=chunks)).status == status


async def test_a_body_that_announces_too_much_is_refused_unread(app: Edge) -> None:
    headers = JSON | {"content-length": str(10**12)}
    assert (await ask(app, "POST", "/toy/echo", headers=headers, body=Sender([], whole=False))).status == 413


async def test_the_access_log_tells_the_route_and_keeps_what_is_private(app: Edge) -> None:
    secret = "hunter2hunter2"
    headers = {**ADA, "x-request-id": "mine", "cookie": secret, "idempotency-key": secret}
    with logged() as lines:
        await ask(app, "GET", f"/toy/by-id/{'a' * 32}", headers=headers)
        await ask(app, "POST", "/toy/echo", headers=JSON, body=f'{{"name":"{secret}","{secret}":1}}'.encode())
        await ask(app, "GET", f"/nowhere/{secret}")
        await ask(app, "GET", f"/toy/list?cursor={secret}", headers={"authorization": f"Bearer {secret}"})
    entries = lines.events("request")
    assert [(entry["method"], entry["route"], entry["status"]) for entry in entries] == [
        ("GET", "/toy/by-id/{thing_id}", 200),
        ("POST", "/toy/echo", 422),
        ("GET", "unmatched", 404),
        ("GET", "/toy/list", 200),
    ]
    assert entries[0]["request_id"] == "mine"
    assert all(entry["milliseconds"] >= 0 for entry in entries)
    assert secret not in lines.text
    assert "a" * 32 not in lines.text


async def answering(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the status, after the seconds, that the path names; 0 is no answer."""
    _, status, seconds = scope["path"].split("/")
    await asyncio.sleep(float(seconds))
    if int(status):
        await send({"type": "http.response.start", "status": int(status), "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def test_of_successes_a_share_is_written_and_of_everything_else_all() -> None:
    edge = Edge(answering, ServerSettings(), sample=0)
    with logged() as lines:
        for target in ("/200/0", "/304/0", "/400/0", "/404/0", "/500/0", "/0/0", "/200/1.1"):
            await ask(edge, "GET", target)
    assert [entry["status"] for entry in lines.events("request")] == [400, 404, 500, 0, 200]


@pytest.mark.parametrize(("share", "least", "most"), [(1.0, 400, 400), (0.5, 120, 280), (0.01, 0, 40)])
async def test_the_share_is_that_of_the_setting(share: float, least: int, most: int) -> None:
    edge = Edge(answering, ServerSettings(), sample=share)
    with logged() as lines:
        for _ in range(400):
            await ask(edge, "GET", "/200/0")
    assert least <= len(lines.events("request")) <= most


async def test_a_method_that_nobody_knows_is_not_written_as_it_came() -> None:
    with logged() as lines:
        await ask(Edge(answering, ServerSettings()), "HUNTER2", "/405/0")
    assert lines.events("request")[0]["method"] == "other"


async def test_what_is_no_request_goes_straight_through() -> None:
    seen: list[Any] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    await Edge(inner, ServerSettings())({"type": "lifespan"}, Sender([]), Answer().take)  # type: ignore[arg-type]
    assert seen == ["lifespan"]


async def test_a_failure_of_the_router_itself_is_answered_too() -> None:
    async def inner(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError(PASSWORD)

    with logged() as lines:
        answer = await ask(Edge(inner, ServerSettings()), "GET", "/", headers={"x-request-id": "mine"})
    assert (answer.status, answer.json()["requestId"]) == (500, "mine")
    assert lines.events("unforeseen error")[0]["request_id"] == "mine"
