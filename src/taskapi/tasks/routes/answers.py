"""What the routes of this domain share: the conditional headers, and a task as an answer."""

from collections.abc import Mapping
from functools import partial

from litestar import Response

from taskapi.http.conditional import check_if_match, etag, require_match
from taskapi.http.openapi import problems
from taskapi.http.policy import LIMITS, LimitClass
from taskapi.tasks.model import Task, VersionCheck

WRITE = {LIMITS: (LimitClass.WRITE,)}
CHANGE_PROBLEMS = problems(404, 412)


def answer(task: Task, headers: Mapping[str, str] | None = None) -> Response[Task]:
    """Return a task with its tag."""
    return Response(task, headers={"ETag": etag(task.version), **(headers or {})})


def version_check(if_match: str | None) -> VersionCheck:
    """Return what the header asks of a version; raises Invalid if it cannot be read."""
    check_if_match(if_match)
    return partial(require_match, if_match)
