"""`/api/auth`: the account, the password and the sessions of the caller."""

from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from taskapi.auth import account as accounts
from taskapi.auth import login, registration, sessions
from taskapi.auth.cache import USER_CACHE
from taskapi.auth.model import Origin, device_of
from taskapi.auth.repetition import Repetition
from taskapi.auth.schemas import (
    Account,
    Before,
    Login,
    LoginAnswer,
    Me,
    MeChange,
    PasswordChange,
    Registration,
    Removal,
    SessionView,
    account,
    session_view,
)
from taskapi.contracts.directory import Person
from taskapi.contracts.identity import Principal
from taskapi.http.address import Addresses, counted
from taskapi.http.authentication import PUBLIC
from taskapi.http.conditional import IfMatch, IfNoneMatch, check_if_match, etag, not_modified, require_match
from taskapi.http.idempotency import Answer, key_of, what_counts
from taskapi.http.openapi import problems
from taskapi.http.paging import DEFAULT_LIMIT, Cursor, Limit, Page, open_cursor, seal_cursor
from taskapi.http.policy import CACHE, LIMITS, LimitClass
from taskapi.resources import Resources

READ = {LIMITS: (LimitClass.READ,)}
WRITE = {LIMITS: (LimitClass.WRITE,)}
ME = "/api/auth/me"
SESSIONS = "sessions"
"""What the cursors of the list of sessions are bound to."""

AnyRequest = Request[Any, Any, Any]


@post(
    "/register",
    operation_id="register",
    summary="Make an account",
    opt={PUBLIC: True, LIMITS: (LimitClass.REGISTER,)},
    responses=problems(409),
)
async def register(
    data: JSONBody[Registration],
    rooms: NamedDependency[Resources],
    addresses: NamedDependency[Addresses],
    request: AnyRequest,
) -> Response[Account]:
    """Make an account."""
    key = key_of(request.scope)
    repetition = Repetition(key, what_counts(request.scope, await request.body())) if key else None
    origin = _origin(addresses, request)
    person = await registration.register(rooms, data, origin, repetition, _registered)
    return Response(account(person), status_code=201, headers={"Location": ME})


@post(
    "/login",
    operation_id="logIn",
    summary="Log in",
    description="Failed attempts are limited by account and by address.",
    opt={PUBLIC: True, LIMITS: (LimitClass.LOGIN,)},
    status_code=200,
    responses=problems(401, 403),
)
async def log_in(
    data: JSONBody[Login], rooms: NamedDependency[Resources], addresses: NamedDependency[Addresses], request: AnyRequest
) -> Response[LoginAnswer]:
    """Start a session."""
    started = await login.log_in(rooms, data.email, data.password, _origin(addresses, request))
    return Response(LoginAnswer(started.token, account(started.person)))


@get(
    "/me",
    operation_id="readMe",
    summary="Read the own account",
    opt={**READ, CACHE: USER_CACHE},
)
async def read_me(
    caller: NamedDependency[Principal], rooms: NamedDependency[Resources], if_none_match: IfNoneMatch = None
) -> Response[Me]:
    """Read the own account."""
    person = await accounts.read_me(rooms, caller)
    if not_modified(if_none_match, etag(person.version)):
        return Response(None, status_code=304, headers={"ETag": etag(person.version)})  # type: ignore[arg-type]
    return _me(person)


@patch(
    "/me",
    operation_id="changeMe",
    summary="Change the own name or e-mail address",
    description="Another e-mail address takes the current password too.",
    opt=WRITE,
    responses=problems(403, 409, 412),
)
async def change_me(
    caller: NamedDependency[Principal],
    data: JSONBody[MeChange],
    rooms: NamedDependency[Resources],
    addresses: NamedDependency[Addresses],
    request: AnyRequest,
    if_match: IfMatch = None,
) -> Response[Me]:
    """Change the own account."""
    check_if_match(if_match)
    check, origin = partial(require_match, if_match), _origin(addresses, request)
    return _me(await accounts.change_me(rooms, caller, data.change(), origin, check))


@delete(
    "/me",
    operation_id="removeMe",
    summary="Remove the own account and everything in it",
    opt=WRITE,
    responses=problems(403, 409),
)
async def remove_me(
    caller: NamedDependency[Principal],
    data: JSONBody[Removal],
    rooms: NamedDependency[Resources],
    addresses: NamedDependency[Addresses],
    request: AnyRequest,
) -> None:
    """Remove the own account."""
    await accounts.remove_me(rooms, caller, data.password, _origin(addresses, request))


@put(
    "/password",
    operation_id="changePassword",
    summary="Change the password",
    description="All other sessions end.",
    opt=WRITE,
    status_code=204,
    responses=problems(403),
)
async def change_password(
    caller: NamedDependency[Principal],
    data: JSONBody[PasswordChange],
    rooms: NamedDependency[Resources],
    addresses: NamedDependency[Addresses],
    request: AnyRequest,
) -> None:
    """Change the password."""
    origin = _origin(addresses, request)
    await accounts.change_password(rooms, caller, data.current_password, data.new_password, origin)


@post("/logout", operation_id="logOut", summary="Log out: end this session", opt=WRITE, status_code=204)
async def log_out(caller: NamedDependency[Principal], rooms: NamedDependency[Resources]) -> None:
    """End this session."""
    await sessions.log_out(rooms, caller)


@get(
    "/sessions",
    operation_id="listSessions",
    summary="List the own sessions",
    description="The newest first. A person has at most 100; a log-in beyond that ends the oldest.",
    opt=READ,
)
async def list_sessions(
    caller: NamedDependency[Principal],
    rooms: NamedDependency[Resources],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[SessionView]:
    """List the own sessions."""
    before = open_cursor(rooms.cursors, caller.user_id, SESSIONS, cursor, Before).id if cursor is not None else None
    found = await sessions.list_sessions(rooms, caller, before, limit + 1)
    shown, following = found[:limit], None
    if len(found) > limit:
        following = seal_cursor(rooms.cursors, caller.user_id, SESSIONS, Before(shown[-1].id))
    return Page([session_view(session, caller.session_id) for session in shown], following)


@delete("/sessions", operation_id="endAllSessions", summary="End all own sessions, this one too", opt=WRITE)
async def end_all_sessions(caller: NamedDependency[Principal], rooms: NamedDependency[Resources]) -> None:
    """End all own sessions."""
    await sessions.end_all_sessions(rooms, caller)


@delete(
    "/sessions/{session_id:uuid}",
    operation_id="endSession",
    summary="End one of the own sessions",
    opt=WRITE,
    responses=problems(404),
)
async def end_session(
    caller: NamedDependency[Principal], rooms: NamedDependency[Resources], session_id: FromPath[UUID]
) -> None:
    """End one of the own sessions."""
    await sessions.end_session(rooms, caller, session_id)


def routers() -> list[Router]:
    """Return the routes of this domain."""
    handlers: list[Any] = [
        register,
        log_in,
        read_me,
        change_me,
        remove_me,
        change_password,
        log_out,
        list_sessions,
        end_all_sessions,
        end_session,
    ]
    return [Router("/api/auth", route_handlers=handlers, tags=["auth"])]


def _origin(addresses: Addresses, request: AnyRequest) -> Origin:
    address = addresses.of(request.scope)
    device = device_of(request.headers.get("user-agent", ""))
    return Origin(address=address, network=counted(address), device=device)


def _me(person: Person) -> Response[Me]:
    return Response(Me(account(person)), headers={"ETag": etag(person.version)})


def _registered(person: Person) -> Answer:
    headers = [(b"content-type", b"application/json"), (b"location", ME.encode())]
    return Answer(201, headers, msgspec.json.encode(account(person)))
