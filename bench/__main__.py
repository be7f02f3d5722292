"""`make bench`: what requests cost, beside a bare application that sends the same bytes and beside the guide's scheme.

The server is pinned to one CPU; the load generator, PostgreSQL and Valkey run on the other. Each row is the median of
several rounds, and the rounds of all rows alternate, so that a noisy minute of the machine hits all rows alike.
"""

import os
import secrets
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec
import psutil
from msgspec import structs
from redis import Redis

from bench import crowd, shapes
from bench.app import METER, Meter
from bench.load import LoadFailed, Shape, drive, require_wrk
from bench.report import Row, median_row, write
from bench.servers import running_servers
from bench.serving import serving

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
SERVER_CPU, OTHER_CPU = 0, 1
SILENT = {"LOG_LEVEL": "error", "TASK_API_METRICS_PORT": "0"}
WARM_UP_SECONDS = 20
CROWDS = (("mix-97-3", 1_000, 15, 3), ("mix-90-10", 1_000, 15, 10), ("churn", 100_000, 120, None))
"""Name, people, seconds, and writes in a hundred requests (None: a read of each person in turn)."""


class Measurement(NamedTuple):
    """One row to be: a kind of request and where it goes."""

    base_url: str
    shape: Shape


def main() -> None:
    """Measure and report."""
    try:
        require_wrk()
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            environment = stack.enter_context(running_servers(Path(folder), OTHER_CPU))
            others = stack.enter_context(ExitStack())
            measurements = _prepared(stack, others, Path(folder), environment)
            with Redis.from_url(environment["REDIS_URL"]) as redis:
                rows = _measured(measurements, redis)
                others.close()  # what idles beside a server still holds it up now and then
                rows |= _at_half(measurements, redis, rows["list-cached"].requests_per_second / 2)
                write([*_compared(rows), *_crowded(Path(folder), environment, redis)])
    except LoadFailed as error:
        sys.exit(f"bench: {error}")


def _prepared(stack: ExitStack, others: ExitStack, folder: Path, environment: Mapping[str, str]) -> list[Measurement]:
    """Start the five applications and return what is asked of them, rows that are compared one after another.

    On `stack` go ours and the bare one.
    """
    ours = stack.enter_context(serving("bench.app:create", environment, SERVER_CPU))
    guide = others.enter_context(serving("bench.guide_way:create", environment, SERVER_CPU))
    person = shapes.join(ours, "bench@example.org", secrets.token_urlsafe(16))
    guest = shapes.join(ours, "guest@example.org", secrets.token_urlsafe(16))
    worker = shapes.join(ours, "worker@example.org", secrets.token_urlsafe(16))
    follower = shapes.join(guide, "guide@example.org", secrets.token_urlsafe(16))
    shapes.record(ours, person, folder / "recorded")
    bare = stack.enter_context(serving("bench.app:create_bare", {"RECORDED": str(folder / "recorded")}, SERVER_CPU))
    silent = others.enter_context(serving("bench.app:create", {**environment, **SILENT}, SERVER_CPU))
    busy = others.enter_context(serving("bench.app:create", environment, SERVER_CPU))
    found = [
        *(Measurement(bare, shape) for shape in shapes.bare(person)),
        *(Measurement(silent, shape) for shape in shapes.silent(person)),
        *(Measurement(ours, shape) for shape in shapes.reads(person)),
        *(Measurement(guide, shape) for shape in shapes.guide_way(follower)),
        *(Measurement(busy, shape) for shape in shapes.work(worker, guest)),
    ]
    return sorted(found, key=lambda measurement: shapes.ORDER.get(measurement.shape.name, len(shapes.ORDER)))


def _measured(measurements: list[Measurement], redis: Redis) -> dict[str, Row]:
    rounds: dict[str, list[Row]] = {measurement.shape.name: [] for measurement in measurements}
    for number in range(ROUNDS):
        for measurement in measurements:
            rounds[measurement.shape.name].append(_round(measurement, redis, number))
        print(f"round {number + 1} of {ROUNDS}", file=sys.stderr)
    return {name: median_row(name, found) for name, found in rounds.items()}


def _compared(rows: dict[str, Row]) -> list[Row]:
    """Return the rows, each compared with what it stands beside."""
    for name, row in rows.items():
        bare = rows[shapes.BARE.get(name, "bare")]
        row.times_bare = round(row.cpu_microseconds_per_request / bare.cpu_microseconds_per_request, 2)
        if silent := rows.get(shapes.SILENT.get(name, "")):
            row.times_silent = round(row.cpu_microseconds_per_request / silent.cpu_microseconds_per_request, 2)
    return list(rows.values())


def _at_half(measurements: list[Measurement], redis: Redis, rate: float) -> dict[str, Row]:
    """Measure two shapes again at a rate that leaves the server half of its time: what people wait for then."""
    shapes_by_name = {measurement.shape.name: measurement for measurement in measurements}
    slowed: dict[str, Measurement] = {}
    for name in ("bare", "list-cached"):
        base_url, shape = shapes_by_name[name]
        pause = shape.connections / rate * 1000 - 0.5  # the answer takes a part of a millisecond itself
        slowed[f"{name}-half"] = Measurement(base_url, structs.replace(shape, name=f"{name}-half", pause=pause))
    rounds: dict[str, list[Row]] = {name: [] for name in slowed}
    for number in range(ROUNDS):
        for name, measurement in slowed.items():
            rounds[name].append(_round(measurement, redis, ROUNDS + number))
    return {name: median_row(name, found) for name, found in rounds.items()}


def _crowded(folder: Path, environment: Mapping[str, str], redis: Redis) -> list[Row]:
    """Measure what many people cost: statements when few of them write, memory when all of them come by once."""
    rows = []
    for name, count, seconds, writes in CROWDS:
        crowd.gather(environment, count, folder / name)
        shape = crowd.in_turn(folder / name) if writes is None else crowd.mix(folder / name, writes, name)
        with serving("bench.app:create_for_crowds", environment, SERVER_CPU) as base_url:
            if writes is not None:  # everybody has been there before
                drive(base_url, crowd.mix(folder / name, 0, name), WARM_UP_SECONDS, OTHER_CPU, start=1)
            rows.append(_round(Measurement(base_url, shape), redis, 0, seconds))
        print(name, file=sys.stderr)
    return rows


def _round(measurement: Measurement, redis: Redis, number: int, seconds: int = SECONDS) -> Row:
    base_url, shape = measurement
    before, redis_before = _meter(base_url), _cpu_of(redis)
    report = drive(base_url, shape, seconds, OTHER_CPU, start=number * 10_000_000)
    after, redis_after = _meter(base_url), _cpu_of(redis)
    statements = after.statements - before.statements
    of_reads = statements if shape.method == "GET" else 0
    if shape.script is not None:  # of several methods
        of_reads = after.read_statements - before.read_statements
    return Row(
        name=shape.name,
        requests_per_second=report.per_second,
        cpu_microseconds_per_request=(after.cpu_seconds - before.cpu_seconds) / report.requests * 1_000_000,
        p50_milliseconds=report.p50,
        p99_milliseconds=report.p99,
        statements_per_request=statements / report.requests,
        transactions_per_request=(after.transactions - before.transactions) / report.requests,
        trips_per_request=(after.trips - before.trips) / report.requests,
        redis_cpu_microseconds_per_request=(redis_after - redis_before) / report.requests * 1_000_000,
        read_statements_per_request=of_reads / report.requests,
        resident_mebibytes=psutil.Process(after.pid).memory_info().rss / 2**20,
        redis_bytes=float(redis.info("memory")["used_memory"]),
    )


def _meter(base_url: str) -> Meter:
    return msgspec.json.decode(httpx.get(base_url + METER).content, type=Meter)


def _cpu_of(redis: Redis) -> float:
    used = redis.info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])


if __name__ == "__main__":
    main()
