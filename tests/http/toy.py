"""A toy API on the real edge: routes that fail, dawdle and write, so that what stands around them can be watched."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Litestar, Request, Response, Router, delete, get, patch, post, put
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException, InternalServerException
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream
from litestar.types import ASGIApp, Receive, Scope, Send

from taskapi import errors
from taskapi.config import AuthSettings, Secret, ServerSettings
from taskapi.contracts.identity import Principal, Role
from taskapi.errors import Error, Violation
from taskapi.http import docs, health, idempotency, openapi, problems
from taskapi.http.authentication import PUBLIC, Authentication, bearer_token, provide_caller
from taskapi.http.awaiting import Awaiting
from taskapi.http.body import ApiRequest
from taskapi.http.edge import Edge
from taskapi.http.options import tell_all_methods
from taskapi.http.paging import Cursor, Limit, Page
from taskapi.http.queries import refuse_unknown_queries
from taskapi.kit.clock import system_clock
from taskapi.kit.database import Database, ReadConnection
from taskapi.kit.outbox import Event
from taskapi.kit.seals import Seals

PEOPLE = {name: Principal(UUID(int=number), UUID(int=0), Role.USER) for number, name in enumerate(("ada", "grace"), 1)}
ADA = {"authorization": "Bearer ada"}
GRACE = {"authorization": "Bearer grace"}
OPEN = {PUBLIC: True}
PASSWORD = "correct horse battery staple"
SECRETS = AuthSettings(jwt_secret=Secret("a secret of thirty-two characters"))


class Size(StrEnum):
    """How large a thing is."""

    SMALL = "small"
    LARGE = "large"


class NewThing(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A body with a field of each kind."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    size: Size = Size.SMALL
    weight: Annotated[int, msgspec.Meta(ge=0)] | None = None
    due_at: datetime | None = None
    labels: Annotated[list[Annotated[str, msgspec.Meta(max_length=5)]], msgspec.Meta(max_length=3)] = []
    twin: UUID | None = None

    def violations(self) -> Iterator[Violation]:
        """Rules that no type can state."""
        if self.name == "nothing":
            yield Violation("/name", "A thing has to be something")


class ThingMade(Event, frozen=True, kw_only=True):
    """A thing is new."""


def recognizing(app: ASGIApp) -> ASGIApp:
    """Put whoever a token names into the scope, before the router is entered; tokens are names here."""

    async def recognize(scope: Scope, receive: Receive, send: Send) -> None:
        given = [value for name, value in scope.get("headers", ()) if name == b"authorization"]
        if len(given) == 1:
            scope["user"] = PEOPLE.get(bearer_token(given[0]) or "")
        await app(scope, receive, send)

    return recognize


@get("/boom", opt=OPEN)
async def boom() -> None:
    """Fail as nobody foresaw."""
    password = PASSWORD
    raise ValueError(f"{len(password)} characters")


@get("/broken", opt=OPEN)
async def broken() -> None:
    """Fail as the framework does."""
    raise InternalServerException(PASSWORD)


@get("/slow", opt=OPEN)
async def slow() -> None:
    """Take for ever."""
    await asyncio.Event().wait()


@get("/half", opt=OPEN)
async def half() -> Stream:
    """Begin an answer and fail."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"half of"
        raise ValueError(PASSWORD)

    return Stream(parts)


@get("/nothing", opt=OPEN, status_code=204)
async def nothing() -> None:
    """Answer without a body."""


@get("/unchanged", opt=OPEN)
async def unchanged() -> Response[None]:
    """Answer that the caller knows it already."""
    return Response(None, status_code=304, headers={"ETag": '"7"', "Cache-Control": "private"})


@get("/errors/{kind:str}", opt=OPEN)
async def raise_error(kind: FromPath[str]) -> None:
    """Raise an error of that kind."""
    raise getattr(errors, kind)(retry_after=7) if kind in {"Limited", "Overloaded"} else getattr(errors, kind)()


@get("/list", opt=OPEN)
async def listed(limit: Limit = 50, cursor: Cursor = None, size: FromQuery[list[Size] | None] = None) -> Page[str]:
    """Answer with the parameters."""
    return Page([str(limit), str(cursor), str(size)], None)


@get("/by-id/{thing_id:uuid}")
async def by_id(thing_id: FromPath[UUID], caller: NamedDependency[Principal]) -> dict[str, str]:
    """Answer with the identifier and the caller."""
    return {"id": str(thing_id), "caller": str(caller.user_id)}


@post("/echo", opt=OPEN)
async def echo(data: JSONBody[NewThing]) -> NewThing:
    """Answer with the body."""
    return data


@post("/things")
async def make(
    data: JSONBody[NewThing], caller: NamedDependency[Principal], database: NamedDependency[Database]
) -> Response[NewThing]:
    """Write, and tell of it."""
    async with database.transaction() as transaction:
        await transaction.execute("INSERT INTO things (name) VALUES ($1)", data.name)
        transaction.emit(ThingMade(user_id=caller.user_id))
        transaction.touch(caller.user_id, "tasks")
    return Response(data, headers={"ETag": '"1"', "Location": f"/toy/things/{data.name}", "X-Other": "x"})


@put("/things/{name:str}", status_code=204)
async def grow(name: FromPath[str], database: NamedDependency[Database]) -> None:
    """Write without a body and without events."""
    async with database.transaction() as transaction:
        await transaction.execute("UPDATE things SET size = size + 1 WHERE name = $1", name)


@patch("/things/{name:str}")
async def rename(name: FromPath[str], data: JSONBody[NewThing], database: NamedDependency[Database]) -> NewThing:
    """Write a change."""
    async with database.transaction() as transaction:
        await transaction.execute("UPDATE things SET name = $2 WHERE name = $1", name, data.name)
    return data


@delete("/things/{name:str}")
async def remove(name: FromPath[str], database: NamedDependency[Database]) -> None:
    """Remove, or find nothing to remove."""
    async with database.transaction() as transaction:
        if not await transaction.execute("DELETE FROM things WHERE name = $1", name):
            raise errors.Missing


@delete("/myself")
async def remove_myself(caller: NamedDependency[Principal], database: NamedDependency[Database]) -> None:
    """Remove the caller."""
    async with database.transaction() as transaction:
        await transaction.execute("DELETE FROM users WHERE id = $1", caller.user_id)


@post("/twice")
async def twice(data: JSONBody[NewThing], database: NamedDependency[Database]) -> None:
    """Open two transactions, which a write with a key may not."""
    for name in (data.name, data.name + "2"):
        async with database.transaction() as transaction:
            await transaction.execute("INSERT INTO things (name) VALUES ($1)", name)


@post("/twins")
async def make_half_of_a_pair(data: JSONBody[NewThing], database: NamedDependency[Database]) -> Response[NewThing]:
    """Break a rule that is looked at when the transaction commits."""
    async with database.transaction() as transaction:
        await transaction.execute("INSERT INTO things (name, twin) VALUES ($1, 'nobody')", data.name)
    return Response(data, headers={"Location": "/toy/nowhere"})


@post("/idle", status_code=200)
async def idle(data: JSONBody[NewThing]) -> NewThing:
    """Write nothing at all."""
    return data


@post("/dear", status_code=204)
async def spend(rooms: NamedDependency["Rooms"], database: NamedDependency[Database]) -> None:
    """Do what is dear before the transaction, as whoever hashes a password does."""
    rooms.spent += 1
    async with database.transaction() as transaction:
        await transaction.execute("INSERT INTO things (name) VALUES ($1)", "dear")


@post("/listening", status_code=200)
async def listen(request: Request[Any, Any, Any]) -> list[str]:
    """Tell what arrives, message by message."""
    return [(await request.receive())["type"] for _ in range(2)]


@post("/afterwards", status_code=204)
async def afterwards(data: JSONBody[NewThing], database: NamedDependency[Database]) -> None:
    """Do something in another transaction once the first is through."""

    async def follow() -> None:
        async with database.transaction() as following:
            await following.execute("INSERT INTO things (name) VALUES ($1)", data.name + "2")

    async with database.transaction() as transaction:
        await transaction.execute("INSERT INTO things (name) VALUES ($1)", data.name)
        transaction.after_commit(follow)


ROUTES: list[Any] = [
    boom,
    broken,
    slow,
    half,
    nothing,
    unchanged,
    raise_error,
    listed,
    by_id,
    echo,
    make,
    grow,
    rename,
    remove,
    remove_myself,
    twice,
    make_half_of_a_pair,
    idle,
    spend,
    listen,
    afterwards,
]


class Rooms:
    """What the toy's routes are given; a test may exchange it."""

    def __init__(self) -> None:
        self.database: Database | None = None
        self.vitals = well()
        self.fingerprints = Seals(SECRETS, "fingerprint")
        self.settled: list[UUID] = []
        """Whose earlier writes were to be announced before an answer was repeated."""
        self.awaiting = Awaiting(ServerSettings().request_timeout)
        self.spent = 0

    def read(self) -> AbstractAsyncContextManager[ReadConnection]:
        """Lend a connection of whichever database there is."""
        assert self.database is not None
        return self.database.read()

    async def settle(self, user_id: UUID) -> None:
        """Note it; nothing of the toy's is cached."""
        self.settled.append(user_id)


def toy(rooms: Rooms | None = None, settings: ServerSettings | None = None) -> Edge:
    """Build the toy as the program builds its API."""
    rooms = rooms or Rooms()
    routers = [Router("/toy", route_handlers=ROUTES, tags=["toy"]), *health.routers()]
    router = tell_all_methods(
        Litestar(
            [*routers, *docs.routers(), openapi.openapi_route(health.routers(), "1")],
            middleware=[
                Authentication(),
                idempotency.Idempotency(rooms.fingerprints, rooms.settle, rooms.read, rooms.awaiting),
            ],
            dependencies={
                "rooms": Provide(lambda: rooms, sync_to_thread=False),
                "database": Provide(lambda: rooms.database, sync_to_thread=False),
                "vitals": Provide(lambda: rooms.vitals, sync_to_thread=False),
                "caller": Provide(provide_caller),
            },
            exception_handlers={
                Error: problems.answer_error,
                idempotency.Replay: idempotency.answer_replay,
                HTTPException: problems.answer_http_exception,
                Exception: problems.answer_unforeseen,
            },
            before_request=refuse_unknown_queries,
            openapi_config=None,
            request_class=ApiRequest,
            request_max_body_size=1024 * 1024,
            logging_config=None,
        )
    )
    return Edge(recognizing(router), settings or ServerSettings())


def well() -> health.Vitals:
    """Vitals of a process that needs nothing."""

    async def check() -> None:
        """Find nothing wrong."""

    return health.Vitals(system_clock, check, check)
