"""What goes over the wire about one task, inwards; outwards it is the task itself."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from taskapi.errors import Violation
from taskapi.tasks import fields
from taskapi.tasks.fields import Description, Labels, Moment, Title
from taskapi.tasks.model import Priority, Status

StatusField = Annotated[Status, Meta(description="How far it is.", examples=["todo"])]
PriorityField = Annotated[Priority, Meta(description="How much it matters.", examples=["high"])]


class NewTask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A task to be created. Whatever can be cleared may be null as well as absent."""

    title: Title
    description: Description | None = None
    status: StatusField = Status.TODO
    priority: PriorityField = Priority.NONE
    labels: Labels | None = None
    due_at: Moment | None = None

    def __post_init__(self) -> None:
        fields.compose(self, "title", "description", "labels")

    def violations(self) -> Iterator[Violation]:
        """Yield what is wrong."""
        yield from fields.title_violations(self.title)
        yield from fields.description_violations(self.description or "")
        yield from fields.labels_violations(self.labels or ())
        if self.due_at is not None:
            yield from fields.due_violations(self.due_at)


class TaskPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A merge (RFC 7396): what is absent stays, null clears a description, labels or a due date."""

    title: Title | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    status: StatusField | UnsetType = UNSET
    priority: PriorityField | UnsetType = UNSET
    labels: Labels | UnsetType | None = UNSET
    due_at: Moment | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        fields.compose(self, "title", "description", "labels")

    def violations(self) -> Iterator[Violation]:
        """Yield what is wrong."""
        if self.title is not UNSET:
            yield from fields.title_violations(self.title)
        if self.description:
            yield from fields.description_violations(self.description)
        if self.labels:
            yield from fields.labels_violations(self.labels)
        if isinstance(self.due_at, datetime):
            yield from fields.due_violations(self.due_at)
