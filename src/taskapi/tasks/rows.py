"""How a task lies in the database: its columns, and the numbers that stand for status and priority."""

from collections.abc import Iterable
from typing import Any

import msgspec

from taskapi.kit.database import Row
from taskapi.tasks.model import Priority, Status, Task, TrashedTask

STATUSES = tuple(Status)
PRIORITIES = tuple(Priority)
STATUS_CODES = {status: code for code, status in enumerate(STATUSES)}
PRIORITY_CODES = {priority: code for code, priority in enumerate(PRIORITIES)}
"""The database's numbers. Lists are sorted by them, so a new value that is not the last one needs a migration."""

COLUMNS = """\
id, title, description, status, priority, labels, nullif(due_at, 'infinity') AS due_at, completed_at, created_at, \
updated_at, version"""
"""What `task_of` reads. A task without a due date is due at infinity."""

RECORD = """\
id uuid, title text, description text, status smallint, priority smallint, labels text[], due_at timestamptz, \
completed_at timestamptz, created_at timestamptz, updated_at timestamptz, version bigint"""
"""The columns of `json_of`, with their types."""


def task_of(row: Row) -> Task:
    """Return the task that a row of COLUMNS holds."""
    return Task(**_fields(row))


def trashed_task_of(row: Row) -> TrashedTask:
    """Return the task in the trash that a row of COLUMNS and `trashed_at` holds."""
    return TrashedTask(**_fields(row), trashed_at=row["trashed_at"])


def json_of(tasks: Iterable[Task]) -> str:
    """Return tasks as a JSON array of RECORDs: one argument for one statement, however many they are."""
    return msgspec.json.encode([_record(task) for task in tasks]).decode()


def _fields(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "title": row["title"],
        "description": row["description"],
        "status": STATUSES[row["status"]],
        "priority": PRIORITIES[row["priority"]],
        "labels": tuple(row["labels"]),
        "due_at": row["due_at"],
        "completed_at": row["completed_at"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "version": row["version"],
    }


def _record(task: Task) -> dict[str, Any]:
    return msgspec.structs.asdict(task) | {
        "status": STATUS_CODES[task.status],
        "priority": PRIORITY_CODES[task.priority],
        "due_at": task.due_at or "infinity",
    }
