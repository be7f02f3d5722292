"""Many people at once: put into the database directly, since a log-in each would take hours; then reading and writing.

Each has a session and ten tasks. What is asked of the server is asked with real tokens.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg

from bench.load import Shape
from taskapi.config import AuthSettings, Secret
from taskapi.kit.clock import system_clock
from taskapi.kit.ids import new_id
from taskapi.kit.tokens import Claims, Tokens

TASKS = 10
ADD = (
    """INSERT INTO users (id, email, name, role, created_at, version)
    SELECT id, id || '@example.org', 'Somebody', 'user', now(), 1
    FROM unnest($1::uuid[], $2::uuid[]) AS p (id, session)""",
    """INSERT INTO sessions (user_id, id, role, device, address, created_at, last_seen_at, expires_at)
    SELECT id, session, 'user', 'bench', '127.0.0.1', now(), now(), now() + interval '1 day'
    FROM unnest($1::uuid[], $2::uuid[]) AS p (id, session)""",
    f"""INSERT INTO tasks (
        user_id, id, version, status, priority, created_at, updated_at, title, description, labels
    )
    SELECT p.id, gen_random_uuid(), 1, 0, 0, now(), now(), 'Task ' || number, repeat('x', 200), '{{}}'
    FROM unnest($1::uuid[], $2::uuid[]) AS p (id, session), generate_series(1, {TASKS}) AS number""",
)
FIRST_TASKS = "SELECT DISTINCT ON (user_id) user_id, id FROM tasks WHERE user_id = ANY($1::uuid[]) ORDER BY user_id, id"

MIX = """
local people, n = {{}}, {start}
for line in io.lines("{file}") do
  local token, task = line:match("(%S+) (%S+)")
  people[#people + 1] = {{token, task}}
end
math.randomseed({start} + 1)
request = function()
  n = n + 1
  local person = people[math.random(#people)]
  local headers = {{["Authorization"] = "Bearer " .. person[1]}}
  if n * 37 % 100 >= {writes} then return wrk.format("GET", "/api/tasks", headers) end
  headers["Content-Type"] = "application/json"
  return wrk.format("PATCH", person[2], headers, '{{"description":"Changed ' .. n .. '"}}')
end
"""
IN_TURN = """
local people, n = {{}}, 0
for line in io.lines("{file}") do people[#people + 1] = line:match("%S+") end
local paths = {{"/api/tasks", "/api/auth/me"}}
request = function()
  n = n + 1
  local headers = {{["Authorization"] = "Bearer " .. people[(n - 1) % #people + 1]}}
  return wrk.format("GET", paths[n % 2 + 1], headers)
end
"""


def gather(environment: Mapping[str, str], count: int, file: Path) -> None:
    """Add so many people; writes a line for each into `file`: a token and the address of a task."""
    people = [(new_id(datetime.now(UTC)), new_id(datetime.now(UTC))) for _ in range(count)]
    tasks = asyncio.run(_added(environment["DATABASE_URL"], people))
    tokens = Tokens(AuthSettings(jwt_secret=Secret(environment["JWT_SECRET"])), system_clock)
    file.write_text("".join(f"{_token(tokens, *person)} /api/tasks/{tasks[person[0]]}\n" for person in people))


def mix(file: Path, writes: int, name: str) -> Shape:
    """Return reads of a list and so many changes of a task in a hundred requests, of people at random."""
    return Shape(name=name, script=MIX.replace("{file}", str(file)).replace("{writes}", str(writes)), connections=64)


def in_turn(file: Path) -> Shape:
    """Return a read of each person, one after the other."""
    return Shape(name="churn", script=IN_TURN.replace("{file}", str(file)), connections=64)


def _token(tokens: Tokens, user_id: UUID, session_id: UUID) -> str:
    now = datetime.now(UTC)
    return tokens.sign(Claims(user_id, session_id, "user", now, now + timedelta(days=1)))


async def _added(url: str, people: list[tuple[UUID, UUID]]) -> dict[UUID, UUID]:
    connection = await asyncpg.connect(url)
    ids, sessions = [person for person, _ in people], [session for _, session in people]
    for sql in ADD:
        await connection.execute(sql, ids, sessions)
    await connection.execute("ANALYZE")
    rows = await connection.fetch(FIRST_TASKS, ids)
    await connection.close()
    return {row["user_id"]: row["id"] for row in rows}
