"""What goes over the wire for a batch: operations in, one result for each out."""

from collections.abc import Iterator
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from taskapi.errors import Violation
from taskapi.http.conditional import require_match
from taskapi.tasks.model import Task
from taskapi.tasks.schemas import NewTask, TaskPatch

MOST_OPERATIONS = 100

TaskId = Annotated[UUID, Meta(description="The task's id.")]
ExpectedTag = Annotated[
    str,
    Meta(
        max_length=40,
        pattern=r'^(\*|"[!#-~]*")$',
        description="Change only the version that has this ETag.",
        examples=['"7"'],
    ),
]


class CreateOperation(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="op", tag="create"
):
    """Create a task."""

    task: NewTask

    def violations(self) -> Iterator[Violation]:
        """Yield what is wrong."""
        yield from _inside("/task", self.task.violations())


class PatchOperation(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel", tag_field="op", tag="patch"
):
    """Merge a patch into a task."""

    id: TaskId
    patch: TaskPatch
    if_match: ExpectedTag | None = None

    def violations(self) -> Iterator[Violation]:
        """Yield what is wrong."""
        yield from _inside("/patch", self.patch.violations())

    def check(self, version: int) -> None:
        """Raise PreconditionFailed if another version is expected."""
        require_match(self.if_match, version)


class DeleteOperation(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel", tag_field="op", tag="delete"
):
    """Put a task into the trash."""

    id: TaskId
    if_match: ExpectedTag | None = None

    def violations(self) -> Iterator[Violation]:
        """Yield nothing: what was decoded is right."""
        yield from ()

    def check(self, version: int) -> None:
        """Raise PreconditionFailed if another version is expected."""
        require_match(self.if_match, version)


Operation = CreateOperation | PatchOperation | DeleteOperation


class Batch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Operations that are done in order, all or none of them."""

    operations: Annotated[
        tuple[Operation, ...], Meta(min_length=1, max_length=MOST_OPERATIONS, description="What to do, in order.")
    ]

    def violations(self) -> Iterator[Violation]:
        """Yield what is wrong with each operation."""
        for place, operation in enumerate(self.operations):
            yield from _inside(f"/operations/{place}", operation.violations())


class OperationResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one operation alone would have been answered: 201 and 200 with the task, 204 without."""

    status: Annotated[int, Meta(examples=[201])]
    task: Task | UnsetType = UNSET


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """One result for each operation, in order."""

    results: tuple[OperationResult, ...]


def _inside(base: str, violations: Iterator[Violation]) -> Iterator[Violation]:
    for violation in violations:
        yield Violation(base + violation.pointer, violation.detail)
