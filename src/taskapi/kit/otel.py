"""Traces by OpenTelemetry: the only module that knows it, loaded only where traces are wanted and the extra is there.

Spans wait in a bounded queue, and a thread of the library's sends them; what does not fit is dropped. Where to send,
how much to sample and how long the queue is, the library reads from the environment itself.
"""

import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Token

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes

from taskapi.kit.redaction import HIDDEN
from taskapi.kit.tracing import statement_name

SERVICE = "task-api"
POSTGRESQL = {"db.system.name": "postgresql"}
"""Names of attributes are those of OpenTelemetry's semantic conventions."""

OF_STRANGERS = ("opentelemetry.trace.span", "opentelemetry.trace.propagation.tracecontext")
"""Loggers that complain of what a caller sent and quote it: anybody could write lines, and choose their words."""

OF_SETTINGS = "opentelemetry.util.re"
"""The logger that complains of a header of OTEL_EXPORTER_OTLP_HEADERS and quotes it, which may be a key."""

FIRST_FAILURE = 500
_w3c = TraceContextTextMapPropagator()


def _without_values(record: logging.LogRecord) -> bool:
    if record.args:
        record.msg, record.args = str(record.msg).replace("%s", HIDDEN), ()
    return True


for _name in OF_STRANGERS:
    logging.getLogger(_name).setLevel(logging.CRITICAL)
logging.getLogger(OF_SETTINGS).addFilter(_without_values)


class RequestTrace:
    """One request's trace."""

    __slots__ = ("_span", "_token", "is_sampled", "span_id", "trace_id")

    def __init__(self, span: Span) -> None:
        """Make the span the one around everything that this task does from now on."""
        found = span.get_span_context()
        self._span = span
        self._token: Token[Context] = context.attach(trace.set_span_in_context(span))
        self.trace_id = trace.format_trace_id(found.trace_id)
        self.span_id = trace.format_span_id(found.span_id)
        self.is_sampled = found.trace_flags.sampled

    def end(self, method: str, route: str, status: int) -> None:
        """Name the span for the route, and end it."""
        span = self._span
        if span.is_recording():
            span.update_name(f"{method} {route}")
            span.set_attributes({"http.route": route, "http.response.status_code": status})
            if status >= FIRST_FAILURE:
                span.set_status(StatusCode.ERROR)
        span.end()
        context.detach(self._token)


class OpenTelemetry:
    """Makes spans, which a processor takes."""

    def __init__(self, processor: SpanProcessor, version: str) -> None:
        self._provider = TracerProvider(resource=_resource(version), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("taskapi", version)

    def begin(self, method: str, parent: str, state: str) -> RequestTrace:
        """Begin a request, as part of the caller's trace if `parent` is well-formed."""
        around = _w3c.extract({"traceparent": parent, "tracestate": state}, Context()) if parent else Context()
        attributes = {"http.request.method": method}
        return RequestTrace(self._tracer.start_span(method, around, SpanKind.SERVER, attributes))

    @contextmanager
    def span(self, name: str, *, begins: bool = False) -> Iterator[None]:
        """Trace a block."""
        if begins or self.current() is not None:
            with self._around(name, SpanKind.INTERNAL, None):
                yield
        else:
            yield

    @contextmanager
    def statement(self, sql: str) -> Iterator[None]:
        """Trace a statement by its name; its text and its values stay here."""
        if self.current() is None:
            yield
            return
        name = statement_name(sql)
        with self._around(name, SpanKind.CLIENT, POSTGRESQL | {"db.query.summary": name}):
            yield

    def current(self) -> Span | None:
        """Return the span around the caller, if anybody will see it."""
        span = trace.get_current_span()
        return span if span.get_span_context().trace_flags.sampled else None

    def note_trip(self, parent: object, begun: int, batch: int) -> None:
        """Note a trip to Redis that is over."""
        assert isinstance(parent, Span)
        attributes: Attributes = {"db.system.name": "redis", "db.operation.batch.size": batch}
        around = trace.set_span_in_context(parent, Context())
        span = self._tracer.start_span("redis", around, SpanKind.CLIENT, attributes, start_time=begun)
        span.end(time.time_ns())

    def close(self) -> None:
        """Send what is left and stop the thread."""
        self._provider.shutdown()

    @contextmanager
    def _around(self, name: str, kind: SpanKind, attributes: Attributes) -> Iterator[None]:
        """Trace a block; of an error only its kind is told, for its text may quote somebody's data."""
        opened = self._tracer.start_as_current_span(
            name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
        )
        with opened as span:
            try:
                yield
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR)
                raise


def exporting(version: str) -> OpenTelemetry:
    """Return a tracer that sends to the collector which the environment names, by OTLP over HTTP."""
    return OpenTelemetry(BatchSpanProcessor(OTLPSpanExporter()), version)


def _resource(version: str) -> Resource:
    """Say whose spans these are; what the environment says of it wins."""
    own = {
        "service.name": SERVICE,
        "service.version": version,
        "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
    }
    given = OTELResourceDetector().detect().attributes
    return Resource.create({name: value for name, value in own.items() if name not in given})
