"""A trace shows what a request did: its admission, its trips to Redis, its statements; and nothing of anybody's."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from opentelemetry.trace import StatusCode
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from taskapi.app import App
from taskapi.config import LogSettings
from taskapi.kit.metrics.exposition import expose
from tests.gate.edge.doors import Person, at_once, open_door, settings_of
from tests.http.asgi import ask
from tests.kit.log_lines import logged
from tests.kit.patience import until
from tests.servers import Servers
from tests.spans import Memory, Tree, remembered, root, tree

pytestmark = pytest.mark.anyio

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE, CALLER = PARENT.split("-")[1:3]
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
TOLD = {
    "http.request.method",
    "http.route",
    "http.response.status_code",
    "db.system.name",
    "db.query.summary",
    "db.operation.batch.size",
    "error.type",
}
ADMISSION: tuple[str, Tree] = ("gate.admit", [("redis", [])])


@pytest.fixture
def memory() -> Iterator[Memory]:
    """What is traced."""
    with remembered() as found:
        yield found


@pytest.fixture
async def traced(memory: Memory, servers: Servers, database_url: str) -> AsyncIterator[App]:
    """An application whose requests are traced."""
    logs = LogSettings(level="info", log_format="json")
    async with open_door(settings_of(database_url, servers.redis_url, logs=logs)) as app:
        yield app


@pytest.fixture
async def lin(traced: App) -> Person:
    """A person."""
    return await Person(traced).register()


async def test_a_read_that_is_kept_is_one_trip(memory: Memory, lin: Person) -> None:
    await lin.get_until("/api/tasks", "hit-memory")
    memory.forget()
    await lin.get("/api/tasks")
    assert tree(memory.spans) == [("GET /api/tasks", [ADMISSION])]


async def test_a_session_that_redis_does_not_know_is_read_while_admitted(memory: Memory, lin: Person) -> None:
    memory.forget()
    await lin.get("/api/auth/me")
    ((_, (admission, _)),) = tree(memory.spans)
    assert admission == ("gate.admit", [("redis", []), ("auth.find_liveness", [])])


async def test_a_read_that_is_loaded_is_one_statement_more(memory: Memory, lin: Person) -> None:
    path = await lin.task()
    memory.forget()
    assert (await lin.get(path)).header("x-cache") == "miss"
    assert tree(memory.spans) == [("GET /api/tasks/{task_id}", [ADMISSION, ("router", [("tasks.find", [])])])]


async def test_a_write_is_begun_committed_and_ended(memory: Memory, lin: Person) -> None:
    await lin.get_until("/api/tasks", "hit-memory")  # Redis knows the session then
    memory.forget()
    await lin.task()
    (name, (admission, (router, parts))) = tree(memory.spans)[0]
    assert (name, admission, router) == ("POST /api/tasks", ADMISSION, "router")
    found = [part for part, _ in parts]
    assert (found[0], found[-2:]) == ("BEGIN", ["COMMIT", "redis"])
    assert sorted(found[1:-2]) == ["outbox.insert+tasks.insert", "redis"], "the change and its event, while Redis hears"


async def test_parts_lie_inside_of_what_they_are_parts_of(memory: Memory, lin: Person) -> None:
    memory.forget()
    await lin.get(await lin.task())
    spans = memory.spans
    by_id = {span.span_id: span for span in spans}
    inner = [span for span in spans if span.parent_id]
    assert inner
    for span in inner:
        around = by_id[span.parent_id]
        assert around.begun <= span.begun <= span.ended <= around.ended, (around, span)


async def test_a_batch_is_a_part_of_each_request_in_it_and_says_how_many_they_were(memory: Memory, lin: Person) -> None:
    await lin.get_until("/api/tasks", "hit-memory")
    memory.forget()
    await at_once(20, lambda: lin.get("/api/tasks"))
    trips = [span for span in memory.spans if span.name == "redis"]
    sizes = [span.attributes["db.operation.batch.size"] for span in trips]
    assert len({span.trace_id for span in trips}) == 20
    assert max(int(str(size)) for size in sizes) > 1


async def test_who_waits_for_a_load_has_no_part_in_its_trace(memory: Memory, lin: Person) -> None:
    path = await lin.task()
    memory.forget()
    answers = await at_once(10, lambda: lin.get(path))
    assert {answer.status for answer in answers} == {200}
    trees = tree(memory.spans)
    assert len(trees) == 10
    assert sum(("router", [("tasks.find", [])]) in parts for _, parts in trees) == 1


async def test_a_caller_that_is_traced_is_the_parent(memory: Memory, traced: App) -> None:
    memory.forget()
    await ask(traced, "GET", "/api/health/live", headers={"traceparent": PARENT, "tracestate": "a=1,b=2"})
    span = root(memory.spans)
    assert (span.trace_id, span.parent_id, span.name) == (TRACE, CALLER, "GET /api/health/live")
    assert all(dict(found.context.trace_state) == {"a": "1", "b": "2"} for found in memory.finished if found.context)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("traceparent", "")],
        [("traceparent", "nonsense")],
        [("traceparent", PARENT.replace("00-", "ff-", 1))],
        [("traceparent", PARENT.replace(TRACE, "0" * 32))],
        [("traceparent", PARENT.replace(CALLER, "0" * 16))],
        [("traceparent", PARENT.upper())],
        [("traceparent", PARENT), ("traceparent", PARENT)],
        [("traceparent", "\xff" * 55)],
        [("tracestate", "a=1")],
    ],
)
async def test_without_a_parent_that_can_be_read_a_trace_begins(
    memory: Memory, traced: App, headers: list[tuple[str, str]]
) -> None:
    memory.forget()
    assert (await ask(traced, "GET", "/api/health/live", headers=headers)).status == 200
    span = root(memory.spans)
    assert (span.parent_id, span.trace_id == TRACE) == ("", False)


async def test_a_caller_that_is_not_sampled_leaves_no_span_and_is_named_in_the_log(
    memory: Memory, traced: App, lin: Person
) -> None:
    memory.forget()
    with logged(LogSettings(level="info", log_format="json")) as lines:
        await lin.get("/api/tasks", {"traceparent": PARENT[:-1] + "0"})
    assert memory.spans == []
    (entry,) = lines.events("request")
    assert entry["trace_id"] == TRACE


@pytest.mark.parametrize(
    "state", ["my private diary, a=1", "a=1," * 40, "a=1,a=1", "A private diary=1", "a=" + "private diary" * 60]
)
async def test_what_a_caller_says_of_its_trace_is_in_no_line(memory: Memory, traced: App, state: str) -> None:
    for parent in (PARENT, f"{PARENT}-private diary", "private diary" * 60):
        headers = {"traceparent": parent, "tracestate": state}
        with logged(LogSettings(level="debug", log_format="json")) as lines:
            assert (await ask(traced, "GET", "/api/health/live", headers=headers)).status == 200
        assert [entry["event"] for entry in lines.entries] == ["request"]
        assert "diary" not in lines.text


async def test_log_lines_name_the_trace(memory: Memory, traced: App) -> None:
    for log_format in ("json", "pretty"):
        memory.forget()
        with logged(LogSettings(level="info", log_format=log_format)) as lines:
            await ask(traced, "GET", "/api/health/live", headers={"traceparent": PARENT})
        span = root(memory.spans)
        for word in (TRACE, span.span_id):
            assert word in lines.text


async def test_without_traces_log_lines_name_none(servers: Servers, database_url: str) -> None:
    async with open_door(settings_of(database_url, servers.redis_url)) as app:
        with logged(LogSettings(level="info", log_format="json")) as lines:
            await ask(app, "GET", "/api/health/live", headers={"traceparent": PARENT})
    (entry,) = lines.events("request")
    assert not {"trace_id", "span_id"} & entry.keys()


async def test_the_sampler_of_the_environment_decides(
    monkeypatch: pytest.MonkeyPatch, servers: Servers, database_url: str
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    with remembered() as memory:
        async with open_door(settings_of(database_url, servers.redis_url)) as app:
            await Person(app).register()
    assert memory.spans == []


async def test_nothing_of_anybodys_is_in_a_span(memory: Memory, traced: App, lin: Person) -> None:
    memory.forget()
    title = "A secret title"
    path = await lin.task(title=title)
    await lin.get(f"{path}?colour=red", {"idempotency-key": "a-secret-key"})
    await lin.send("PATCH", path, {"title": title, "labels": ["a-secret-label"]})
    await lin.get("/api/tasks?q=secret")
    await lin.log_in()
    await Person(traced).register()
    await lin.send("POST", "/api/auth/register", {"email": lin.email, "password": "correct horse", "name": "secret"})
    await ask(traced, "GET", "/api/secret/path?q=secret", headers={"user-agent": "secret"})
    await ask(traced, "SECRET", "/api/tasks")
    spans = memory.spans
    assert len(spans) > 30
    assert set().union(*(span.attributes for span in spans)) <= TOLD
    told = repr([(span.name, span.attributes) for span in spans]).lower()
    for theirs in ("secret", lin.id, lin.email, path.rpartition("/")[2], lin.token, "192.0.2.1", "colour", "horse"):
        assert theirs.lower() not in told
    assert not any(span.events or span.status.description for span in memory.finished)


async def test_a_failure_is_told_by_its_kind(memory: Memory, lin: Person, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("ALTER TABLE tasks RENAME TO gone")
    await connection.close()
    memory.forget()
    assert (await lin.get("/api/tasks/summary")).status >= 500
    assert "UndefinedTableError" in {span.attributes.get("error.type") for span in memory.spans}
    (root,) = [span for span in memory.finished if span.parent is None]
    assert root.status.status_code is StatusCode.ERROR


async def test_what_the_relay_does_is_a_trace_of_its_own(memory: Memory, traced: App, lin: Person) -> None:
    memory.forget()
    await traced.rooms.gate.lease.close()
    await lin.task()

    async def opened() -> bool:
        return traced.rooms.gate.serves and any(name == "relay.open_gate" for name, _ in tree(memory.spans))

    await until(opened, 20)


async def test_a_duration_shows_the_trace_of_a_request_that_took_so_long(memory: Memory, traced: App) -> None:
    before = time.time()
    await ask(traced, "GET", "/api/health/live", headers={"traceparent": PARENT})
    text, content_type = expose(traced.measures.instruments.snapshot(), OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text")
    (exemplar,) = [
        sample.exemplar
        for family in text_string_to_metric_families(text.decode())  # type: ignore[no-untyped-call]
        for sample in family.samples
        if sample.exemplar and sample.labels.get("route") == "/api/health/live"
    ]
    assert exemplar.labels == {"trace_id": TRACE}
    assert before - 1 <= float(exemplar.timestamp) <= time.time() + 1
    assert 0 < exemplar.value < 10


async def test_a_request_that_is_not_sampled_is_no_exemplar(memory: Memory, traced: App) -> None:
    await ask(traced, "GET", "/api/health/live", headers={"traceparent": PARENT[:-1] + "0"})
    text, _ = expose(traced.measures.instruments.snapshot(), OPENMETRICS)
    assert TRACE.encode() not in text


async def test_a_caller_who_goes_away_leaves_a_trace_that_ended(memory: Memory, traced: App, lin: Person) -> None:
    memory.forget()
    leaving = asyncio.create_task(lin.get("/api/tasks"))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving

    async def ended() -> bool:
        return any(span.attributes.get("http.response.status_code") == 499 for span in memory.spans)

    await until(ended)
