"""The scalability guide's caching scheme on this project's stack, to compare with and to show what it gets wrong.

`python -m bench.guide_way` serves it on PORT; `create` is its factory. Each request awaits Redis three times – is the
session there, how many requests in this minute, is the answer cached –, bodies are decoded and encoded again, and a
write deletes the keys after its COMMIT, exactly as the guide says. It runs on the project's migrated schema and speaks
the project's wire format for the routes that it has. Whatever else the project does, validation above all, is left out.
It is never imported by the project and must never serve anybody.
"""

import contextlib
import os
import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import jwt
import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from granian import Granian
from granian.constants import Interfaces, Loops
from redis.asyncio import Redis
from redis.exceptions import RedisError
from uuid_utils.compat import uuid7

from bench.app import METER, Meter

USER_SECONDS, TASKS_SECONDS, TASK_SECONDS = 3600, 300, 600
SESSION_SECONDS = 7 * 24 * 60 * 60
WINDOW_SECONDS = 60
STATUSES = ("todo", "in_progress", "done")
PRIORITIES = ("none", "low", "medium", "high", "urgent")
TASK_COLUMNS = """id, title, description, status, priority, labels, nullif(due_at, 'infinity') AS due_at, \
completed_at, created_at, updated_at, version"""
CREATE = f"""INSERT INTO tasks (user_id, id, version, status, priority, created_at, updated_at, title, description,
labels, completed_at)
VALUES ($1, $2, 1, $3::smallint, 0, $4::timestamptz, $4, $5, $6, $7, CASE WHEN $3 = 2 THEN $4 END)
RETURNING {TASK_COLUMNS}"""
PATCH = f"""UPDATE tasks SET title = coalesce($3, title), description = coalesce($4, description),
status = coalesce($5::smallint, status), updated_at = $6, version = version + 1,
completed_at = CASE WHEN coalesce($5, status) = 2 THEN coalesce(completed_at, $6::timestamptz) END
WHERE user_id = $1 AND id = $2 AND trashed_at IS NULL RETURNING {TASK_COLUMNS}"""
TRASH = "UPDATE tasks SET trashed_at = $3 WHERE user_id = $1 AND id = $2 AND trashed_at IS NULL"
READ = f"SELECT {TASK_COLUMNS} FROM tasks WHERE user_id = $1 AND id = $2 AND trashed_at IS NULL"
LIST = f"SELECT {TASK_COLUMNS} FROM tasks WHERE user_id = $1 AND trashed_at IS NULL ORDER BY id DESC LIMIT 50"
ME = "SELECT id, email, name, role, created_at FROM users WHERE id = $1"
RENAME = "UPDATE users SET name = $2, version = version + 1 WHERE id = $1 RETURNING id, email, name, role, created_at"
REGISTER = """WITH added AS (INSERT INTO users (id, email, name, role, created_at, version)
VALUES ($1, $2, $3, 'user', $4, 1) RETURNING id, email, name, role, created_at),
secret AS (INSERT INTO credentials (user_id, password_hash, changed_at) SELECT id, $5, $4 FROM added)
SELECT * FROM added"""
KNOWN = """SELECT id, email, name, role, created_at, password_hash FROM users
JOIN credentials ON user_id = id WHERE lower(email) = lower($1)"""

Body = dict[str, Any]
Answer = tuple[int, Any]
hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class Caller(msgspec.Struct, frozen=True):
    """Who is calling, by which session."""

    user_id: UUID
    token_id: str


class GuideWay:
    """The ASGI application."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._database_url = environment["DATABASE_URL"]
        self._secret = environment["JWT_SECRET"]
        self._most = int(environment.get("TASK_API_RATE_LIMIT", "100")) or 10**9
        self._redis: Redis = Redis.from_url(environment["REDIS_URL"], decode_responses=True)
        self._statements = self._transactions = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        try:
            status, content = await self._answer(scope, receive)
        except asyncpg.UniqueViolationError:
            status, content = 409, {"error": "Email already registered"}
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            status, content = 503, {"error": f"Internal server error: {type(error).__name__}"}
        body = b"" if content is None else msgspec.json.encode(content)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        headers += [(b"retry-after", b"1")] if status == 503 else []
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        self._pool = await asyncpg.create_pool(self._database_url, min_size=2, max_size=10, command_timeout=6)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._pool.terminate()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Any, receive: Any) -> Answer:
        method, path = scope["method"], scope["path"]
        if path == METER:
            meter = Meter(time.process_time(), self._statements, self._transactions, os.getpid())
            return 200, meter
        if path.startswith("/api/health"):
            return 200, {"status": "ready", "database": await self._fetch("SELECT 1") != []}
        body = msgspec.json.decode(await _read(receive)) if method in ("POST", "PATCH") and _has_body(scope) else {}
        if (method, path) == ("POST", "/api/auth/register"):
            return await self._register(body)
        if (method, path) == ("POST", "/api/auth/login"):
            return await self._log_in(body)
        return await self._guarded(scope, method, path, body)

    async def _guarded(self, scope: Any, method: str, path: str, body: Body) -> Answer:
        caller = self._caller(scope)
        if caller is None or not await self._validate_session(caller):
            return 401, {"error": "Unauthorized"}
        if not await self._check_rate_limit(caller, path):
            return 429, {"error": "Too many requests"}
        for wanted, pattern, route in ROUTES:
            if wanted == method and (found := pattern.fullmatch(path)):
                return await route(self, caller, body, *found.groups())
        return 404, {"error": "Not found"}

    # The guide's lib/cache.ts: whatever goes wrong with Redis is a miss, an ended session, or no limit.

    async def _cached(self, key: str) -> Any:
        try:
            cached = await self._redis.get(key)
        except (RedisError, OSError):
            return None
        return msgspec.json.decode(cached) if cached else None

    async def _set_cached(self, key: str, seconds: int, value: Any) -> None:
        try:
            await self._redis.setex(key, seconds, msgspec.json.encode(value))
        except (RedisError, OSError):
            return

    async def _invalidate(self, *keys: str) -> None:
        try:
            await self._redis.delete(*keys)
        except (RedisError, OSError):
            return

    async def _validate_session(self, caller: Caller) -> bool:
        try:
            return bool(await self._redis.exists(f"session:{caller.user_id}:{caller.token_id}") == 1)
        except (RedisError, OSError):
            return False

    async def _check_rate_limit(self, caller: Caller, path: str) -> bool:
        key = f"ratelimit:{caller.user_id}:{path}"
        try:
            current = await self._redis.incr(key)
            if current == 1:
                await self._redis.expire(key, WINDOW_SECONDS)
        except (RedisError, OSError):
            return True
        return bool(current <= self._most)

    # The routes.

    async def _register(self, body: Body) -> Answer:
        secret = hasher.hash(body["password"])
        rows = await self._fetch(REGISTER, uuid7(), body["email"], body["name"], _now(), secret)
        return 201, _account(rows[0])

    async def _log_in(self, body: Body) -> Answer:
        rows = await self._fetch(KNOWN, body["email"])
        try:
            hasher.verify(rows[0]["password_hash"], body["password"])
        except (VerificationError, IndexError):
            return 401, {"error": "Invalid credentials"}
        user_id, token_id = str(rows[0]["id"]), str(uuid7())
        claims = {"sub": user_id, "jti": token_id, "exp": int(time.time()) + SESSION_SECONDS}
        token = jwt.encode(claims, self._secret, "HS256")
        with contextlib.suppress(RedisError, OSError):
            await self._redis.setex(f"session:{user_id}:{token_id}", SESSION_SECONDS, token)
        return 200, {"token": token, "user": _account(rows[0])}

    async def _log_out(self, caller: Caller, _: Body) -> Answer:
        """Revoke all sessions of the user, by KEYS."""
        with contextlib.suppress(RedisError, OSError):
            if keys := await self._redis.keys(f"session:{caller.user_id}:*"):
                await self._redis.delete(*keys)
        return 204, None

    async def _me(self, caller: Caller, _: Body) -> Answer:
        if cached := await self._cached(f"user:{caller.user_id}"):
            return 200, {"user": cached}
        rows = await self._fetch(ME, caller.user_id)
        user = _account(rows[0])
        await self._set_cached(f"user:{caller.user_id}", USER_SECONDS, user)
        return 200, {"user": user}

    async def _rename(self, caller: Caller, body: Body) -> Answer:
        rows = await self._change(RENAME, caller.user_id, body["name"])
        await self._invalidate(f"user:{caller.user_id}")
        return 200, {"user": _account(rows[0])}

    async def _list(self, caller: Caller, _: Body) -> Answer:
        if (cached := await self._cached(f"tasks:{caller.user_id}")) is not None:
            return 200, cached
        page = {"items": [_task(row) for row in await self._fetch(LIST, caller.user_id)], "nextCursor": None}
        await self._set_cached(f"tasks:{caller.user_id}", TASKS_SECONDS, page)
        return 200, page

    async def _read(self, caller: Caller, _: Body, task_id: str) -> Answer:
        # The guide keeps a task without saying whose it is; a check of the owner is what any implementation adds.
        cached = await self._cached(f"task:{task_id}")
        if cached and cached["owner"] == str(caller.user_id):
            return 200, cached["task"]
        rows = await self._fetch(READ, caller.user_id, UUID(task_id))
        if not rows:
            return 404, {"error": "Task not found"}
        task = _task(rows[0])
        await self._set_cached(f"task:{task_id}", TASK_SECONDS, {"owner": str(caller.user_id), "task": task})
        return 200, task

    async def _create(self, caller: Caller, body: Body) -> Answer:
        status = STATUSES.index(body.get("status", "todo"))
        about = (body["title"], body.get("description") or "", body.get("labels") or [])
        rows = await self._change(CREATE, caller.user_id, uuid7(), status, _now(), *about)
        await self._invalidate(f"tasks:{caller.user_id}")
        return 201, _task(rows[0])

    async def _patch(self, caller: Caller, body: Body, task_id: str) -> Answer:
        status = STATUSES.index(body["status"]) if "status" in body else None
        changes = (body.get("title"), body.get("description"), status, _now())
        rows = await self._change(PATCH, caller.user_id, UUID(task_id), *changes)
        await self._invalidate(f"task:{task_id}", f"tasks:{caller.user_id}")
        return (200, _task(rows[0])) if rows else (404, {"error": "Task not found"})

    async def _delete(self, caller: Caller, _: Body, task_id: str) -> Answer:
        await self._change(TRASH, caller.user_id, UUID(task_id), _now())
        await self._invalidate(f"task:{task_id}", f"tasks:{caller.user_id}")
        return 204, None

    async def _fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        self._statements += 1
        rows: list[asyncpg.Record] = await self._pool.fetch(sql, *arguments)
        return rows

    async def _change(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        self._transactions += 1
        return await self._fetch(sql, *arguments)

    def _caller(self, scope: Any) -> Caller | None:
        token = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
        try:
            claims = jwt.decode(token, self._secret, ["HS256"])
        except jwt.InvalidTokenError:
            return None
        return Caller(UUID(claims["sub"]), claims["jti"])


Route = Callable[..., Awaitable[Answer]]
ONE = re.compile("/api/tasks/([0-9a-f-]{36})")
ROUTES: list[tuple[str, re.Pattern[str], Route]] = [
    ("GET", re.compile("/api/tasks"), GuideWay._list),
    ("GET", ONE, GuideWay._read),
    ("PATCH", ONE, GuideWay._patch),
    ("DELETE", ONE, GuideWay._delete),
    ("POST", re.compile("/api/tasks"), GuideWay._create),
    ("GET", re.compile("/api/auth/me"), GuideWay._me),
    ("PATCH", re.compile("/api/auth/me"), GuideWay._rename),
    ("POST", re.compile("/api/auth/logout"), GuideWay._log_out),
]


def create() -> GuideWay:
    """Build the application from the environment."""
    return GuideWay(dict(os.environ))


def main() -> None:
    """Serve until the process is ended."""
    Granian(
        "bench.guide_way:create",
        factory=True,
        address="127.0.0.1",
        port=int(os.environ["PORT"]),
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        websockets=False,
        log_access=False,
    ).serve()


def _now() -> datetime:
    return datetime.now(UTC)


def _has_body(scope: Any) -> bool:
    return any(name == b"content-length" and value != b"0" for name, value in scope["headers"])


async def _read(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _account(row: asyncpg.Record) -> Body:
    names = {"id": "id", "email": "email", "name": "name", "role": "role", "createdAt": "created_at"}
    return {name: row[column] for name, column in names.items()}


def _task(row: asyncpg.Record) -> Body:
    return {
        "id": row["id"],
        "title": row["title"],
        "description": row["description"],
        "status": STATUSES[row["status"]],
        "priority": PRIORITIES[row["priority"]],
        "labels": row["labels"],
        "dueAt": row["due_at"],
        "completedAt": row["completed_at"],
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
        "version": row["version"],
    }


if __name__ == "__main__":
    main()
