"""`/api/trash`: what was deleted and can still be restored."""

from uuid import UUID

from litestar import Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from taskapi.contracts.identity import Principal
from taskapi.http.conditional import IfMatch
from taskapi.http.paging import DEFAULT_LIMIT, Cursor, Limit, Page, open_cursor, seal_cursor
from taskapi.http.policy import CACHE, LIMITS, LimitClass
from taskapi.resources import Resources
from taskapi.tasks import trash
from taskapi.tasks.cache import TRASH_CACHE
from taskapi.tasks.model import Task, TrashedTask
from taskapi.tasks.routes.answers import CHANGE_PROBLEMS, WRITE, answer, version_check
from taskapi.tasks.trash import TrashPosition

TRASH = "trash"
"""What cursors of this list are bound to, besides the user."""


@get(
    "/",
    operation_id="listTrash",
    summary="List the trash",
    description="What was deleted last comes first. Tasks leave the trash for good after some days.",
    opt={LIMITS: (LimitClass.READ,), CACHE: TRASH_CACHE},
)
async def list_trash(
    caller: NamedDependency[Principal],
    rooms: NamedDependency[Resources],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[TrashedTask]:
    """List the trash."""
    after = open_cursor(rooms.cursors, caller.user_id, TRASH, cursor, TrashPosition) if cursor is not None else None
    tasks, end = await trash.list_trash(rooms, caller, after, limit)
    following = seal_cursor(rooms.cursors, caller.user_id, TRASH, end) if end else None
    return Page(tasks, following)


@put(
    "/{task_id:uuid}/restoration",
    operation_id="restoreTask",
    summary="Take a task out of the trash",
    description="A task that is not in the trash stays as it is.",
    opt=WRITE,
    responses=CHANGE_PROBLEMS,
)
async def restore_task(
    caller: NamedDependency[Principal],
    rooms: NamedDependency[Resources],
    task_id: FromPath[UUID],
    if_match: IfMatch = None,
) -> Response[Task]:
    """Take a task out of the trash."""
    return answer(await trash.restore_task(rooms, caller, task_id, version_check(if_match)))
