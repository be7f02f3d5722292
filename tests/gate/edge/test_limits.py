"""Limits, as callers see them: what the headers say, who is counted for what, and who is not."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest

from taskapi.app import App
from taskapi.config import AuthSettings, LimitSettings, Secret, ServerSettings
from tests.gate.edge.doors import Person, at_once, open_door, settings_of
from tests.http.asgi import JSON, Answer, ask
from tests.servers import Servers

pytestmark = pytest.mark.anyio
Open = Callable[..., Any]
LOGIN = msgspec.json.encode({"email": "nobody@example.org", "password": "not the password"})


@pytest.fixture
async def limited(servers: Servers, database_url: str) -> AsyncIterator[Open]:
    """Opens applications with limits."""
    async with AsyncExitStack() as stack:

        async def make(**limits: Any) -> App:
            rooms = {"limits": LimitSettings(**limits)}
            return await stack.enter_async_context(open_door(settings_of(database_url, servers.redis_url, **rooms)))

        yield make


async def logs_in(app: App, address: str) -> Answer:
    headers = JSON | {"x-forwarded-for": address}
    return await ask(app, "POST", "/api/auth/login", headers=headers, body=LOGIN)


async def test_every_answer_says_what_is_allowed_and_what_is_left(limited: Open) -> None:
    ada = await Person(await limited(rate_limit=100)).register()
    path = await ada.task()
    for number, target in enumerate([path, path, "/api/tasks", "/api/tasks/7", "/api/auth/sessions"]):
        answer = await ada.get(target)
        if answer.status == 404:
            assert answer.header("ratelimit") is None, "what is no route is not counted"
            continue
        assert answer.header("ratelimit-policy") == '"user";q=100;w=60'
        state = answer.header("ratelimit") or ""
        assert state.startswith(f'"user";r={98 - number + (number > 3)};t='), state
    refused = await ada.send("POST", "/api/tasks", {"title": ""})
    assert (refused.status, refused.header("ratelimit-policy")) == (422, '"user";q=100;w=60')


async def test_beyond_the_limit_is_429_and_says_when(limited: Open) -> None:
    ada = await Person(await limited(rate_limit=5)).register()
    answers = [await ada.get(target) for target in ("/api/tasks", "/api/auth/me") for _ in range(4)]
    assert [answer.status for answer in answers] == [200] * 5 + [429] * 3
    last = answers[-1]
    assert last.json()["code"] == "rate-limited"
    assert last.json()["requestId"] == last.header("x-request-id")
    assert last.header("content-type") == "application/problem+json"
    assert 1 <= int(last.header("retry-after") or "") <= 12
    assert (last.header("ratelimit") or "").startswith('"user";r=0;t=')
    assert (await ada.send("POST", "/api/tasks", {"title": "x"})).status == 429
    assert (await ada.send("DELETE", "/api/auth/sessions")).status == 429


async def test_at_once_no_more_get_in_than_one_after_the_other(limited: Open) -> None:
    ada = await Person(await limited(rate_limit=30)).register()
    answers = await at_once(120, lambda: ada.get("/api/tasks"))
    accepted = sum(answer.status == 200 for answer in answers)
    assert {answer.status for answer in answers} == {200, 429}
    assert 30 <= accepted <= 35, "30 at once, and one more every two seconds"


async def test_one_persons_limit_is_not_anothers(limited: Open) -> None:
    app = await limited(rate_limit=2)
    ada, grace = await Person(app).register(), await Person(app).register()
    assert [(await ada.get("/api/tasks")).status for _ in range(3)] == [200, 200, 429]
    assert (await grace.get("/api/tasks")).status == 200


async def test_a_batch_counts_against_both_of_its_limits(limited: Open) -> None:
    ada = await Person(await limited(rate_limit=100, rate_limit_batch=2)).register()
    batch = {"operations": [{"op": "create", "task": {"title": "x"}}]}
    answers = [await ada.send("POST", "/api/tasks/batch", batch) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[0].header("ratelimit-policy") == '"user";q=100;w=60, "batch";q=2;w=60'
    assert (answers[2].header("ratelimit") or "").startswith('"user";r=98;t=')
    assert '"batch";r=0;t=' in (answers[2].header("ratelimit") or "")
    assert (await ada.get("/api/tasks")).status == 200


async def test_administration_has_a_limit_of_its_own_before_it_is_even_allowed(limited: Open) -> None:
    ada = await Person(await limited(rate_limit=100, rate_limit_admin=1)).register()
    assert [(await ada.get("/api/users")).status for _ in range(2)] == [403, 429]


async def test_log_ins_count_by_address_which_only_a_configured_proxy_reports(
    servers: Servers, database_url: str, limited: Open
) -> None:
    app = await limited(rate_limit_login=3)
    answers = [await logs_in(app, "198.51.100.1") for _ in range(4)]
    assert [answer.status for answer in answers] == [401, 401, 401, 429]
    assert answers[0].header("ratelimit-policy") == '"login";q=3;w=60'
    assert answers[3].header("retry-after")
    assert (await logs_in(app, "198.51.100.2")).status == 401
    another = AuthSettings(jwt_secret=Secret(secrets.token_urlsafe(32)))  # counts apart from other tests' applications
    rooms: dict[str, Any] = {
        "limits": LimitSettings(rate_limit_login=3),
        "server": ServerSettings(),
        "auth": another,
    }
    async with open_door(settings_of(database_url, servers.redis_url, **rooms)) as believing_nobody:
        claims = [await logs_in(believing_nobody, f"198.51.100.{number}") for number in range(4)]
        assert [answer.status for answer in claims] == [401, 401, 401, 429]


async def test_an_address_is_nowhere_to_be_read_in_redis(limited: Open) -> None:
    app = await limited(rate_limit_login=3)
    await logs_in(app, "198.51.100.77")
    keys = [key async for key in app.rooms.redis.client.scan_iter("ratelimit:*")]
    assert keys
    assert not any(b"198.51" in key for key in keys)


async def test_registrations_count_by_address(limited: Open) -> None:
    app = await limited(rate_limit_register=2)
    headers = JSON | {"x-forwarded-for": "198.51.100.9"}
    answers = [await ask(app, "POST", "/api/auth/register", headers=headers, body=b"{}") for _ in range(3)]
    assert [answer.status for answer in answers] == [422, 422, 429]


async def test_zero_switches_one_limit_off_or_all(limited: Open) -> None:
    app = await limited(rate_limit=0)
    ada = await Person(app).register()
    answer = await ada.get("/api/tasks")
    assert (answer.header("ratelimit"), answer.header("ratelimit-policy")) == (None, None)
    assert (await logs_in(app, "198.51.100.3")).header("ratelimit") is None
    grace = await Person(await limited(rate_limit=50, rate_limit_batch=0)).register()
    batch = {"operations": [{"op": "create", "task": {"title": "x"}}]}
    assert (await grace.send("POST", "/api/tasks/batch", batch)).header("ratelimit-policy") == '"user";q=50;w=60'


async def test_whoever_is_exempt_is_not_counted(servers: Servers, database_url: str, one: App, limited: Open) -> None:
    ada, grace = await Person(one).register(), await Person(one).register()
    app = await limited(rate_limit=2, rate_limit_exempt=(ada.id.upper(), "203.0.113.0/24"))
    assert [(await ada.get("/api/tasks", at=app)).status for _ in range(5)] == [200] * 5
    near = {"x-forwarded-for": "203.0.113.7"}
    assert [(await grace.get("/api/tasks", near, at=app)).status for _ in range(5)] == [200] * 5
    assert [(await grace.get("/api/tasks", at=app)).status for _ in range(3)] == [200, 200, 429]


async def test_what_everybody_may_read_is_never_limited(limited: Open) -> None:
    app = await limited(rate_limit=1, rate_limit_login=1)
    for target in ("/api/health", "/api/health/live", "/api/openapi.json", "/docs", "/api/nowhere"):
        answers = [await ask(app, "GET", target) for _ in range(3)]
        assert not {answer.status for answer in answers} & {401, 429}, target
        assert {answer.header("ratelimit") for answer in answers} == {None}
    assert (await ask(app, "OPTIONS", "/api/tasks")).status == 204


async def test_a_refused_write_with_a_key_leaves_the_key_free(limited: Open) -> None:
    ada = await Person(await limited(rate_limit=2)).register()
    headers = ada.headers | JSON | {"idempotency-key": "once"}
    statuses = []
    for title in ("x", "x", "x"):
        body = msgspec.json.encode({"title": title})
        statuses.append((await ask(ada.app, "POST", "/api/tasks", headers=headers, body=body)).status)
    assert statuses == [201, 201, 429]


async def test_pages_of_other_origins_can_read_a_refusal_and_what_is_left(servers: Servers, database_url: str) -> None:
    origin = "https://app.example"
    rooms: dict[str, Any] = {"limits": LimitSettings(rate_limit=2), "server": ServerSettings(cors_origins=(origin,))}
    async with open_door(settings_of(database_url, servers.redis_url, **rooms)) as app:
        ada = await Person(app).register()
        answers = [await ada.get("/api/tasks", {"origin": origin}) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        for answer in (*answers, await ask(app, "GET", "/api/tasks", headers={"origin": origin})):
            assert answer.header("access-control-allow-origin") == origin
            exposed = (answer.header("access-control-expose-headers") or "").split(", ")
            assert {"X-Cache", "RateLimit", "RateLimit-Policy", "Retry-After"} <= set(exposed)
        assert (await ada.get("/api/auth/me")).header("access-control-allow-origin") is None
