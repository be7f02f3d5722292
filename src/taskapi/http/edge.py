"""The outermost layer: names the request, bounds it, hardens the answer and writes the access log line.

Pure ASGI, around the whole router, so that nothing gets in or out without it. It knows no business.
"""

import asyncio
import random
import time
from collections.abc import Awaitable
from typing import Any, NamedTuple

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from taskapi.config import ServerSettings
from taskapi.http import problems
from taskapi.http.context import is_acceptable
from taskapi.http.deadlines import Deadlines
from taskapi.http.hardening import harden
from taskapi.http.headers import HTTP, headers_of
from taskapi.http.traces import begun
from taskapi.kit import tracing
from taskapi.kit.clock import log_clock
from taskapi.kit.metrics import Distribution, Exemplar, Series
from taskapi.kit.request import request_id
from taskapi.kit.telemetry import FrequentLog, Line, logger
from taskapi.kit.tracing import Trace

ALWAYS_ADMITTED = "/api/health"
"""Probes are answered however busy the server is."""

REQUEST_ID_BYTES = 16
"""A request id is 128 bits that do not repeat; it names and guards nothing, so they need not be unpredictable."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
UNMATCHED = "unmatched"
"""Stands for every path that is none of ours: what somebody typed would be a label without a bound."""

STATUSES = ("499", *map(str, range(1, 600)))
"""Status codes as labels; nginx's 499 for a caller who went away before there was an answer."""

ACCESS = "taskapi.access"
"""The log that these lines belong to."""

FIRST_ERROR = 400
SLOW_SECONDS = 1.0
"""From when on an answer is in the log, however few successes are."""

TOO_LONG = "The request took too long and was given up; try again shortly."


class RequestLine(Line, kw_only=True, gc=False):
    """What the log tells of a request."""

    method: str
    route: str
    status: int
    milliseconds: float
    event: str = "request"
    logger: str = ACCESS


class Kind(NamedTuple):
    """What all requests of one method, route and status have in common."""

    method: str
    route: str
    durations: Series


class Edge:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, settings: ServerSettings, *, measured: bool = True, sample: float = 1.0) -> None:
        """`measured`: whether durations are noted; `sample`: the share of lines about successes that is written."""
        self.durations = Distribution(
            "http_request_duration_seconds", "Duration of requests.", ("method", "route", "status_code")
        )
        self._is_measured = measured
        self._kinds: dict[tuple[str, str | None, int], Kind] = {}
        self._sample, self._writes_all = sample, sample >= 1
        self._loop: asyncio.AbstractEventLoop | None = None
        self._app = app
        self._deadlines = Deadlines(settings.request_timeout)
        self._places = settings.max_concurrency
        self._inside = 0
        self._access = FrequentLog(ACCESS)
        self._tracer = tracing.active()
        self._log = logger(ACCESS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; anything that is none goes straight to the application."""
        if scope["type"] != HTTP:
            await self._app(scope, receive, send)
            return
        name = _chosen_id(scope)
        request_id.set(name)
        answer = Outgoing(send, name)
        trace = None if self._tracer is None else begun(self._tracer, scope, _label_of(scope["method"]))
        started = time.perf_counter()
        task = (self._loop and asyncio.current_task(self._loop)) or self._looked_for_task()
        self._inside += 1
        self._deadlines.begin(task, started)
        try:
            if self._inside > self._places and not scope["path"].startswith(ALWAYS_ADMITTED):
                await answer.fail(503, "unavailable", "The server is busy; try again shortly.")
            else:
                await self._app(scope, receive, answer)
        except asyncio.CancelledError:
            if not self._deadlines.take_back(task):
                raise
            await answer.fail(503, "unavailable", TOO_LONG)
        except Exception as error:
            await self._explain(answer, error)
        finally:
            self._inside -= 1
            self._deadlines.end(task)
            seconds = time.perf_counter() - started
            known = (scope["method"], scope.get("path_template"), answer.status)
            kind = self._kinds.get(known) or self._kind_of(*known)
            if self._is_measured:
                kind.durations.add(seconds)
            if trace is not None:
                self._end_trace(trace, kind, answer.status, seconds)
            write = self._access.writer()
            if write is not None and (self._writes_all or self._is_chosen(answer.status, seconds)):
                write(_line(kind, answer, seconds, trace))

    @property
    def inside(self) -> int:
        """How many requests are in progress."""
        return self._inside

    def _kind_of(self, method: str, route: str | None, status: int) -> Kind:
        """Return the kind of a request; remembered, but for methods that somebody made up."""
        labels = (_label_of(method), route or UNMATCHED)
        kind = Kind(*labels, self.durations.series((*labels, STATUSES[status])) if self._is_measured else Series())
        if kind.method != OTHER:
            self._kinds[method, route, status] = kind
        return kind

    def _looked_for_task(self) -> asyncio.Task[Any]:
        """Return this request's task, and remember its loop: who names that is spared a look that asks the system."""
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(self._loop)
        assert task is not None
        return task

    async def _explain(self, answer: "Outgoing", error: Exception) -> None:
        if isinstance(error, TimeoutError):  # of something that several requests waited for
            await answer.fail(503, "unavailable", TOO_LONG)
            return
        self._log.error("unforeseen error", exc_info=error)
        await answer.fail(500, "internal", "The server failed; the request id helps to find out why.")

    def _is_chosen(self, status: int, seconds: float) -> bool:
        is_fine = 0 < status < FIRST_ERROR and seconds < SLOW_SECONDS
        return not is_fine or random.random() < self._sample  # noqa: S311 - chooses lines, guards nothing

    def _end_trace(self, trace: Trace, kind: Kind, status: int, seconds: float) -> None:
        told = STATUSES[status]
        if self._is_measured and trace.is_sampled:
            exemplar = Exemplar(trace.trace_id, seconds, time.time())
            self.durations.mark(seconds, (kind.method, kind.route, told), exemplar)
        trace.end(kind.method, kind.route, int(told))


class Outgoing:
    """Sends the answer, hardened, and remembers its status."""

    __slots__ = ("_send", "request_id", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self.request_id = request_id
        self.status = 0

    def __call__(self, message: Message) -> Awaitable[None]:
        """Send one message."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            harden(message).append((b"x-request-id", self.request_id.encode()))
        return self._send(message)

    async def fail(self, status: int, code: str, detail: str) -> None:
        """Answer with a problem document, unless an answer has begun already."""
        if self.status:
            return
        body = problems.encoded(problems.problem(status, code, detail))
        headers = [
            (b"content-type", problems.MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            *([(b"retry-after", b"1")] if status == 503 else []),
        ]
        await self({"type": "http.response.start", "status": status, "headers": headers})
        await self({"type": "http.response.body", "body": body, "more_body": False})


def _line(kind: Kind, answer: Outgoing, seconds: float, trace: Trace | None) -> RequestLine:
    line = RequestLine(
        method=kind.method,
        route=kind.route,
        status=answer.status,
        milliseconds=int(seconds * 100_000) / 100,
        request_id=answer.request_id,
        timestamp=log_clock(),
    )
    if trace is not None:
        line.trace_id, line.span_id = trace.trace_id, trace.span_id
    return line


def _label_of(method: str) -> str:
    return method if method in METHODS else OTHER


def _chosen_id(scope: Scope) -> str:
    headers = headers_of(scope)
    given = headers.get(b"x-request-id")
    if given is not None and is_acceptable(given) and not headers.repeats(b"x-request-id"):
        return given.decode()
    return random.getrandbits(128).to_bytes(REQUEST_ID_BYTES).hex()
