"""Applications that run side by side in one event loop, as processes would, and people who ask them."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from taskapi.app import App
from taskapi.config import (
    DatabaseSettings,
    LimitSettings,
    LogSettings,
    RedisSettings,
    Secret,
    ServerSettings,
    Settings,
    TaskSettings,
)
from tests.house import SettableClock, quick_auth
from tests.http.asgi import JSON, Answer, ask, living
from tests.kit.patience import until

SECRET = Secret(secrets.token_urlsafe(32))
UNLIMITED = LimitSettings(
    rate_limit=1_000_000, rate_limit_batch=0, rate_limit_admin=0, rate_limit_login=0, rate_limit_register=0
)


def settings_of(database_url: str, redis_url: str, **rooms: Any) -> Settings:
    """Return the settings of one application; `rooms` replaces those of whole rooms."""
    found: dict[str, Any] = {
        "database": DatabaseSettings(url=Secret(database_url)),
        "redis": RedisSettings(url=Secret(redis_url), redis_timeout=2000),
        "auth": quick_auth(SECRET),
        "limits": UNLIMITED,
        "tasks": TaskSettings(jobs=False),
        "server": ServerSettings(trusted_proxies=("192.0.2.0/24",)),
        "logs": LogSettings(level="warning"),
    }
    return Settings(**(found | rooms))


@asynccontextmanager
async def open_door(settings: Settings) -> AsyncIterator[App]:
    """Run an application; it keeps answers when the block begins."""
    app = App(settings, SettableClock())
    async with living(app):

        async def serves() -> bool:
            return app.rooms.gate.serves

        await until(serves, 20)
        yield app


class Person:
    """Somebody with an account, who may ask any of the applications."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.email = f"{secrets.token_hex(8)}@example.org"
        self.password = secrets.token_urlsafe(16)
        self.id = self.token = ""

    async def register(self) -> "Person":
        """Make the account and log in."""
        account = {"email": self.email, "password": self.password, "name": "Somebody"}
        made = await ask(self.app, "POST", "/api/auth/register", headers=JSON, body=msgspec.json.encode(account))
        assert made.status == 201, made.body
        self.id = made.json()["id"]
        self.token = await self.log_in()
        return self

    async def log_in(self) -> str:
        """Start a session and return its token."""
        account = {"email": self.email, "password": self.password}
        answer = await ask(self.app, "POST", "/api/auth/login", headers=JSON, body=msgspec.json.encode(account))
        return str(answer.json()["token"])

    @property
    def headers(self) -> dict[str, str]:
        """What says who this is."""
        return {"authorization": f"Bearer {self.token}"}

    async def get(self, target: str, headers: dict[str, str] | None = None, at: App | None = None) -> Answer:
        """Read something, here or at another application."""
        return await ask(at or self.app, "GET", target, headers=self.headers | (headers or {}))

    async def send(self, method: str, target: str, body: Any = None, at: App | None = None) -> Answer:
        """Write something, here or at another application."""
        content = b"" if body is None else msgspec.json.encode(body)
        return await ask(at or self.app, method, target, headers=self.headers | JSON, body=content)

    async def task(self, **fields: Any) -> str:
        """Create a task and return its path."""
        answer = await self.send("POST", "/api/tasks", {"title": "Buy milk"} | fields)
        assert answer.status == 201, answer.body
        return f"/api/tasks/{answer.json()['id']}"

    async def get_until(self, target: str, origin: str, at: App | None = None) -> Answer:
        """Read something again and again until the answer comes from `origin`."""
        answers: list[Answer] = []

        async def arrived() -> bool:
            answers.append(await self.get(target, at=at))
            return answers[-1].header("x-cache") == origin

        await until(arrived, 20)
        return answers[-1]


async def at_once(number: int, work: Callable[[], Awaitable[Answer]]) -> list[Answer]:
    """Do the same so many times at once."""
    return list(await asyncio.gather(*(work() for _ in range(number))))
