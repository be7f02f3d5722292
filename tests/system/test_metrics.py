"""What `/metrics` says is what happened, in all workers together."""

import json
import shutil
import socket
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from taskapi.__main__ import app
from tests.plain import NO_TLS
from tests.servers import data_folder, used_data
from tests.system.launch import Launched, free_port, started
from tests.waiting import eventually

WORKERS = 2
ADA = {"email": "ada@example.com", "password": "correct horse battery", "name": "Ada"}
DURATION = "http_request_duration_seconds"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Watched:
    """A program with two workers, and its metrics."""

    def __init__(self, program: Launched, port: int) -> None:
        self.program = program
        self.metrics = f"http://127.0.0.1:{port}/metrics"
        self.before: Samples = {}

    def samples(self) -> Samples:
        """Return everything that is shown now."""
        text = httpx.get(self.metrics, verify=NO_TLS).raise_for_status().text
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """Return one value."""
        return self.samples()[name, frozenset(labels.items())]

    def processes(self) -> float:
        """Return how many answer, of whatever version."""
        return self.value("task_api_processes", version=version("task-api"))

    def grown(self, name: str, **labels: str) -> float:
        """Return by how much a value has grown since `before`."""
        key = (name, frozenset(labels.items()))
        return self.samples().get(key, 0) - self.before.get(key, 0)

    def requests(self, method: str, route: str, status: int) -> float:
        """Return how many requests of a kind there were since `before`."""
        return self.grown(f"{DURATION}_count", method=method, route=route, status_code=str(status))

    def send(self, method: str, path: str, times: int = 1, **arguments: object) -> list[int]:
        """Send requests, each on a connection of its own, which any worker may get."""
        url = self.program.url + path
        return [httpx.request(method, url, verify=NO_TLS, **arguments).status_code for _ in range(times)]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def running() -> Iterator[Watched]:
    """A program that is watched."""
    port = free_port()
    settings = {
        "TASK_API_WORKERS": str(WORKERS),
        "TASK_API_METRICS_PORT": str(port),
        "TASK_API_RATE_LIMIT": "50",
        "TASK_API_JOBS": "false",
    }
    with used_data() as path, started(path, **settings) as program:
        yield Watched(program, port)


@pytest.fixture
def watched(running: Watched) -> Watched:
    """The same, from now on."""
    running.before = running.samples()
    return running


def debug(watched: Watched, *options: str) -> str:
    """Return what `task-api debug` tells of the program."""
    result = CliRunner().invoke(app, ["debug", "--port", str(watched.program.port), *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def log_in(watched: Watched, name: str) -> dict[str, str]:
    """Register somebody and return what says who asks."""
    account = ADA | {"email": f"{name}@example.com"}
    assert watched.send("POST", "/api/auth/register", json=account) == [201]
    known = {field: account[field] for field in ("email", "password")}
    answer = httpx.post(f"{watched.program.url}/api/auth/login", json=known).raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def test_every_request_is_counted_once_under_what_it_was(watched: Watched) -> None:
    ada = log_in(watched, "ada")
    made = [httpx.post(f"{watched.program.url}/api/tasks", json={"title": "x"}, headers=ada).json() for _ in range(3)]
    watched.send("GET", f"/api/tasks/{made[0]['id']}", 4, headers=ada)
    watched.send("GET", "/api/tasks/00000000-0000-7000-8000-000000000000", 2, headers=ada)
    watched.send("GET", "/api/tasks", 6, headers=ada)
    watched.send("GET", "/api/tasks", 5)
    watched.send("POST", "/api/tasks", 2, json={"title": ""}, headers=ada)
    watched.send("GET", "/somewhere/else", 3)
    watched.send("BREW", "/somewhere/else", 1)
    found = {
        ("POST", "/api/auth/register", 201): 1,
        ("POST", "/api/auth/login", 200): 1,
        ("POST", "/api/tasks", 201): 3,
        ("GET", "/api/tasks/{task_id}", 200): 4,
        ("GET", "/api/tasks/{task_id}", 404): 2,
        ("GET", "/api/tasks", 200): 6,
        ("GET", "/api/tasks", 401): 5,
        ("POST", "/api/tasks", 422): 2,
        ("GET", "unmatched", 404): 3,
        ("other", "unmatched", 404): 1,
    }
    assert {kind: watched.requests(*kind) for kind in found} == found
    assert watched.grown("password_seconds_count") == 2


def test_where_answers_came_from_adds_up(watched: Watched) -> None:
    grace = log_in(watched, "grace")
    url = watched.program.url
    origins = [httpx.get(f"{url}/api/tasks", headers=grace, verify=NO_TLS).headers["X-Cache"] for _ in range(30)]
    tiers = {tier: origins.count(f"hit-{tier}") for tier in ("memory", "redis")}
    assert {tier: watched.grown("cache_hits_total", cache_type=tier) for tier in tiers} == tiers
    assert watched.grown("cache_misses_total") == origins.count("miss")
    assert watched.grown("cache_bypasses_total") == origins.count("bypass")


def test_every_sql_statement_is_timed_under_its_name(watched: Watched) -> None:
    may = log_in(watched, "may")
    key = may | {"Idempotency-Key": "k-1"}
    watched.send("POST", "/api/tasks", 1, json={"title": "x"}, headers=may)
    watched.send("POST", "/api/tasks", 2, json={"title": "x"}, headers=key)
    found = {
        "users.find_by_email": 1,
        "outbox.insert+tasks.insert": 1,
        "outbox.insert+tasks.insert+idempotency.keep": 1,
        "idempotency.open": 2,
    }
    taken = "db_statement_duration_seconds_count"
    assert {name: watched.grown(taken, statement=name) for name in found} == found
    assert watched.value(taken, statement="gate.read") > 0
    names = {dict(labels)["statement"] for name, labels in watched.samples() if name == taken}
    assert "unnamed" not in names
    assert {"begin", "commit"} < names


def test_debug_shows_the_slowest_statements_of_each_worker_and_counts_them_as_the_metrics_do(watched: Watched) -> None:
    log_in(watched, "joan")
    before, reports, after = watched.samples(), json.loads(debug(watched, "--json")), watched.samples()
    assert len(reports) == WORKERS
    for report in reports:
        seconds = [statement["seconds"] for statement in report["statements"]]
        assert 5 < len(seconds) <= 20
        assert seconds == sorted(seconds, reverse=True)
        assert all(0 < slowest < 60 for slowest in seconds)
    told = [{statement["name"]: statement["times"] for statement in report["statements"]} for report in reports]
    for name in told[0].keys() & told[1].keys():
        key = ("db_statement_duration_seconds_count", frozenset({"statement": name}.items()))
        assert before[key] <= told[0][name] + told[1][name] <= after[key]
    (slowest, *_), text = reports[0]["statements"], debug(watched)
    assert text.count("  slowest statements\n") == WORKERS
    assert f"    {slowest['seconds']:.3f} s, " in text
    assert f" times: {slowest['name']}\n" in text


def test_who_is_refused_is_counted_under_the_limit(watched: Watched) -> None:
    lin = log_in(watched, "lin")
    refused = watched.send("GET", "/api/tasks/summary", 120, headers=lin).count(429)
    assert refused > 0
    assert watched.grown("rate_limit_refusals_total", limit="user") == refused
    assert watched.requests("GET", "/api/tasks/summary", 429) == refused


def test_what_the_audit_trail_tells_is_counted(watched: Watched) -> None:
    kim = log_in(watched, "kim")
    watched.send("POST", "/api/auth/login", json={"email": "kim@example.com", "password": "a wrong one"})
    watched.send("POST", "/api/auth/logout", headers=kim)
    found = {"account made": 1, "log-in succeeded": 1, "log-in failed": 1, "session ended": 1, "role changed": 0}
    assert {event: watched.grown("audit_events_total", event=event) for event in found} == found


def test_it_says_how_things_stand_now(watched: Watched) -> None:
    assert watched.value("db_pool_limit") == WORKERS * 10
    assert watched.value("gate_serving") == WORKERS
    assert watched.value("http_requests_in_flight") == 0
    assert watched.value("process_resident_memory_bytes") > 50_000_000
    assert watched.value("task_api_silent_processes") == 0


def test_kinds_that_are_known_are_there_from_the_start_at_zero(watched: Watched) -> None:
    assert watched.value("rate_limit_refusals_total", limit="admin") == 0
    for status in ("204", "500", "503"):
        label = {"method": "DELETE", "route": "/api/auth/sessions", "status_code": status}
        assert watched.value(f"{DURATION}_count", **label) == 0


def test_what_a_killed_worker_counted_is_not_forgotten(watched: Watched) -> None:
    watched.send("GET", "/api/health/live", 20)
    before = watched.samples()
    assert watched.requests("GET", "/api/health/live", 200) == 20
    gone = watched.program.workers[0]
    gone.kill()
    psutil.wait_procs([gone], 10)
    eventually(lambda: watched.send("GET", "/api/health/live") == [200])
    eventually(lambda: watched.processes() == WORKERS)
    assert watched.value("task_api_silent_processes") == 0
    assert watched.grown("task_api_workers_ended_total") == 1
    assert "Unexpected exit from worker-" in watched.program.err
    after = watched.samples()
    fallen = {
        key for key, value in before.items() if key[0].endswith(("_total", "_count", "_bucket")) and after[key] < value
    }
    assert not fallen


def test_workers_whose_sockets_were_removed_are_silent_and_not_forgotten() -> None:
    port = free_port()
    with used_data() as path:
        room = path.parent / "run"
        room.mkdir()
        settings = {"TASK_API_METRICS_PORT": str(port), "TASK_API_WORKERS": str(WORKERS), "XDG_RUNTIME_DIR": str(room)}
        with started(path, **settings) as program:
            watched = Watched(program, port)
            assert (watched.processes(), watched.value("task_api_silent_processes")) == (WORKERS, 0)
            shutil.rmtree(room)
            assert (watched.processes(), watched.value("task_api_silent_processes")) == (0, WORKERS)
            assert watched.value("task_api_workers_ended_total") == 0
            assert program.status("/api/health") == 200


def test_nobody_finds_them_on_the_public_port(watched: Watched) -> None:
    assert watched.send("GET", "/metrics") == [404]
    other = watched.metrics.replace("/metrics", "/api/health")
    assert httpx.get(other).status_code == 404


@pytest.mark.parametrize("number", [9, 30])
def test_two_scrapers_and_a_slow_one_do_not_wait_for_each_other(watched: Watched, number: int) -> None:
    address = httpx.URL(watched.metrics)
    idle = [socket.create_connection((address.host, address.port or 0)) for _ in range(number)]
    try:
        assert httpx.get(watched.metrics, timeout=5).status_code == 200
    finally:
        for connection in idle:
            connection.close()


def test_a_port_that_is_taken_keeps_nobody_from_serving(tmp_path: Path) -> None:
    with data_folder() as path, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with started(path / "data", TASK_API_METRICS_PORT=port) as program:
            assert program.status("/api/health") == 200
            assert f"Metrics cannot be read: port {port} on 127.0.0.1" in program.err
