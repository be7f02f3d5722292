"""What changes a task, and what is to be told of it: pure rules. A change without effect returns the same task."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET

from taskapi.contracts.events import TaskCompleted, TaskEvent, TaskReopened, TaskUpdated
from taskapi.tasks.model import Status, Task, TrashedTask
from taskapi.tasks.schemas import NewTask, TaskPatch

COMPLETION = frozenset({"status", "completed_at"})


def created(new: NewTask, task_id: UUID, now: datetime) -> Task:
    """Return the first version of a task."""
    return Task(
        id=task_id,
        title=new.title,
        description=new.description or "",
        status=new.status,
        priority=new.priority,
        labels=new.labels or (),
        due_at=_in_utc(new.due_at),
        completed_at=now if new.status is Status.DONE else None,
        created_at=now,
        updated_at=now,
        version=1,
    )


def patched(task: Task, patch: TaskPatch, now: datetime) -> Task:
    """Return the task with a patch merged in."""
    given = {name: getattr(patch, name) for name in patch.__struct_fields__ if getattr(patch, name) is not UNSET}
    values: dict[str, Any] = given | {
        "description": given.get("description", task.description) or "",
        "labels": given.get("labels", task.labels) or (),
        "due_at": _in_utc(given.get("due_at", task.due_at)),
    }
    status = given.get("status", task.status)
    return _changed(task, now, **values, completed_at=_completed_at(task, status, now))


def completed(task: Task, now: datetime) -> Task:
    """Return the task done."""
    return _changed(task, now, status=Status.DONE, completed_at=_completed_at(task, Status.DONE, now))


def reopened(task: Task, now: datetime) -> Task:
    """Return the task still to be done; one that is not done stays as it is."""
    return _changed(task, now, status=Status.TODO, completed_at=None) if task.status is Status.DONE else task


def moved(task: Task, now: datetime) -> Task:
    """Return the next version of a task that goes into the trash or comes out of it."""
    return msgspec.structs.replace(task, version=task.version + 1, updated_at=max(now, task.updated_at))


def restored(task: TrashedTask, now: datetime) -> Task:
    """Return the task out of the trash."""
    return moved(Task(**{name: getattr(task, name) for name in Task.__struct_fields__}), now)


def differences(before: Task, after: Task) -> tuple[str, ...]:
    """Return the names of the fields that differ, version and time of the change aside."""
    names = (name for name in Task.__struct_fields__ if name not in {"version", "updated_at"})
    return tuple(name for name in names if getattr(before, name) != getattr(after, name))


def events(user_id: UUID, before: Task, after: Task) -> Iterator[TaskEvent]:
    """Yield what happened between two versions."""
    different = set(differences(before, after))
    finished = after.status is Status.DONE
    if "completed_at" in different:
        kind = TaskCompleted if finished else TaskReopened
        yield kind(user_id=user_id, task_id=after.id, version=after.version)
        different -= COMPLETION
    if different:
        yield TaskUpdated(user_id=user_id, task_id=after.id, version=after.version)


def _changed(task: Task, now: datetime, **values: Any) -> Task:
    changed = msgspec.structs.replace(task, **values)
    return task if changed == task else moved(changed, now)


def _completed_at(task: Task, status: Status, now: datetime) -> datetime | None:
    if status is not Status.DONE:
        return None
    return now if task.completed_at is None else task.completed_at


def _in_utc(due_at: datetime | None) -> datetime | None:
    return None if due_at is None else due_at.astimezone(UTC)
