"""Health, for people (`/api/health`), for orchestrators (`live`, `ready`) and for load balancers.

Liveness never looks at a dependency: a database that is away must not restart the fleet. Readiness does, and fails
first when the process is about to stop.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec

from taskapi.http.authentication import PUBLIC
from taskapi.http.policy import LIMITS, LimitClass
from taskapi.kit.clock import Clock

Check = Callable[[], Awaitable[object]]
CHECK_SECONDS = 2
OPEN_TO_ALL = {PUBLIC: True, LIMITS: (LimitClass.NONE,)}

State = Annotated[Literal["healthy", "unhealthy"], msgspec.Meta(description="Whether the service answers.")]


class Services(msgspec.Struct, frozen=True):
    """What the API needs."""

    database: State
    redis: State


class Replica(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A read replica; where it is and what is wrong with it is in the log, not here."""

    state: Annotated[Literal["used", "unused"], msgspec.Meta(description="Whether it is read from.")]
    latency_ms: Annotated[int, msgspec.Meta(description="Milliseconds that it took to answer last.")]
    lag_seconds: Annotated[int, msgspec.Meta(description="For how long it has lacked something, when it answered.")]
    lag_bytes: Annotated[int, msgspec.Meta(description="How much of the log it had still to replay.")]


class Health(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the API is."""

    status: Literal["ok", "degraded"]
    timestamp: datetime
    services: Services
    replicas: Annotated[
        list[Replica], msgspec.Meta(description="As DATABASE_READ_URL lists them; absent if it names none.")
    ] = []


class Liveness(msgspec.Struct, frozen=True):
    """The process answers."""

    status: Literal["ok"]


class Readiness(msgspec.Struct, frozen=True):
    """Whether the process wants requests."""

    status: Literal["ready", "stopping", "waiting"]


DEGRADED = {503: ResponseSpec(Health, description="A service does not answer.", generate_examples=False)}
UNREADY = {503: ResponseSpec(Readiness, description="Send requests elsewhere.", generate_examples=False)}


class Look:
    """Looks at one part, once at a time: nothing limits probes, and a crowd must not use up the connections."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._running: asyncio.Task[State] | None = None

    async def state(self) -> State:
        """Return what the look in progress finds, or begin one."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(_state(self._check))
        return await asyncio.shield(self._running)


class Vitals:
    """Knows how to look at the parts, and whether the process is about to stop."""

    def __init__(
        self, clock: Clock, database: Check, redis: Check, replicas: Callable[[], list[Replica]] = list
    ) -> None:
        self._replicas = replicas
        self._clock = clock
        self._database = Look(database)
        self._redis = Look(redis)
        self.stopping = False

    async def health(self) -> Health:
        """Look at both services at once; a replica that is left out makes nothing worse but the primary's load."""
        database, redis = await asyncio.gather(self._database.state(), self._redis.state())
        ok = database == redis == "healthy"
        return Health("ok" if ok else "degraded", self._clock(), Services(database, redis), self._replicas())

    async def readiness(self) -> Readiness:
        """Say whether requests can be served; Redis is no condition, nothing that is served today needs it."""
        if self.stopping:
            return Readiness("stopping")
        return Readiness("ready" if await self._database.state() == "healthy" else "waiting")


async def _state(check: Check) -> State:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except Exception:
        return "unhealthy"
    return "healthy"


@get("/", opt=OPEN_TO_ALL, operation_id="readHealth", responses=DEGRADED)
async def read_health(vitals: NamedDependency[Vitals]) -> Response[Health]:
    """Tell how the API and its services are."""
    found = await vitals.health()
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


def routers() -> list[Router]:
    """Return the three routes; they want a dependency `vitals`."""
    handlers: list[Any] = [read_health, read_liveness, read_readiness]
    return [Router("/api/health", route_handlers=handlers, tags=["health"])]
