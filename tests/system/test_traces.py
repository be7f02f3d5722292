"""A started program sends its traces to a collector, by the standard protocol, and waits for none."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.privacy import assert_private, keep_private
from tests.spans import Seen, Tree, tree
from tests.system.launch import Launched, free_port, started
from tests.waiting import eventually

ADA = {"email": "ada@example.com", "password": "correct horse battery", "name": "Ada"}
QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
ADMISSION: tuple[str, Tree] = ("gate.admit", [("redis", [])])


class Collector:
    """Takes what is sent to it."""

    def __init__(self) -> None:
        self.received: list[ExportTraceServiceRequest] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True

    @property
    def settings(self) -> dict[str, str]:
        """What sends a program's traces here."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.server.server_port}"} | QUICK

    @property
    def spans(self) -> list[Seen]:
        """All that came."""
        return [
            Seen(
                name=span.name,
                trace_id=span.trace_id.hex(),
                span_id=span.span_id.hex(),
                parent_id=span.parent_span_id.hex(),
                attributes={it.key: it.value.string_value or it.value.int_value for it in span.attributes},
                begun=span.start_time_unix_nano,
                ended=span.end_time_unix_nano,
            )
            for request in list(self.received)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def resources(self) -> list[dict[str, str]]:
        """Whose they are."""
        return [
            {it.key: it.value.string_value for it in resource.resource.attributes}
            for request in list(self.received)
            for resource in request.resource_spans
        ]

    def trace(self, trace_id: str, number: int) -> list[Seen]:
        """Return the spans of one trace, once so many have come."""

        def found() -> list[Seen]:
            return [span for span in self.spans if span.trace_id == trace_id]

        eventually(lambda: len(found()) >= number)
        return found()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Take one batch."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
                collector.may_answer.wait(60)
                collector.received.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector."""
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever)
    thread.start()
    try:
        yield collector
        assert_private(f"{collector.spans} {collector.resources}", "a span")
    finally:
        collector.may_answer.set()
        collector.server.shutdown()
        thread.join()
        collector.server.server_close()


def parent(number: int) -> tuple[str, dict[str, str]]:
    """Return a trace's id and the header by which a caller says that a request is part of it."""
    trace_id = f"{number:032x}"
    return trace_id, {"traceparent": f"00-{trace_id}-{number:016x}-01"}


def log_in(program: Launched) -> dict[str, str]:
    """Register somebody and return what says who asks."""
    assert program.request("POST", "/api/auth/register", json=ADA).status_code == 201
    known = {field: ADA[field] for field in ("email", "password")}
    return {"Authorization": f"Bearer {program.request('POST', '/api/auth/login', json=known).json()['token']}"}


def test_a_collector_sees_a_read_that_is_kept_one_that_is_loaded_and_a_write(used: Path) -> None:
    port = free_port()
    metrics = {"TASK_API_METRICS_PORT": str(port), "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test"}
    with collecting() as collector, started(used, **collector.settings, **metrics) as program:
        ada = log_in(program)
        assert program.request("GET", "/api/tasks", headers=ada).status_code == 200  # Redis knows the session then
        write, kept, loaded = parent(1), parent(2), parent(3)
        task = program.request("POST", "/api/tasks", json={"title": "x"}, headers=ada | write[1]).json()
        path = f"/api/tasks/{task['id']}"
        assert program.request("GET", path, headers=ada | loaded[1]).headers["X-Cache"] == "miss"
        assert program.request("GET", path, headers=ada | kept[1]).headers["X-Cache"] == "hit-memory"

        assert tree(collector.trace(kept[0], 3)) == [("GET /api/tasks/{task_id}", [ADMISSION])]
        router: tuple[str, Tree] = ("router", [("tasks.find", [])])
        assert tree(collector.trace(loaded[0], 5)) == [("GET /api/tasks/{task_id}", [ADMISSION, router])]
        ((name, (admission, (_, parts))),) = tree(collector.trace(write[0], 9))
        assert (name, admission) == ("POST /api/tasks", ADMISSION)
        assert [part for part, _ in parts if part != "redis"] == ["BEGIN", "outbox.insert+tasks.insert", "COMMIT"]
        (root,) = [span for span in collector.trace(kept[0], 3) if span.name.startswith("GET")]
        assert root.parent_id == f"{2:016x}"
        assert root.attributes == {
            "http.request.method": "GET",
            "http.route": "/api/tasks/{task_id}",
            "http.response.status_code": 200,
        }
        told = collector.resources[0]
        assert told["service.name"] == "task-api"
        assert told["deployment.environment.name"] == "test"
        assert told["service.version"]
        eventually(lambda: all(trace[0] in program.out for trace in (write, kept, loaded)))  # in their log lines

        accepted = {"Accept": "application/openmetrics-text; version=1.0.0"}
        shown = httpx.get(f"http://127.0.0.1:{port}/metrics", headers=accepted).text
        linked = {
            sample.exemplar.labels["trace_id"]
            for family in text_string_to_metric_families(shown)  # type: ignore[no-untyped-call]
            for sample in family.samples
            if sample.exemplar
        }
        assert linked & {write[0], kept[0], loaded[0]}


def test_a_stranger_writes_nothing_into_the_log_by_what_it_says_of_its_trace(used: Path) -> None:
    words = "my private diary"
    keep_private(words)
    with collecting() as collector, started(used, **collector.settings) as program:
        trace_id, headers = parent(5)
        told = headers | {"tracestate": f"{words}, a=1"}
        assert program.request("GET", "/api/health/live", headers=told).status_code == 200
        eventually(lambda: trace_id in program.out)
        assert_private(program.out)
        assert "identifiers" not in program.out


def test_what_was_traced_last_is_sent_before_it_stops(used: Path) -> None:
    slow = {"OTEL_BSP_SCHEDULE_DELAY": "60000"}
    with collecting() as collector, started(used, **collector.settings | slow) as program:
        trace_id, headers = parent(4)
        assert program.request("GET", "/api/health/live", headers=headers).status_code == 200
        assert program.end() == 0
        sent = [span for span in collector.spans if span.trace_id == trace_id]
        assert tree(sent) == [("GET /api/health/live", [("router", [])])]


def test_a_collector_that_hangs_keeps_nobody_waiting(used: Path) -> None:
    with collecting() as collector, started(used, **collector.settings) as program:
        collector.may_answer.clear()
        begun = time.monotonic()
        with httpx.Client(base_url=program.url) as client:
            assert {client.get("/api/health/live").status_code for _ in range(3_000)} == {200}
        assert time.monotonic() - begun < 30
        begun = time.monotonic()
        assert program.end() == 0
        assert time.monotonic() - begun < 15


def test_a_collector_that_is_away_keeps_nobody_waiting(used: Path) -> None:
    away = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"} | QUICK
    with started(used, **away) as program:
        assert program.request("GET", "/api/health").status_code == 200
        begun = time.monotonic()
        assert program.end() == 0
        assert time.monotonic() - begun < 15
