"""A database with a million tasks: one busy person has 100,000 of them, 900 others share the rest.

Everybody's tasks lie scattered among everybody else's, as they do when people work at the same time. Old tasks are
done, which is how it is and what makes a walk from the wrong end long.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

BUSY = UUID("00000000-0000-4000-8000-000000000000")
MIDDLING = UUID("00000000-0000-4000-8000-000000000001")
"""Has about a thousand."""

START = datetime(2024, 1, 1, tzinfo=UTC)
ROWS = 1_000_000
PEOPLE = """
INSERT INTO users (id, email, name, role, created_at, version)
SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, n || '@example.org', 'x', 'user', now(), 1
FROM generate_series(0, 900) AS n
"""
TASKS = """
INSERT INTO tasks (
    user_id, id, version, status, priority, created_at, updated_at, due_at, completed_at, trashed_at, title,
    description, labels
)
SELECT
    ('00000000-0000-4000-8000-' || lpad(to_hex(CASE WHEN n % 10 = 0 THEN 0 ELSE 1 + n % 900 END), 12, '0'))::uuid,
    (lpad(to_hex(floor(extract(epoch FROM made) * 1000)::bigint), 12, '0')
        || '7' || substr(hash, 1, 3) || '8' || substr(hash, 4, 15))::uuid,
    1, status, (k * 17 % 97) % 5, made, made + a * interval '20 days',
    CASE WHEN b < 0.3 THEN 'infinity' ELSE made + b * interval '60 days' END,
    CASE WHEN status = 2 THEN made END,
    CASE WHEN k % 50 = 49 THEN made END,
    'w' || (4999 * a * b)::int || ' Café w' || (4999 * c)::int,
    'w' || (4999 * a * a)::int || ' everywhere'
        || CASE WHEN k < 3000 THEN ' ancient' ELSE '' END
        || CASE WHEN k % 20 = 0 THEN ' twentieth' ELSE '' END || CASE WHEN k % 2000 = 0 THEN ' rare' ELSE '' END,
    CASE WHEN k % 2 = 0 THEN ARRAY['work'] ELSE '{}'::text[] END
        || CASE WHEN k % 50 = 1 THEN ARRAY['fiftieth'] ELSE '{}'::text[] END
        || CASE WHEN k % 5000 = 0 THEN ARRAY['rare'] ELSE '{}'::text[] END
        || CASE WHEN k < 3000 THEN ARRAY['ancient'] ELSE '{}'::text[] END
FROM (
    SELECT
        n, n / 10 AS k, $1::timestamptz + n * interval '1 minute' AS made, md5(n::text) AS hash,
        CASE WHEN n < 800000 THEN 2 ELSE n / 10 * 31 % 3 END AS status, random() AS a, random() AS b, random() AS c
    FROM generate_series(0::bigint, $2::bigint - 1) AS n
) AS row
"""
COUNTS = """
INSERT INTO task_counts (user_id, todo, in_progress, done)
SELECT
    user_id,
    count(*) FILTER (WHERE status = 0), count(*) FILTER (WHERE status = 1), count(*) FILTER (WHERE status = 2)
FROM tasks WHERE trashed_at IS NULL GROUP BY user_id
"""
INDEXES = """
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
FROM pg_index WHERE indrelid = 'tasks'::regclass AND NOT indisprimary
"""
FOREIGN_KEY = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'tasks_user_id_fkey'"


def minute(number: int) -> datetime:
    """Return when the task with this number was made."""
    return START + timedelta(minutes=number)


async def seed(dsn: str) -> None:
    """Fill a migrated database; indexes are made after the rows, which takes a third of the time."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET maintenance_work_mem = '512MB'; SET synchronous_commit = off")
        await connection.execute(PEOPLE)
        await _fill(connection)
        await connection.execute("VACUUM (ANALYZE) tasks")
        await connection.execute("VACUUM (ANALYZE) task_counts")
    finally:
        await connection.close()


async def _fill(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    indexes = await connection.fetch(INDEXES)
    foreign_key = await connection.fetchval(FOREIGN_KEY)
    await connection.execute("ALTER TABLE tasks SET UNLOGGED")
    await connection.execute("ALTER TABLE tasks DISABLE TRIGGER USER, DROP CONSTRAINT tasks_user_id_fkey")
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['name']}")
    await connection.execute(TASKS, START, ROWS)
    for index in indexes:
        await connection.execute(index["definition"])
    await connection.execute("ALTER INDEX tasks_words ALTER COLUMN 1 SET STATISTICS 0")
    await connection.execute("ALTER TABLE tasks ENABLE TRIGGER USER")
    await connection.execute(f"ALTER TABLE tasks ADD CONSTRAINT tasks_user_id_fkey {foreign_key}")
    await connection.execute(COUNTS)
