"""What the log of a running program holds, how it is changed, and that nobody waits for whoever reads it."""

import http.client
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from taskapi.__main__ import app
from taskapi.kit.line_writer import MOST_WAITING
from tests.people import Client
from tests.privacy import found_in, keep_private
from tests.servers import data_folder, used_data
from tests.system.launch import Launched, free_port, started
from tests.waiting import eventually

WORKERS = 2
STOP_SECONDS = 10
TEXT = "a text that belongs to nobody else"


@pytest.fixture(scope="module")
def program() -> Iterator[Launched]:
    """A program with two workers that writes warnings only."""
    with used_data() as path, started(path, TASK_API_WORKERS=str(WORKERS), LOG_LEVEL="warning") as running:
        yield running


def call(program: Launched, *arguments: str) -> str:
    """Call a command that asks this program, and return what it printed."""
    result = CliRunner().invoke(app, [*arguments, "--port", str(program.port)])
    assert result.exit_code == 0, result.output
    return result.stdout


def entries(program: Launched, event: str) -> list[dict[str, Any]]:
    """Return the lines of one kind so far."""
    return [entry for entry in map(json.loads, program.out.splitlines()) if entry["event"] == event]


def test_the_level_changes_in_all_workers_while_they_run(program: Launched) -> None:
    assert program.request("GET", "/api/health/live").status_code == 200
    told = {f"process {worker.pid}" for worker in program.workers}
    assert set(call(program, "log-level").splitlines()) == {f"{name}: warning" for name in told}
    assert set(call(program, "log-level", "info").splitlines()) == {f"{name}: info" for name in told}
    requests = 40
    for _ in range(requests):  # each on a connection of its own, which any worker may get
        program.request("GET", "/api/health/live")
    eventually(lambda: len(entries(program, "request")) == requests)
    assert "warning" in call(program, "log-level", "warning")
    program.request("GET", "/api/health/live")
    assert call(program, "log-level").count("warning") == WORKERS
    assert len(entries(program, "request")) == requests


def test_what_people_send_is_in_no_line_even_when_everything_is_written(program: Launched) -> None:
    call(program, "log-level", "debug")
    keep_private(TEXT)
    with Client(program.url) as ada:
        ada.headers["User-Agent"] = TEXT
        ada.register("ada", password=f"{TEXT} 7")
        ada.log_in()
        task = ada.task(TEXT, description=TEXT)
        ada.get("/api/tasks", params={"search": TEXT})
        ada.patch(f"/api/tasks/{task['id']}", json={"title": TEXT * 100})
        ada.get(f"/api/tasks/{TEXT}")
        ada.post("/api/auth/register", json={"email": ada.email, "password": TEXT, "name": TEXT})
        ada.post("/api/auth/login", json={"email": ada.email, "password": TEXT})
        ada.post("/api/tasks", content=f'{{"title": "{TEXT}", "title', headers={"Content-Type": "application/json"})
        eventually(lambda: len(entries(program, "log-in failed")) == 1)
        call(program, "log-level", "warning")
        assert [*found_in(program.out)] == []
        assert TEXT not in program.err
        assert ada.token not in program.err


def test_debug_shows_every_worker(program: Launched) -> None:
    reports = json.loads(call(program, "debug", "--json"))
    assert {report["process"] for report in reports} == {worker.pid for worker in program.workers}
    for report in reports:
        assert report["resident_bytes"] > 50_000_000
        assert len(report["memory"]) == 20
        assert any("Gate" in waiting["function"] or "Keeper" in waiting["function"] for waiting in report["tasks"])
    text = call(program, "debug")
    assert all(f"process {worker.pid}:" in text for worker in program.workers)


def test_a_server_that_does_not_run_cannot_be_asked() -> None:
    for command in ("log-level", "debug"):
        result = CliRunner().invoke(app, [command, "--port", str(free_port())])
        assert result.exit_code == 1
        assert "No server of this user can be asked" in result.output


@contextmanager
def unread_log(folder: Path) -> Iterator[int]:
    """Let the log of the program that is started on a port be a pipe that nobody reads, and give the port."""
    port = free_port()
    out = folder.with_name(f"{folder.name}-{port}") / "out"
    out.parent.mkdir()
    os.mkfifo(out)
    reader = os.open(out, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield port
    finally:
        os.close(reader)


def ask_often(program: Launched, requests: int) -> None:
    """Send requests on one connection, each of which has to be answered soon."""
    connection = http.client.HTTPConnection("127.0.0.1", program.port, timeout=5)
    for _ in range(requests):
        connection.request("GET", "/api/health/live")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    connection.close()


def test_a_reader_that_stops_holds_up_no_request_and_no_stop() -> None:
    metrics, requests = free_port(), MOST_WAITING
    with (
        data_folder() as path,
        unread_log(path / "data") as port,
        started(path / "data", port=port, TASK_API_METRICS_PORT=str(metrics)) as program,
    ):
        ask_often(program, requests)
        text = httpx.get(f"http://127.0.0.1:{metrics}/metrics").text
        dropped = next(line for line in text.splitlines() if line.startswith("log_lines_dropped_total"))
        assert 0 < float(dropped.split()[1]) < requests
        began = time.monotonic()
        assert program.end() == 0
        assert time.monotonic() - began < STOP_SECONDS
