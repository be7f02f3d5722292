"""What a person can want of one task: create it, read it, change it, complete it, reopen it.

Every change reads the task and holds it, decides, and writes it, in one transaction: no two changes can overlook each
other.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from taskapi.contracts.events import TaskCreated
from taskapi.contracts.identity import Principal
from taskapi.kit.ids import new_id
from taskapi.resources import Resources
from taskapi.tasks import changes, policy, store
from taskapi.tasks.model import Task, TaskMissing, VersionCheck
from taskapi.tasks.schemas import NewTask, TaskPatch

Change = Callable[[Task, datetime], Task]
"""Returns the next version of a task, or the same task if there is nothing to change."""


async def create_task(rooms: Resources, caller: Principal, new: NewTask) -> Task:
    """Create a task."""
    owner, now = policy.owner(caller), rooms.clock()
    task = changes.created(new, new_id(now), now)
    async with rooms.database.transaction() as transaction:
        store.insert(transaction, owner, [task])
        transaction.emit(TaskCreated(user_id=owner, task_id=task.id, version=task.version))
    return task


async def read_task(rooms: Resources, caller: Principal, task_id: UUID) -> Task:
    """Return a live task; raises TaskMissing."""
    async with rooms.database.read() as connection:
        task = await store.find(connection, policy.owner(caller), task_id)
    if task is None:
        raise TaskMissing
    return task


async def patch_task(rooms: Resources, caller: Principal, task_id: UUID, patch: TaskPatch, check: VersionCheck) -> Task:
    """Merge a patch into a task; raises TaskMissing and what `check` raises."""
    return await _change_task(rooms, caller, task_id, check, lambda task, now: changes.patched(task, patch, now))


async def complete_task(rooms: Resources, caller: Principal, task_id: UUID, check: VersionCheck) -> Task:
    """See to it that a task is done; raises TaskMissing and what `check` raises."""
    return await _change_task(rooms, caller, task_id, check, changes.completed)


async def reopen_task(rooms: Resources, caller: Principal, task_id: UUID, check: VersionCheck) -> Task:
    """See to it that a task is not done; raises TaskMissing and what `check` raises."""
    return await _change_task(rooms, caller, task_id, check, changes.reopened)


async def _change_task(rooms: Resources, caller: Principal, task_id: UUID, check: VersionCheck, change: Change) -> Task:
    owner = policy.owner(caller)
    async with rooms.database.transaction() as transaction:
        task = (await store.hold(transaction, owner, [task_id])).get(task_id)
        if task is None:
            raise TaskMissing
        check(task.version)
        changed = change(task, rooms.clock())
        if changed is not task:
            await store.update(transaction, owner, [(task, changed)])
            for event in changes.events(owner, task, changed):
                transaction.emit(event)
    return changed
