"""`make bench`: the cost of log-in, me, list, one task, create and patch, beside a bare application.

The server is pinned to one CPU; the load generator, PostgreSQL and Valkey run on the other. Each row is the median of
several rounds, and the rounds of all rows alternate, so that a noisy minute of the machine hits all rows alike.
"""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec

from bench.app import METER, Meter
from bench.load import LoadFailed, Shape, drive, require_wrk
from bench.report import Row, median_row, write
from bench.servers import running_servers

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "3"))
SERVER_CPU, OTHER_CPU = 0, 1
PASSWORD = secrets.token_urlsafe(16)


def main() -> None:
    """Measure and report."""
    try:
        require_wrk()
        with (
            tempfile.TemporaryDirectory() as folder,
            running_servers(Path(folder), OTHER_CPU) as environment,
            serving("bench.app:create", environment) as ours,
            serving("bench.app:create_bare", {}) as bare,
        ):
            write(_measured(ours, bare))
    except LoadFailed as error:
        sys.exit(f"bench: {error}")


def _measured(ours: str, bare: str) -> list[Row]:
    shapes = [(bare, Shape(name="bare", paths=["/"])), *((ours, shape) for shape in _shapes(ours))]
    rounds: dict[str, list[Row]] = {shape.name: [] for _, shape in shapes}
    for number in range(ROUNDS):
        for base_url, shape in shapes:
            rounds[shape.name].append(_round(base_url, shape, number))
        print(f"round {number + 1} of {ROUNDS}", file=sys.stderr)
    rows = [median_row(name, found) for name, found in rounds.items()]
    for row in rows:
        row.times_bare = round(row.cpu_microseconds_per_request / rows[0].cpu_microseconds_per_request, 2)
    return rows


def _round(base_url: str, shape: Shape, number: int) -> Row:
    before = _meter(base_url)
    report = drive(base_url, shape, SECONDS, OTHER_CPU, start=number * 10_000_000)
    after = _meter(base_url)
    return Row(
        name=shape.name,
        requests_per_second=report.per_second,
        cpu_microseconds_per_request=(after.cpu_seconds - before.cpu_seconds) / report.requests * 1_000_000,
        p50_milliseconds=report.p50,
        p99_milliseconds=report.p99,
        statements_per_request=(after.statements - before.statements) / report.requests,
        transactions_per_request=(after.transactions - before.transactions) / report.requests,
    )


def _meter(base_url: str) -> Meter:
    return msgspec.json.decode(httpx.get(base_url + METER).content, type=Meter)


def _shapes(base_url: str) -> list[Shape]:
    """Make a person with 50 tasks and return the kinds of requests to measure."""
    with httpx.Client(base_url=base_url, timeout=30) as client:
        account = {"email": "bench@example.org", "password": PASSWORD, "name": "Bench"}
        client.post("/api/auth/register", json=account).raise_for_status()
        log_in = {"email": account["email"], "password": PASSWORD}
        token = client.post("/api/auth/login", json=log_in).raise_for_status().json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        tasks = [_task(client, number) for number in range(50)]
    auth = {"Authorization": f"Bearer {token}"}
    json_auth = {**auth, "Content-Type": "application/json"}
    new = '{"title":"Write report __N__","description":"' + "x" * 200 + '","labels":["work"]}'
    return [
        Shape(name="log-in", method="POST", paths=["/api/auth/login"], headers={"Content-Type": "application/json"},
              bodies=[msgspec.json.encode(log_in).decode()], connections=4),
        Shape(name="me", paths=["/api/auth/me"], headers=auth),
        Shape(name="list-50", paths=["/api/tasks?status=done"], headers=auth),
        Shape(name="task", paths=[f"/api/tasks/{task}" for task in tasks], headers=auth),
        Shape(name="create", method="POST", paths=["/api/tasks"], headers=json_auth, bodies=[new]),
        Shape(name="create-keyed", method="POST", paths=["/api/tasks"], headers=json_auth, bodies=[new], keyed=True),
        Shape(name="patch", method="PATCH", paths=[f"/api/tasks/{task}" for task in tasks], headers=json_auth,
              bodies=['{"description":"Changed __N__"}']),
    ]  # fmt: skip


def _task(client: httpx.Client, number: int) -> str:
    body = {"title": f"Task {number}", "description": "x" * 200, "labels": ["work"], "status": "done"}
    return str(client.post("/api/tasks", json=body).raise_for_status().json()["id"])


@contextmanager
def serving(target: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Serve an application from a pinned process of its own."""
    port = _free_port()
    command = [sys.executable, "-m", "bench.server", target, str(port), str(SERVER_CPU)]
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    base_url = f"http://127.0.0.1:{port}"
    try:
        _wait(base_url, process)
        yield base_url
    finally:
        process.terminate()
        process.wait(30)


def _wait(base_url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(base_url + METER)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise LoadFailed("the server did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
