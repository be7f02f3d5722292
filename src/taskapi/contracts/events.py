"""Everything that can happen, in the past tense. Events carry ids and numbers, never text that people wrote."""

from uuid import UUID

from taskapi.contracts.identity import Role
from taskapi.kit.outbox import Event


class UserRegistered(Event, frozen=True, kw_only=True):
    """Somebody has an account now."""


class UserUpdated(Event, frozen=True, kw_only=True):
    """Somebody's own details changed."""


class UserRemoved(Event, frozen=True, kw_only=True):
    """Somebody's account and everything in it is gone."""


class RoleChanged(Event, frozen=True, kw_only=True):
    """An administrator gave somebody another role."""

    role: Role
    by: UUID | None


class UserDisabled(Event, frozen=True, kw_only=True):
    """An administrator locked somebody out."""

    by: UUID | None


class UserEnabled(Event, frozen=True, kw_only=True):
    """An administrator let somebody in again."""

    by: UUID | None


class SessionStarted(Event, frozen=True, kw_only=True):
    """Somebody logged in."""

    session_id: UUID


class SessionsEnded(Event, frozen=True, kw_only=True):
    """Some or all of somebody's sessions are over."""

    session_ids: tuple[UUID, ...]
    everywhere: bool = False
    """Whether none is left, but perhaps the one from which they were ended."""


class PasswordChanged(Event, frozen=True, kw_only=True):
    """Somebody has a new password."""


class TaskEvent(Event, frozen=True, kw_only=True):
    """Something happened to one task, which now has this version."""

    task_id: UUID
    version: int


class TaskCreated(TaskEvent, frozen=True, kw_only=True):
    """A task is new."""


class TaskUpdated(TaskEvent, frozen=True, kw_only=True):
    """Fields of a task changed."""


class TaskCompleted(TaskEvent, frozen=True, kw_only=True):
    """A task is done."""


class TaskReopened(TaskEvent, frozen=True, kw_only=True):
    """A task that was done is not any more."""


class TaskTrashed(TaskEvent, frozen=True, kw_only=True):
    """A task was moved to the trash."""


class TaskRestored(TaskEvent, frozen=True, kw_only=True):
    """A task came back from the trash."""


class TaskPurged(TaskEvent, frozen=True, kw_only=True):
    """A task is gone for good."""
