"""Up to a hundred operations in one transaction: all of them or none.

The operations are worked out in order in memory, on tasks that are held from the start; then each kind of change is
one statement or a few, however many tasks it concerns. One that fails fails them all, and every failure is named.
"""

from datetime import datetime
from uuid import UUID

from taskapi.contracts.events import TaskCreated, TaskEvent, TaskTrashed
from taskapi.contracts.identity import Principal
from taskapi.errors import Error, PreconditionFailed, Violation
from taskapi.kit.database import Transaction
from taskapi.kit.ids import new_id
from taskapi.resources import Resources
from taskapi.tasks import changes, policy, store
from taskapi.tasks.batch_schemas import (
    Batch,
    CreateOperation,
    DeleteOperation,
    Operation,
    OperationResult,
    PatchOperation,
)
from taskapi.tasks.model import Task, TaskMissing


async def run_batch(rooms: Resources, caller: Principal, batch: Batch) -> tuple[OperationResult, ...]:
    """Do all operations; raises TaskMissing or PreconditionFailed, naming each that cannot be done."""
    owner = policy.owner(caller)
    async with rooms.database.transaction() as transaction:
        held = await _hold(transaction, owner, batch)
        work = Work(owner, held, rooms.clock())
        results = tuple(work.do(place, operation) for place, operation in enumerate(batch.operations))
        work.raise_failures()
        await work.store(transaction)
    return results


async def _hold(transaction: Transaction, owner: UUID, batch: Batch) -> dict[UUID, Task]:
    """Hold all tasks that the batch names, before anything changes."""
    named = {operation.id for operation in batch.operations if not isinstance(operation, CreateOperation)}
    return await store.hold(transaction, owner, named) if named else {}


class Work:
    """The state of one user's tasks while a batch is worked out."""

    def __init__(self, owner: UUID, held: dict[UUID, Task], now: datetime) -> None:
        self._owner = owner
        self._now = now
        self._held = held
        self._latest = dict(held)
        self._created: list[Task] = []
        self._trashed: list[UUID] = []
        self._events: list[TaskEvent] = []
        self._failures: list[tuple[type[Error], Violation]] = []

    def do(self, place: int, operation: Operation) -> OperationResult:
        """Work out one operation; a failure is kept for `raise_failures`."""
        if isinstance(operation, CreateOperation):
            return self._create(operation)
        try:
            task = self._expected(operation)
        except (TaskMissing, PreconditionFailed) as error:
            part = "id" if isinstance(error, TaskMissing) else "ifMatch"
            self._failures.append((type(error), Violation(f"/operations/{place}/{part}", error.detail)))
            return OperationResult(status=0)
        return self._patch(task, operation) if isinstance(operation, PatchOperation) else self._trash(task)

    def raise_failures(self) -> None:
        """Raise the first failure, naming all of them."""
        if self._failures:
            kind = self._failures[0][0]
            raise kind("Nothing was changed.", violations=tuple(violation for _, violation in self._failures))

    async def store(self, transaction: Transaction) -> None:
        """Write what was worked out."""
        if self._created:
            store.insert(transaction, self._owner, self._created)
        changed = [(task, self._latest[task.id]) for task in self._held.values() if self._latest[task.id] is not task]
        await store.update(transaction, self._owner, changed)
        if self._trashed:
            await store.trash(transaction, self._owner, self._trashed, self._now)
        for event in self._events:
            transaction.emit(event)

    def _expected(self, operation: PatchOperation | DeleteOperation) -> Task:
        task = self._latest.get(operation.id)
        if task is None or operation.id in self._trashed:
            raise TaskMissing
        operation.check(task.version)
        return task

    def _create(self, operation: CreateOperation) -> OperationResult:
        task = changes.created(operation.task, self._next_id(), self._now)
        self._created.append(task)
        self._events.append(TaskCreated(user_id=self._owner, task_id=task.id, version=task.version))
        return OperationResult(status=201, task=task)

    def _next_id(self) -> UUID:
        """Return an id that sorts behind those of this batch, so that its tasks are listed in its order."""
        task_id = new_id(self._now)
        last = self._created[-1].id if self._created else None
        return task_id if last is None or task_id > last else UUID(int=last.int + 1)

    def _patch(self, task: Task, operation: PatchOperation) -> OperationResult:
        patched = changes.patched(task, operation.patch, self._now)
        self._latest[task.id] = patched
        self._events += changes.events(self._owner, task, patched)
        return OperationResult(status=200, task=patched)

    def _trash(self, task: Task) -> OperationResult:
        self._trashed.append(task.id)
        event = TaskTrashed(user_id=self._owner, task_id=task.id, version=task.version + 1)
        self._events.append(event)
        return OperationResult(status=204)
