"""`/api/tasks` and `/api/trash`: HTTP to use case and back, a few lines each."""

from typing import Any

from litestar import Router

from taskapi.http.queries import refuse_unknown_queries
from taskapi.tasks.routes import tasks, trash


def routers() -> list[Router]:
    """Return the routes of this domain."""
    handlers: list[Any] = [
        tasks.create_task,
        tasks.list_tasks,
        tasks.summarize_tasks,
        tasks.run_batch,
        tasks.read_task,
        tasks.patch_task,
        tasks.delete_task,
        tasks.complete_task,
        tasks.reopen_task,
        trash.restore_task,
    ]
    return [
        Router("/api/tasks", route_handlers=handlers, tags=["tasks"], before_request=refuse_unknown_queries),
        Router("/api/trash", route_handlers=[trash.list_trash], tags=["tasks"], before_request=refuse_unknown_queries),
    ]
