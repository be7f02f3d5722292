"""`/api/tasks`: one task, its completion, and looking at many of them."""

from uuid import UUID

from litestar import Response, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import Scope

from taskapi.contracts.identity import Principal
from taskapi.http.conditional import IfMatch, IfNoneMatch, etag, not_modified
from taskapi.http.lifetime import set_right_until
from taskapi.http.openapi import problems
from taskapi.http.paging import DEFAULT_LIMIT, Cursor, Limit, Page, open_cursor, seal_cursor
from taskapi.http.policy import CACHE, LIMITS, LimitClass
from taskapi.resources import Resources
from taskapi.tasks import batch, listing, trash, usecases
from taskapi.tasks.batch_schemas import Batch, BatchResult
from taskapi.tasks.cache import LIST_CACHE, SUMMARY_CACHE, TASK_CACHE
from taskapi.tasks.model import Summary, Task
from taskapi.tasks.query import Position, Sort
from taskapi.tasks.routes.answers import CHANGE_PROBLEMS, WRITE, answer, version_check
from taskapi.tasks.routes.parameters import (
    DueAfter,
    DueBefore,
    Given,
    LabelNames,
    Priorities,
    SortOrder,
    Statuses,
    Text,
    UpdatedSince,
)
from taskapi.tasks.schemas import NewTask, TaskPatch


@post("/", operation_id="createTask", summary="Create a task", opt=WRITE)
async def create_task(
    caller: NamedDependency[Principal], rooms: NamedDependency[Resources], data: JSONBody[NewTask]
) -> Response[Task]:
    """Create a task."""
    task = await usecases.create_task(rooms, caller, data)
    return answer(task, {"Location": f"/api/tasks/{task.id}"})


@get(
    "/",
    operation_id="listTasks",
    summary="List tasks",
    description="All filters together; the trash is not in it. Pages neither repeat nor miss a task.",
    opt={LIMITS: (LimitClass.READ,), CACHE: LIST_CACHE},
)
async def list_tasks(
    caller: NamedDependency[Principal],
    rooms: NamedDependency[Resources],
    status: Statuses = None,
    priority: Priorities = None,
    label: LabelNames = None,
    due_before: DueBefore = None,
    due_after: DueAfter = None,
    updated_since: UpdatedSince = None,
    q: Text = None,
    sort: SortOrder = Sort.CREATED_DESCENDING,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Task]:
    """List tasks."""
    given = Given(
        statuses=status,
        priorities=priority,
        labels=label,
        due_before=due_before,
        due_after=due_after,
        updated_since=updated_since,
        text=q,
        sort=sort,
    )
    query = given.query()
    bound = ("tasks", query)
    after = open_cursor(rooms.cursors, caller.user_id, bound, cursor, Position) if cursor is not None else None
    tasks, end = await listing.list_tasks(rooms, caller, query, after, limit)
    following = seal_cursor(rooms.cursors, caller.user_id, bound, end) if end else None
    return Page(tasks, following)


@get(
    "/summary",
    operation_id="summarizeTasks",
    summary="Count tasks",
    description="By status, and those that are overdue: not done, and due before now.",
    opt={LIMITS: (LimitClass.READ,), CACHE: SUMMARY_CACHE},
)
async def summarize_tasks(
    caller: NamedDependency[Principal], rooms: NamedDependency[Resources], scope: Scope
) -> Summary:
    """Count tasks."""
    summary, holds_until = await listing.summarize_tasks(rooms, caller)
    set_right_until(scope, holds_until)
    return summary


@post(
    "/batch",
    operation_id="runBatch",
    summary="Create, patch and delete up to 100 tasks",
    description="In order and in one transaction: if one operation fails, nothing is changed.",
    opt={LIMITS: (LimitClass.BATCH,)},
    status_code=200,
    responses=CHANGE_PROBLEMS,
)
async def run_batch(
    caller: NamedDependency[Principal], rooms: NamedDependency[Resources], data: JSONBody[Batch]
) -> BatchResult:
    """Do many operations at once."""
    return BatchResult(results=await batch.run_batch(rooms, caller, data))


@get(
    "/{task_id:uuid}",
    operation_id="readTask",
    summary="Read a task",
    opt={LIMITS: (LimitClass.READ,), CACHE: TASK_CACHE},
    responses=problems(404),
)
async def read_task(
    caller: NamedDependency[Principal],
    rooms: NamedDependency[Resources],
    task_id: FromPath[UUID],
    if_none_match: IfNoneMatch = None,
) -> Response[Task]:
    """Read a task."""
    task = await usecases.read_task(rooms, caller, task_id)
    if not_modified(if_none_match, etag(task.version)):
        return Response(None, status_code=304, headers={"ETag": etag(task.version)})  # type: ignore[arg-type]
    return answer(task)


@patch("/{task_id:uuid}", operation_id="patchTask", summary="Change a task", opt=WRITE, responses=CHANGE_PROBLEMS)
async def patch_task(
    caller: NamedDependency[Principal],
    rooms: NamedDependency[Resources],
    task_id: FromPath[UUID],
    data: JSONBody[TaskPatch],
    if_match: IfMatch = None,
) -> Response[Task]:
    """Merge a patch into a task."""
    return answer(await usecases.patch_task(rooms, caller, task_id, data, version_check(if_match)))


@delete(
    "/{task_id:uuid}",
    operation_id="deleteTask",
    summary="Put a task into the trash",
    opt=WRITE,
    responses=CHANGE_PROBLEMS,
)
async def delete_task(
    caller: NamedDependency[Principal],
    rooms: NamedDependency[Resources],
    task_id: FromPath[UUID],
    if_match: IfMatch = None,
) -> None:
    """Put a task into the trash."""
    await trash.trash_task(rooms, caller, task_id, version_check(if_match))


@put(
    "/{task_id:uuid}/completion",
    operation_id="completeTask",
    summary="Complete a task",
    description="A task that is done stays as it is.",
    opt=WRITE,
    responses=CHANGE_PROBLEMS,
)
async def complete_task(
    caller: NamedDependency[Principal],
    rooms: NamedDependency[Resources],
    task_id: FromPath[UUID],
    if_match: IfMatch = None,
) -> Response[Task]:
    """Complete a task."""
    return answer(await usecases.complete_task(rooms, caller, task_id, version_check(if_match)))


@delete(
    "/{task_id:uuid}/completion",
    operation_id="reopenTask",
    summary="Reopen a task",
    description="A task that is done is `todo` again; any other stays as it is.",
    opt=WRITE,
    status_code=200,
    responses=CHANGE_PROBLEMS,
)
async def reopen_task(
    caller: NamedDependency[Principal],
    rooms: NamedDependency[Resources],
    task_id: FromPath[UUID],
    if_match: IfMatch = None,
) -> Response[Task]:
    """Reopen a task."""
    return answer(await usecases.reopen_task(rooms, caller, task_id, version_check(if_match)))
