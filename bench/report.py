"""Turns measurements into the table that people read and the file that programs read."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path

import msgspec

RESULTS = Path(__file__).parent / "results" / "latest.json"


class Row(msgspec.Struct, rename="camel"):
    """One kind of request; medians over the rounds. Statements are counted without BEGIN and COMMIT."""

    name: str
    requests_per_second: float
    cpu_microseconds_per_request: float
    p50_milliseconds: float
    p99_milliseconds: float
    statements_per_request: float
    transactions_per_request: float
    trips_per_request: float
    redis_cpu_microseconds_per_request: float
    read_statements_per_request: float
    """Of the statements, those of GET requests."""
    resident_mebibytes: float
    """Memory of the process after the requests."""
    redis_bytes: float
    """Memory that Redis uses after the requests."""
    times_bare: float = 0.0
    """The CPU time, in that of a bare application which sends the same bytes (or those of `bare`)."""
    times_silent: float = 0.0
    """The CPU time, in that of the same with logs and metrics off; zero where that was not measured."""


def median_row(name: str, rounds: Sequence[Row]) -> Row:
    """Return the row of medians."""
    figures = {
        field: round(statistics.median(getattr(row, field) for row in rounds), 3)
        for field in Row.__struct_fields__
        if field != "name"
    }
    return Row(name=name, **figures)


def write(rows: Sequence[Row]) -> None:
    """Print the table and write `bench/results/latest.json`."""
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"rows": msgspec.to_builtins(rows)}, indent=2) + "\n")
    print(
        f"{'':18}{'requests/s':>12}{'CPU µs':>10}{'× bare':>8}{'× silent':>10}{'p50 ms':>9}{'p99 ms':>9}"
        f"{'SQL':>7}{'(reads)':>9}{'commits':>9}{'trips':>7}{'Redis µs':>10}{'RSS MiB':>9}{'Redis MB':>10}"
    )
    for row in rows:
        print(
            f"{row.name:18}{row.requests_per_second:12,.0f}{row.cpu_microseconds_per_request:10,.0f}"
            f"{row.times_bare:8.2f}{row.times_silent or '':>10}{row.p50_milliseconds:9.2f}{row.p99_milliseconds:9.2f}"
            f"{row.statements_per_request:7.3f}{row.read_statements_per_request:9.3f}{row.transactions_per_request:9.2f}"
            f"{row.trips_per_request:7.2f}{row.redis_cpu_microseconds_per_request:10.1f}"
            f"{row.resident_mebibytes:9.0f}{row.redis_bytes / 1e6:10.1f}"
        )
