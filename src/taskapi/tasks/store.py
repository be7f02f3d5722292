"""Every statement about tasks but that of the lists, which `pages` builds.

Each is of one user, and each write says which cached answers it outdates. Many tasks cost as many statements as one.
"""

# ruff: noqa: S608 - what is put into the SQL are this domain's own constants; every value is an argument

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from taskapi.errors import Error, Unauthenticated
from taskapi.kit.database import ReadConnection, Transaction
from taskapi.tasks.changes import differences
from taskapi.tasks.model import Summary, Task, TrashedTask
from taskapi.tasks.rows import COLUMNS, RECORD, json_of, task_of, trashed_task_of

CONSTRAINTS: Mapping[str, type[Error]] = {
    "tasks_user_id_fkey": Unauthenticated,
    "task_counts_user_id_fkey": Unauthenticated,
}
"""Whoever creates a task while the account is being removed has no account any more."""

FIND = f"SELECT /* tasks.find */ {COLUMNS} FROM tasks WHERE user_id = $1 AND id = $2 AND trashed_at IS NULL"

HOLD = f"""
SELECT /* tasks.hold */ {COLUMNS} FROM tasks WHERE user_id = $1 AND id = ANY($2::uuid[]) AND trashed_at IS NULL
ORDER BY id FOR UPDATE
"""
"""Always in the order of the ids, so that two transactions that want the same tasks cannot wait for each other."""

HOLD_ANYWHERE = f"""
SELECT /* tasks.hold_anywhere */ {COLUMNS}, trashed_at FROM tasks WHERE user_id = $1 AND id = $2 FOR UPDATE
"""

INSERT = f"""
INSERT /* tasks.insert */ INTO tasks (
    user_id, id, title, description, status, priority, labels, due_at, completed_at, created_at, updated_at, version
)
SELECT
    $1, id, title, description, status, priority, labels, due_at, completed_at, created_at, updated_at, version
FROM json_to_recordset($2::json) AS task ({RECORD})
"""

UPDATE = f"""
UPDATE /* tasks.update */ tasks SET {{columns}}
FROM json_to_recordset($3::json) AS task ({RECORD})
WHERE tasks.user_id = $1 AND tasks.id = ANY($2::uuid[]) AND tasks.id = task.id
"""
"""Names only the columns that change, so that nothing is derived or stored anew for the others. The ids are there twice
because a join alone might be planned as a walk through all of the user's tasks."""

TRASH = """
UPDATE /* tasks.trash */ tasks SET trashed_at = $3, updated_at = greatest(updated_at, $3), version = version + 1
WHERE user_id = $1 AND id = ANY($2::uuid[])
"""

RESTORE = """
UPDATE /* tasks.restore */ tasks SET trashed_at = NULL, updated_at = greatest(updated_at, $3), version = version + 1
WHERE user_id = $1 AND id = $2
"""

TRASH_PAGE = f"""
SELECT /* tasks.trash_page */ task.*
FROM (
    SELECT trashed_at, id FROM tasks
    WHERE user_id = $1 AND trashed_at IS NOT NULL AND (trashed_at, id) < ($2, $3)
    ORDER BY trashed_at DESC, id DESC LIMIT $4
) AS page
CROSS JOIN LATERAL (
    SELECT {COLUMNS}, trashed_at FROM tasks WHERE user_id = $1 AND id = page.id LIMIT 1
) AS task
ORDER BY page.trashed_at DESC, page.id DESC
"""

SUMMARIZE = """
SELECT /* tasks.summarize */
    coalesce(counts.todo, 0) AS todo,
    coalesce(counts.in_progress, 0) AS in_progress,
    coalesce(counts.done, 0) AS done,
    (
        SELECT count(*) FROM tasks
        WHERE user_id = $1 AND trashed_at IS NULL AND status = ANY('{0,1}'::smallint[]) AND due_at < $2
    ) AS overdue,
    (
        SELECT min(due_at) FROM (VALUES (0::smallint), (1::smallint)) AS open (status) CROSS JOIN LATERAL (
            SELECT due_at FROM tasks
            WHERE user_id = $1 AND trashed_at IS NULL AND tasks.status = open.status
                AND due_at >= $2 AND due_at < 'infinity'
            ORDER BY due_at LIMIT 1
        ) AS next
    ) AS next_due
FROM (SELECT 1) AS always LEFT JOIN task_counts AS counts ON counts.user_id = $1
"""

PURGE = """
DELETE /* tasks.purge */ FROM tasks USING (
    SELECT user_id, id FROM tasks WHERE trashed_at < $1
    ORDER BY trashed_at LIMIT 100 FOR UPDATE SKIP LOCKED
) AS expired
WHERE tasks.user_id = expired.user_id AND tasks.id = expired.id
RETURNING tasks.user_id, tasks.id, tasks.version
"""
"""At most a hundred rows, so at most a hundred users, in one transaction."""


class Purged(msgspec.Struct, frozen=True):
    """A task that is gone for good."""

    user_id: UUID
    task_id: UUID
    version: int


async def find(connection: ReadConnection, user_id: UUID, task_id: UUID) -> Task | None:
    """Return a live task, if there is one."""
    row = await connection.fetch_one(FIND, user_id, task_id)
    return None if row is None else task_of(row)


async def hold(transaction: Transaction, user_id: UUID, task_ids: Collection[UUID]) -> dict[UUID, Task]:
    """Return the live ones of these tasks and keep everybody else from changing them until the transaction ends."""
    rows = await transaction.fetch(HOLD, user_id, list(task_ids))
    return {row["id"]: task_of(row) for row in rows}


async def hold_anywhere(transaction: Transaction, user_id: UUID, task_id: UUID) -> Task | None:
    """Return a task and keep it as it is until the transaction ends; it is a TrashedTask if it lies in the trash."""
    row = await transaction.fetch_one(HOLD_ANYWHERE, user_id, task_id)
    if row is None:
        return None
    return task_of(row) if row["trashed_at"] is None else trashed_task_of(row)


def insert(transaction: Transaction, user_id: UUID, tasks: Sequence[Task]) -> None:
    """Store new tasks, at the end of the transaction."""
    transaction.insert_last(INSERT, user_id, json_of(tasks))
    _touch(transaction, user_id, [task.id for task in tasks])


async def update(transaction: Transaction, user_id: UUID, changes: Sequence[tuple[Task, Task]]) -> None:
    """Store the second of each pair, which is a later version of the first; both rows are held."""
    for columns, tasks in _by_columns(changes).items():
        assignments = ", ".join(f"{column} = task.{column}" for column in columns)
        ids = [task.id for task in tasks]
        await transaction.execute(UPDATE.format(columns=assignments), user_id, ids, json_of(tasks))
        _touch(transaction, user_id, ids)


async def trash(transaction: Transaction, user_id: UUID, task_ids: Sequence[UUID], now: datetime) -> None:
    """Put held tasks into the trash."""
    await transaction.execute(TRASH, user_id, list(task_ids), now)
    _touch(transaction, user_id, task_ids)


async def restore(transaction: Transaction, user_id: UUID, task_id: UUID, now: datetime) -> None:
    """Take a held task out of the trash."""
    await transaction.execute(RESTORE, user_id, task_id, now)
    _touch(transaction, user_id, [task_id])


async def trash_page(
    connection: ReadConnection, user_id: UUID, before: tuple[datetime, UUID], limit: int
) -> list[TrashedTask]:
    """Return up to `limit` tasks in the trash that were put there before `before`, the latest first."""
    rows = await connection.fetch(TRASH_PAGE, user_id, *before, limit)
    return [trashed_task_of(row) for row in rows]


async def summarize(connection: ReadConnection, user_id: UUID, now: datetime) -> tuple[Summary, datetime | None]:
    """Count a user's live tasks; the counts hold until the time that is returned with them, when one becomes due."""
    row = await connection.fetch_one(SUMMARIZE, user_id, now)
    assert row is not None
    todo, in_progress, done = row["todo"], row["in_progress"], row["done"]
    summary = Summary(
        todo=todo, in_progress=in_progress, done=done, total=todo + in_progress + done, overdue=row["overdue"]
    )
    return summary, row["next_due"]


async def purge(transaction: Transaction, before: datetime) -> list[Purged]:
    """Delete tasks that were put into the trash before `before`, of any user, a bounded number at a time."""
    rows = await transaction.fetch(PURGE, before)
    purged = [Purged(row["user_id"], row["id"], row["version"]) for row in rows]
    for task in purged:
        _touch(transaction, task.user_id, [task.task_id])
    return purged


def _by_columns(changes: Sequence[tuple[Task, Task]]) -> dict[tuple[str, ...], list[Task]]:
    """Sort changes by the columns that they concern: each group is one statement."""
    groups: dict[tuple[str, ...], list[Task]] = {}
    for before, after in changes:
        groups.setdefault((*differences(before, after), "updated_at", "version"), []).append(after)
    return groups


def _touch(transaction: Transaction, user_id: UUID, task_ids: Collection[UUID]) -> None:
    transaction.touch(user_id, "tasks", *(f"task:{task_id}" for task_id in task_ids))
