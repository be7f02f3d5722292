"""The trash: where deleted tasks lie until they are restored, or purged after the days that the settings name."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from taskapi.contracts.events import TaskPurged, TaskRestored, TaskTrashed
from taskapi.contracts.identity import Principal
from taskapi.resources import Resources
from taskapi.tasks import changes, policy, store
from taskapi.tasks.model import Task, TaskMissing, TrashedTask, TrashedTaskMissing, VersionCheck
from taskapi.tasks.query import DISTANT_FUTURE, HIGHEST_ID


class TrashPosition(msgspec.Struct, frozen=True):
    """Where a page of the trash ended."""

    trashed_at: datetime
    id: UUID


async def trash_task(rooms: Resources, caller: Principal, task_id: UUID, check: VersionCheck) -> None:
    """Put a task into the trash; raises TaskMissing (also if it lies there already) and what `check` raises."""
    owner, now = policy.owner(caller), rooms.clock()
    async with rooms.database.transaction() as transaction:
        task = (await store.hold(transaction, owner, [task_id])).get(task_id)
        if task is None:
            raise TaskMissing
        check(task.version)
        await store.trash(transaction, owner, [task_id], now)
        transaction.emit(TaskTrashed(user_id=owner, task_id=task_id, version=task.version + 1))


async def restore_task(rooms: Resources, caller: Principal, task_id: UUID, check: VersionCheck) -> Task:
    """See to it that a task is not in the trash; raises TrashedTaskMissing and what `check` raises."""
    owner, now = policy.owner(caller), rooms.clock()
    async with rooms.database.transaction() as transaction:
        task = await store.hold_anywhere(transaction, owner, task_id)
        if task is None:
            raise TrashedTaskMissing
        check(task.version)
        if isinstance(task, TrashedTask):
            task = changes.restored(task, now)
            await store.restore(transaction, owner, task_id, now)
            transaction.emit(TaskRestored(user_id=owner, task_id=task_id, version=task.version))
    return task


async def list_trash(
    rooms: Resources, caller: Principal, after: TrashPosition | None, limit: int
) -> tuple[list[TrashedTask], TrashPosition | None]:
    """Return up to `limit` tasks in the trash that follow `after`, the latest first, and where they end."""
    before = (after.trashed_at, after.id) if after else (DISTANT_FUTURE, HIGHEST_ID)
    async with rooms.database.read() as connection:
        tasks = await store.trash_page(connection, policy.owner(caller), before, limit + 1)
    shown = tasks[:limit]
    end = TrashPosition(shown[-1].trashed_at, shown[-1].id) if len(tasks) > limit else None
    return shown, end


async def purge_trash(rooms: Resources) -> int:
    """Delete some of what has lain in the trash for too long, for good; return how many tasks that were."""
    before = rooms.clock() - timedelta(days=rooms.settings.tasks.trash_days)
    async with rooms.database.transaction() as transaction:
        purged = await store.purge(transaction, before)
        for task in purged:
            transaction.emit(TaskPurged(user_id=task.user_id, task_id=task.task_id, version=task.version))
    return len(purged)
