"""Spans as tests look at them: what stands under what, by name."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, cast

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from taskapi.kit import tracing
from taskapi.kit.otel import OpenTelemetry
from tests.privacy import assert_private


class Seen(NamedTuple):
    """A span, whoever showed it."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, object]
    begun: int
    ended: int


class Memory:
    """Keeps the spans of applications that are made in the block."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracer = OpenTelemetry(SimpleSpanProcessor(self._exporter), "test")

    def forget(self) -> None:
        """Begin anew."""
        self._exporter.clear()

    @property
    def finished(self) -> Sequence[ReadableSpan]:
        """The spans so far, as the library has them."""
        return self._exporter.get_finished_spans()

    @property
    def spans(self) -> list[Seen]:
        """The spans so far."""
        return [_seen(span) for span in self.finished]


@contextmanager
def remembered() -> Iterator[Memory]:
    """Keep spans in memory."""
    memory = Memory()
    tracing.use(memory.tracer)
    try:
        yield memory
        assert_private(repr(memory.spans), "a span")
    finally:
        tracing.use(None)


def root(spans: Iterable[Seen]) -> Seen:
    """Return the only request among the spans."""
    (found,) = [span for span in spans if "http.route" in span.attributes]
    return found


Tree = list[tuple[str, "Tree"]]


def tree(spans: Iterable[Seen], parent: str = "") -> Tree:
    """Return the spans by name under their parents, in the order in which they began; roots have no parent here."""
    known = list(spans)
    ids = {span.span_id for span in known}
    here = [span for span in known if (span.parent_id if span.parent_id in ids else "") == parent]
    return [(span.name, tree(known, span.span_id)) for span in sorted(here, key=lambda span: span.begun)]


def _seen(span: ReadableSpan) -> Seen:
    assert span.context is not None
    return Seen(
        name=span.name,
        trace_id=f"{span.context.trace_id:032x}",
        span_id=f"{span.context.span_id:016x}",
        parent_id=f"{span.parent.span_id:016x}" if span.parent else "",
        attributes=cast(dict[str, object], dict(span.attributes or {})),
        begun=span.start_time or 0,
        ended=span.end_time or 0,
    )
