"""What a task is: pure types and the errors of this domain. No input, no output, no rule that needs the clock."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from taskapi.errors import Missing


class Status(StrEnum):
    """How far a task is."""

    TODO = "todo"
    IN_PROGRESS = "in_progress"
    DONE = "done"


class Priority(StrEnum):
    """How much a task matters, least first."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    URGENT = "urgent"


class Task(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something to do, as its owner sees it. Times are UTC."""

    id: UUID
    title: Annotated[str, Meta(examples=["Buy milk"])]
    description: Annotated[str, Meta(examples=["Two litres, the blue one."])]
    status: Annotated[Status, Meta(examples=["todo"])]
    priority: Annotated[Priority, Meta(examples=["none"])]
    labels: Annotated[tuple[str, ...], Meta(examples=[["home", "shopping"]])]
    due_at: datetime | None
    completed_at: datetime | None
    """Set exactly while the status is `done`."""
    created_at: datetime
    updated_at: datetime
    version: int
    """1 when new, one more with every change; the ETag is made from it."""


class TrashedTask(Task, frozen=True, kw_only=True, rename="camel"):
    """A task in the trash."""

    trashed_at: datetime


class Summary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many tasks there are, by status; `overdue` ones are not done and were due before now."""

    todo: Annotated[int, Meta(examples=[3])]
    in_progress: Annotated[int, Meta(examples=[1])]
    done: Annotated[int, Meta(examples=[8])]
    total: Annotated[int, Meta(examples=[12])]
    overdue: Annotated[int, Meta(examples=[2])]


VersionCheck = Callable[[int], None]
"""Looks at the current version of a task that is about to change; raises PreconditionFailed."""


class TaskMissing(Missing):
    """There is no such task, or it is not yours, or it is in the trash."""

    code = "task-not-found"


class TrashedTaskMissing(Missing):
    """There is no such task in the trash."""

    code = "trashed-task-not-found"
