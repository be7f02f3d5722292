"""Builds the ASGI application: rooms, routes, what stands around them. Readable as a list; it does no work itself."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp

from taskapi import services
from taskapi.config import Settings, load
from taskapi.contracts import audit
from taskapi.errors import Error
from taskapi.gate.answers import Prepared
from taskapi.gate.callers import Callers
from taskapi.gate.gate import Gate
from taskapi.gate.limits import Limits
from taskapi.gate.loads import Loads
from taskapi.gate.memory import Memory
from taskapi.gate.middleware import Entrance
from taskapi.gate.responses import Responses
from taskapi.http import docs, health, idempotency, openapi, problems
from taskapi.http.address import Addresses
from taskapi.http.authentication import Authentication, provide_caller
from taskapi.http.awaiting import Awaiting
from taskapi.http.body import ApiRequest
from taskapi.http.cors import CrossOrigin
from taskapi.http.edge import Edge
from taskapi.http.looks import CHECK_SECONDS
from taskapi.http.options import tell_all_methods
from taskapi.http.queries import refuse_unknown_queries
from taskapi.kit.clock import Clock, system_clock
from taskapi.kit.collector import prepare_collector
from taskapi.kit.database import Database
from taskapi.kit.embedded.external import check_addresses
from taskapi.kit.inspection import Inspection, Question
from taskapi.kit.metrics import Instrument, Reading
from taskapi.kit.metrics.gathering import encoded
from taskapi.kit.passwords import Passwords
from taskapi.kit.redis import Redis
from taskapi.kit.seals import Seals
from taskapi.kit.telemetry import answer_level, configure_logs, tell_of_failed_task
from taskapi.kit.tokens import Tokens
from taskapi.kit.tracing import close_traces, configure_traces
from taskapi.measures import Measures
from taskapi.resources import Resources
from taskapi.vitals import debugging_of, vitals_of
from taskapi.worker import all_jobs, working

VERSION = version("task-api")
MEBIBYTE = 1024 * 1024
FAILURES = (500, 503)
"""Statuses that are counted from the start, at zero: what begins with a number has not grown, as Prometheus sees it."""

LARGEST_BODY = MEBIBYTE
"""Bytes; a larger body is refused with 413."""


class App(Edge):
    """The ASGI application: the edge around everything else; and, for tests and benchmarks, the rooms."""

    def __init__(self, settings: Settings, clock: Clock = system_clock) -> None:
        self.rooms = open_rooms(settings, clock)
        audit.tell_all_from(self.rooms.database)
        self.awaiting = Awaiting(settings.server.request_timeout)
        self.router = tell_all_methods(_router(self))
        self.entrance = _entrance(self)
        self.vitals = vitals_of(self.rooms, VERSION, self.entrance.is_administrator)
        is_measured = settings.metrics.metrics_port != 0
        sample = settings.logs.log_sample / 100
        super().__init__(_for_pages(self.entrance, settings), settings.server, measured=is_measured, sample=sample)
        self.debugging = debugging_of(self.rooms, lambda: self.inside)
        self.measures = Measures(self.rooms, VERSION)
        self.measures.add(*_of_requests(self))


def create() -> App:
    """Build the application from the environment: what an ASGI server is pointed at."""
    settings = load()
    check_addresses(settings)
    configure_logs(settings.logs)
    configure_traces(VERSION)
    app = App(settings)
    prepare_collector()
    return app


def open_rooms(settings: Settings, clock: Clock = system_clock) -> Resources:
    """Make the rooms; connections are made when they are first needed."""
    database = Database(settings.database, clock, services.constraints())
    return Resources(
        settings=settings,
        clock=clock,
        database=database,
        lookout=database.lone(CHECK_SECONDS),
        redis=Redis(settings.redis),
        gate=Gate(settings, database, services.session_source(), clock),
        passwords=Passwords(settings.auth),
        tokens=Tokens(settings.auth, clock),
        cursors=Seals(settings.auth, "cursor"),
        fingerprints=Seals(settings.auth, "fingerprint"),
        directory=services.directory(),
        sessions=services.session_keeper(),
        refused_attempts=services.refused_attempts(),
    )


async def close_rooms(rooms: Resources) -> None:
    """Close what is open."""
    rooms.passwords.close()
    await rooms.gate.close()
    await rooms.lookout.close()
    await rooms.database.close()
    await rooms.redis.close()


def api_document() -> dict[str, Any]:
    """Return the OpenAPI document of the whole API."""
    return openapi.document(_documented(), VERSION)


def _documented() -> list[Router]:
    return [*services.routers(), *health.routers()]


def _router(app: App) -> Litestar:
    rooms, addresses = app.rooms, Addresses(app.rooms.settings.server.trusted_proxies)
    return Litestar(
        [*_documented(), *docs.routers(), openapi.openapi_route(_documented(), VERSION)],
        middleware=[
            Authentication(),
            idempotency.Idempotency(rooms.fingerprints, rooms.gate.settle, rooms.database.read, app.awaiting),
        ],
        dependencies={
            "rooms": Provide(lambda: rooms, sync_to_thread=False),
            "addresses": Provide(lambda: addresses, sync_to_thread=False),
            "vitals": Provide(lambda: app.vitals, sync_to_thread=False),
            "caller": Provide(provide_caller),
        },
        exception_handlers={
            Error: problems.answer_error,
            idempotency.Replay: idempotency.answer_replay,
            HTTPException: problems.answer_http_exception,
            Exception: problems.answer_unforeseen,
        },
        before_request=refuse_unknown_queries,
        lifespan=[lambda _: _running(app)],
        openapi_config=None,
        request_class=ApiRequest,
        request_max_body_size=LARGEST_BODY,
        logging_config=None,
    )


def _entrance(app: App) -> Entrance:
    router, rooms, settings = app.router, app.rooms, app.rooms.settings
    memory = Memory(settings.cache.cache_memory_mb * MEBIBYTE)
    loads: Loads[Prepared] = Loads(settings.server.max_concurrency, settings.server.request_timeout)
    limits = Limits(settings.limits, Addresses(settings.server.trusted_proxies), rooms.fingerprints)
    responses = Responses(router, rooms.gate, memory, loads, rooms.clock)
    return Entrance(router, rooms.gate, Callers(rooms.tokens, rooms.clock), limits, responses)


def _for_pages(inner: ASGIApp, settings: Settings) -> ASGIApp:
    origins = settings.server.cors_origins
    return CrossOrigin(inner, origins) if origins else inner


def _of_requests(app: App) -> Iterator[Instrument]:
    for method, template, usual in app.entrance.operations():
        for status in (usual, *FAILURES):
            app.durations.series((method, template, str(status)))
    yield app.durations
    yield Reading("http_requests_in_flight", "Requests in progress.", lambda: app.inside)
    yield from app.entrance.instruments()


def _inspection(app: App) -> Inspection:
    def measured() -> bytes:
        return encoded(app.measures.instruments.snapshot())

    async def answer_metrics(_: Question) -> bytes:
        return measured()

    answers = {"metrics": answer_metrics, "log-level": answer_level, "debug": app.debugging.answer}
    return Inspection(answers, measured)


@asynccontextmanager
async def _running(app: App) -> AsyncIterator[None]:
    await app.rooms.database.open()
    app.rooms.database.replicas.open()
    await app.rooms.gate.open()
    _fail_readiness_on(signal.SIGUSR1, app.vitals)
    asyncio.get_running_loop().set_exception_handler(tell_of_failed_task)
    try:
        with app.debugging.watching(app.measures.lag.add), app.measures.taken():
            jobs = all_jobs() if app.rooms.settings.tasks.jobs else ()
            async with working(app.rooms, jobs), _inspection(app):
                yield
    finally:
        app.vitals.stopping = True
        await close_rooms(app.rooms)
        await close_traces()


def _fail_readiness_on(number: int, vitals: health.Vitals) -> None:
    def stop() -> None:
        vitals.stopping = True

    with contextlib.suppress(RuntimeError, ValueError, NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(number, stop)
