"""Health, for people (`/api/health`), for orchestrators (`live`, `ready`) and for load balancers.

Liveness never looks at a dependency: a database that is away must not restart the fleet. Readiness does, and fails
first when the process is about to stop. Everybody is told whether the API is well; what it consists of is told to
administrators and to whoever asks on the machine itself.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, Router, get, route
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.openapi import ResponseSpec
from litestar.response.base import ASGIResponse
from litestar.types import Scope

from taskapi.http.address import is_local
from taskapi.http.authentication import PUBLIC
from taskapi.http.looks import Check, Look, Shared, State
from taskapi.http.policy import LIMITS, LimitClass
from taskapi.http.queries import ANY_QUERY
from taskapi.kit.clock import Clock

OPEN_TO_ALL = {PUBLIC: True, LIMITS: (LimitClass.NONE,), ANY_QUERY: True}
"""Monitors add parameters of their own, so that nothing in between keeps an answer; no answer here depends on any."""

MIGRATION_SECONDS = 60.0
Milliseconds = Annotated[
    float | None, msgspec.Meta(description="Until it answered; null if it did not.", examples=[0.84])
]


class Services(msgspec.Struct, frozen=True):
    """What the API needs."""

    database: State
    redis: State


class Latencies(msgspec.Struct, frozen=True):
    """How long each service took to answer, in milliseconds."""

    database: Milliseconds
    redis: Milliseconds


class Migration(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where the database's schema stands."""

    step: Annotated[
        str | None, msgspec.Meta(description="The step it is at; null before the first one.", examples=["0005"])
    ]
    newest: Annotated[str, msgspec.Meta(description="The newest step of this release.", examples=["0005"])]
    up_to_date: Annotated[bool, msgspec.Meta(description="Whether nothing is left to do.")]
    usable: Annotated[bool, msgspec.Meta(description="Whether this release can work on it.")]


class Replica(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A read replica; where it is and what is wrong with it is in the log, not here."""

    state: Annotated[Literal["used", "unused"], msgspec.Meta(description="Whether it is read from.")]
    latency_ms: Annotated[int, msgspec.Meta(description="Milliseconds that it took to answer last.")]
    lag_seconds: Annotated[int, msgspec.Meta(description="For how long it has lacked something, when it answered.")]
    lag_bytes: Annotated[int, msgspec.Meta(description="How much of the log it had still to replay.")]


class Details(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What is none of a stranger's business."""

    version: Annotated[str, msgspec.Meta(description="The program's version.", examples=["0.1.0"])]
    instance: Annotated[str, msgspec.Meta(description="The machine's name and the port.", examples=["api-1:3000"])]
    process: Annotated[int, msgspec.Meta(description="The process that answers.")]
    latency_ms: Latencies
    migration: Annotated[
        Migration | None,
        msgspec.Meta(
            description="Null if the database could not be asked.",
            examples=[{"step": "0005", "newest": "0005", "upToDate": True, "usable": True}],
        ),
    ]
    replicas: Annotated[
        list[Replica], msgspec.Meta(description="As DATABASE_READ_URL lists them; absent if it names none.")
    ] = []


class Health(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the API is."""

    status: Literal["ok", "degraded"]
    timestamp: datetime
    services: Services
    details: Annotated[
        Details | msgspec.UnsetType,
        msgspec.Meta(description="For administrators, and for whoever asks on the machine itself; else absent."),
    ] = msgspec.UNSET


class Liveness(msgspec.Struct, frozen=True):
    """The process answers."""

    status: Literal["ok"]


class Readiness(msgspec.Struct, frozen=True):
    """Whether the process wants requests."""

    status: Literal["ready", "stopping", "waiting"]


DEGRADED = {503: ResponseSpec(Health, description="A service does not answer.", generate_examples=False)}
UNREADY = {503: ResponseSpec(Readiness, description="Send requests elsewhere.", generate_examples=False)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What only some are told, and who besides those on the machine itself."""

    version: str
    instance: str
    process: int
    migration: Callable[[], Awaitable[Migration | None]]
    replicas: Callable[[], list[Replica]]
    is_administrator: Callable[[Scope], Awaitable[bool]]


class Vitals:
    """Knows how to look at the parts, and whether the process is about to stop."""

    def __init__(
        self,
        clock: Clock,
        database: Check,
        redis: Check,
        inside: Inside | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Without `inside` nobody is told more than strangers are."""
        self._clock = clock
        self._database = Look(database, now)
        self._redis = Look(redis, now)
        self._inside = inside
        self._migration = None if inside is None else Shared(inside.migration, MIGRATION_SECONDS, now)
        self.stopping = False

    async def health(self, scope: Scope) -> Health:
        """Look at both services at once; a replica that is left out makes nothing worse but the primary's load."""
        database, redis, details = await asyncio.gather(
            self._database.state(), self._redis.state(), self._details(scope)
        )
        ok = database == redis == "healthy"
        return Health("ok" if ok else "degraded", self._clock(), Services(database, redis), details)

    async def readiness(self) -> Readiness:
        """Say whether requests can be served; Redis is no condition, nothing that is served today needs it."""
        if self.stopping:
            return Readiness("stopping")
        return Readiness("ready" if await self._database.state() == "healthy" else "waiting")

    async def _details(self, scope: Scope) -> Details | msgspec.UnsetType:
        inside, migration = self._inside, self._migration
        if inside is None or migration is None or not (is_local(scope) or await inside.is_administrator(scope)):
            return msgspec.UNSET
        database, redis, step = await asyncio.gather(self._database.answer(), self._redis.answer(), migration.answer())
        return Details(
            version=inside.version,
            instance=inside.instance,
            process=inside.process,
            latency_ms=Latencies(database.milliseconds, redis.milliseconds),
            migration=step,
            replicas=inside.replicas(),
        )


@get("/", opt=OPEN_TO_ALL, operation_id="readHealth", responses=DEGRADED)
async def read_health(request: Request[Any, Any, Any], vitals: NamedDependency[Vitals]) -> Response[Health]:
    """Tell how the API and its services are."""
    found = await vitals.health(request.scope)
    return Response(found, status_code=200 if found.status == "ok" else 503)


@get("/live", opt=OPEN_TO_ALL, operation_id="readLiveness")
async def read_liveness() -> Response[Liveness]:
    """Answer; this alone says that the process lives."""
    return Response(Liveness("ok"))


@get("/ready", opt=OPEN_TO_ALL, operation_id="readReadiness", responses=UNREADY)
async def read_readiness(vitals: NamedDependency[Vitals]) -> Response[Readiness]:
    """Tell whether the process wants requests."""
    found = await vitals.readiness()
    return Response(found, status_code=200 if found.status == "ready" else 503)


@route("/", http_method=HttpMethod.HEAD, opt=OPEN_TO_ALL, include_in_schema=False)
async def probe_health(request: Request[Any, Any, Any], vitals: NamedDependency[Vitals]) -> ASGIResponse:
    """Tell the same by the status alone, as load balancers ask it."""
    return _head((await read_health.fn(request, vitals)).status_code)


@route("/live", http_method=HttpMethod.HEAD, opt=OPEN_TO_ALL, include_in_schema=False)
async def probe_liveness() -> ASGIResponse:
    """Answer without a body."""
    return _head(200)


@route("/ready", http_method=HttpMethod.HEAD, opt=OPEN_TO_ALL, include_in_schema=False)
async def probe_readiness(vitals: NamedDependency[Vitals]) -> ASGIResponse:
    """Tell by the status whether the process wants requests."""
    return _head((await read_readiness.fn(vitals)).status_code)


def _head(status: int | None) -> ASGIResponse:
    return ASGIResponse(status_code=status, headers={"content-type": "application/json"}, is_head_response=True)


def routers() -> list[Router]:
    """Return the three routes, for GET and HEAD; they want a dependency `vitals`."""
    handlers: list[Any] = [
        read_health,
        read_liveness,
        read_readiness,
        probe_health,
        probe_liveness,
        probe_readiness,
    ]
    return [Router("/api/health", route_handlers=handlers, tags=["health"])]
