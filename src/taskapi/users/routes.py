"""`/api/users`, for administrators. Nothing here is kept in a cache: it depends on more than the caller's own data."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from litestar import Response, Router, get, patch
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from taskapi.contracts.directory import Person
from taskapi.contracts.identity import Principal
from taskapi.http.conditional import IfMatch, IfNoneMatch, check_if_match, etag, not_modified, require_match
from taskapi.http.openapi import problems
from taskapi.http.paging import DEFAULT_LIMIT, Cursor, Limit, Page, open_cursor, seal_cursor
from taskapi.http.policy import LIMITS, LimitClass
from taskapi.kit.text import normalized
from taskapi.resources import Resources
from taskapi.users import usecases
from taskapi.users.schemas import Before, UserChange, UserView, user_view

OPTIONS = {LIMITS: (LimitClass.ADMIN,)}
Search = Annotated[
    str | None,
    QueryParameter(
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f-\x9f]+$",
        description="A part of the e-mail address or of the name, in any case.",
    ),
]


@get(
    "/",
    operation_id="listUsers",
    summary="List people",
    description="The newest first. For administrators.",
    opt=OPTIONS,
    responses=problems(403),
)
async def list_users(
    caller: NamedDependency[Principal],
    rooms: NamedDependency[Resources],
    q: Search = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[UserView]:
    """List people."""
    search = None if q is None else normalized(q)
    query = ("users", search)
    before = open_cursor(rooms.cursors, caller.user_id, query, cursor, Before).id if cursor is not None else None
    people = await usecases.list_users(rooms, caller, search=search, before=before, limit=limit + 1)
    shown = people[:limit]
    following = None
    if len(people) > limit:
        following = seal_cursor(rooms.cursors, caller.user_id, query, Before(shown[-1].id))
    return Page([user_view(person) for person in shown], following)


@get(
    "/{user_id:uuid}",
    operation_id="readUser",
    summary="Read one person",
    description="For administrators.",
    opt=OPTIONS,
    responses=problems(403, 404),
)
async def read_user(
    caller: NamedDependency[Principal],
    rooms: NamedDependency[Resources],
    user_id: FromPath[UUID],
    if_none_match: IfNoneMatch = None,
) -> Response[UserView]:
    """Read one person."""
    person = await usecases.read_user(rooms, caller, user_id)
    if not_modified(if_none_match, etag(person.version)):
        return Response(None, status_code=304, headers={"ETag": etag(person.version)})  # type: ignore[arg-type]
    return _answer(person)


@patch(
    "/{user_id:uuid}",
    operation_id="changeUser",
    summary="Change a person's role, lock one out or let one in",
    description="A change ends the person's sessions. The last enabled administrator stays one. For administrators.",
    opt=OPTIONS,
    responses=problems(403, 404, 409, 412),
)
async def change_user(
    caller: NamedDependency[Principal],
    rooms: NamedDependency[Resources],
    user_id: FromPath[UUID],
    data: JSONBody[UserChange],
    if_match: IfMatch = None,
) -> Response[UserView]:
    """Change a person's standing."""
    check_if_match(if_match)
    check = partial(require_match, if_match)
    return _answer(await usecases.change_user(rooms, caller, user_id, data.standing(), check))


def routers() -> list[Router]:
    """Return the routes of this domain."""
    handlers: list[Any] = [list_users, read_user, change_user]
    return [Router("/api/users", route_handlers=handlers, tags=["users"])]


def _answer(person: Person) -> Response[UserView]:
    return Response(user_view(person), headers={"ETag": etag(person.version)})
