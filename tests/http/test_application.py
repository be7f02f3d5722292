"""The whole application: it starts without its servers, says so, and survives what the network sends."""

import os
import signal
import socket
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from msgspec import structs

from taskapi import app as application
from taskapi.app import App
from taskapi.config import DatabaseSettings, RedisSettings, Secret, ServerSettings, Settings
from taskapi.migrations import run as migrations
from tests.house import House, serving
from tests.http.asgi import JSON, ask, living
from tests.kit.patience import until
from tests.people import Client
from tests.servers import Servers

ORIGIN = "https://app.example"
DEAD = "127.0.0.1:1"


CONNECTED = "SELECT FROM pg_stat_activity WHERE application_name = 'stopping'"


async def is_stopping(app: App) -> bool:
    ready = await ask(app, "GET", "/api/health/ready")
    return (ready.status, ready.json()) == (503, {"status": "stopping"})


def changed(settings: Settings, **rooms: object) -> Settings:
    return structs.replace(settings, **rooms)


def sent(house: House, request: bytes) -> bytes:
    """Send raw bytes and return what comes back until the server closes, or falls silent."""
    where = urlsplit(house.url)
    with socket.create_connection((where.hostname, where.port), timeout=2) as line:
        line.sendall(request)
        line.shutdown(socket.SHUT_WR)
        answer = b""
        while part := line.recv(65536):
            answer += part
    return answer


@pytest.mark.parametrize(
    "target",
    [
        b"/%ff%fe",
        b"/\xff\xfe",
        b"/api/tasks/%00",
        b"/api/tasks/%2e%2e%2f",
        b"/api/tasks/%zz",
        b"/api/tasks?q=%ff",
        b"/api/tasks?q=%00",
        b"/api/tasks?cursor=\xff",
        b"/api/tasks?" + b"a=1&" * 2000,
        b"/api/tasks/" + b"a" * 20_000,
        b"/" * 20_000,
        b"//evil.example/api/tasks",
        b"http://evil.example/api/tasks",
        b"*",
        b"/docs/files/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    ],
    ids=lambda target: repr(target[:30]),
)
def test_no_address_brings_the_server_down(house: House, target: bytes) -> None:
    answer = sent(house, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    status = answer.split(b" ")[1] if answer else b"closed"
    assert status in {b"closed", b"400", b"401", b"404", b"414", b"422", b"431"}
    assert b"root:" not in answer
    assert httpx.get(f"{house.url}/api/health/live").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        b"X-Request-Id: " + b"a" * 20_000,
        b"Authorization: Bearer " + b"\xff" * 100,
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: -1",
        b"Transfer-Encoding: nonsense",
        b"X-Forwarded-For: " + b"1.1.1.1," * 2000,
        b"If-None-Match: \xff",
        b"Accept: \xff/\xff",
        b"Content-Type: \xff",
        b"Cookie: \x01",
        b"\xff: \xff",
    ],
    ids=lambda headers: repr(headers[:30]),
)
def test_no_header_brings_the_server_down(house: House, headers: bytes) -> None:
    for method in (b"GET", b"POST"):
        answer = sent(
            house, method + b" /api/auth/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers + b"\r\n\r\n"
        )
        assert not answer or int(answer.split(b" ")[1]) < 500
    assert httpx.get(f"{house.url}/api/health/live").status_code == 200


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"email":"\xff"}', rb'{"email":"\ud800"}', b'{"email":1e999}', b"\0", b'{"a":' * 50_000]
)
def test_no_body_brings_the_server_down(anonymous: Client, body: bytes) -> None:
    answer = anonymous.post("/api/auth/register", content=body, headers=JSON)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_well_house_says_so(anonymous: Client) -> None:
    answer = anonymous.get("/api/health")
    assert answer.status_code == 200
    assert answer.json()["services"] == {"database": "healthy", "redis": "healthy"}
    assert anonymous.get("/api/health/ready").json() == {"status": "ready"}


def test_browsers_elsewhere_may_not_ask_unless_that_is_configured(anonymous: Client) -> None:
    answer = anonymous.get("/api/health", headers={"Origin": ORIGIN})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    asked = anonymous.options("/api/tasks", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"})
    assert not [name for name in asked.headers if name.startswith("access-control")]


@pytest.mark.anyio
async def test_configured_origins_may_ask_and_no_others(settings: Settings) -> None:
    app = App(changed(settings, server=ServerSettings(cors_origins=(ORIGIN,))))
    async with living(app):
        allowed = await ask(app, "GET", "/api/health/live", headers={"origin": ORIGIN})
        assert allowed.header("access-control-allow-origin") == ORIGIN
        assert "ETag" in (allowed.header("access-control-expose-headers") or "")
        preflight = await ask(
            app,
            "OPTIONS",
            "/api/tasks",
            headers={
                "origin": ORIGIN,
                "access-control-request-method": "PATCH",
                "access-control-request-headers": "authorization,if-match,idempotency-key,content-type",
            },
        )
        assert preflight.status == 204
        assert preflight.header("x-content-type-options") == "nosniff"
        assert "PATCH" in (preflight.header("access-control-allow-methods") or "")
        for name in ("authorization", "if-match", "idempotency-key", "content-type"):
            assert name in (preflight.header("access-control-allow-headers") or "").lower(), name
        refused = await ask(app, "GET", "/api/auth/me", headers={"origin": ORIGIN})
        assert (refused.status, refused.header("access-control-allow-origin")) == (401, ORIGIN)
        other = await ask(app, "GET", "/api/health/live", headers={"origin": "https://evil.example"})
        assert other.header("access-control-allow-origin") != "https://evil.example"
        assert other.header("access-control-allow-credentials") is None
        asking = {"origin": "https://evil.example", "access-control-request-method": "PATCH"}
        assert (await ask(app, "OPTIONS", "/api/tasks", headers=asking)).status == 400


@pytest.mark.anyio
async def test_without_its_database_it_starts_and_says_so(settings: Settings) -> None:
    app = App(changed(settings, database=DatabaseSettings(url=Secret(f"postgresql://x@{DEAD}/x"))))
    async with living(app):
        assert (await ask(app, "GET", "/api/health/live")).status == 200
        assert (await ask(app, "GET", "/api/health/ready")).status == 503
        health = await ask(app, "GET", "/api/health")
        assert (health.status, health.json()["services"]["database"]) == (503, "unhealthy")
        answer = await ask(
            app, "POST", "/api/auth/login", headers=JSON, body=b'{"email":"ada@example.org","password":"correct horse"}'
        )
        assert (answer.status, answer.json()["code"]) == (503, "unavailable")
        assert answer.header("retry-after")
        assert DEAD.encode() not in answer.body


@pytest.mark.anyio
async def test_without_redis_it_serves_and_says_so(settings: Settings) -> None:
    app = App(changed(settings, redis=RedisSettings(url=Secret(f"redis://{DEAD}"))))
    async with living(app):
        health = await ask(app, "GET", "/api/health")
        assert (health.status, health.json()["services"]) == (503, {"database": "healthy", "redis": "unhealthy"})
        assert (await ask(app, "GET", "/api/health/ready")).status == 200
        assert (await ask(app, "GET", "/api/auth/me")).status == 401


@pytest.mark.anyio
async def test_readiness_fails_at_the_signal_and_everything_else_goes_on(settings: Settings) -> None:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    app = App(settings)
    async with living(app):
        assert (await ask(app, "GET", "/api/health/ready")).status == 200
        os.kill(os.getpid(), signal.SIGUSR1)
        await until(lambda: is_stopping(app))
        assert (await ask(app, "GET", "/api/health")).status == 200
        assert (await ask(app, "GET", "/api/auth/me")).status == 401
    assert app.vitals.stopping


@pytest.mark.anyio
async def test_a_stopped_application_gives_its_connections_back(settings: Settings, database_url: str) -> None:
    named = f"{database_url}&application_name=stopping"
    app = App(changed(settings, database=DatabaseSettings(url=Secret(named))))
    async with living(app):
        await ask(app, "GET", "/api/health")
    watcher = await asyncpg.connect(database_url)
    await until(lambda: watcher.fetchval(f"SELECT NOT EXISTS ({CONNECTED})"), 30)
    await watcher.close()


def test_it_is_built_from_the_environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "DATABASE_URL": settings.database.url,
        "REDIS_URL": settings.redis.url,
        "JWT_SECRET": settings.auth.jwt_secret,
    }
    for name, secret in secrets.items():
        assert secret is not None
        monkeypatch.setenv(name, secret.reveal())
    monkeypatch.setenv("TASK_API_REQUEST_TIMEOUT", "7")
    assert application.create().rooms.settings.server.request_timeout == 7


def test_it_works_in_a_schema_of_its_own(settings: Settings, servers: Servers) -> None:
    url = f"{servers.create_database()}&schema=Own%20room"
    migrations.upgrade(url)
    with serving(changed(settings, database=DatabaseSettings(url=Secret(url)))) as house, Client(house.url) as ada:
        assert ada.register("ada").status_code == 201
        ada.log_in()
        ada.task("Bücher kaufen", labels=["home"])
        found = ada.get("/api/tasks", params={"q": "bucher", "label": "home", "sort": "-due"})
        assert [task["title"] for task in found.json()["items"]] == ["Bücher kaufen"]
        assert ada.get("/api/tasks/summary").status_code == 200
