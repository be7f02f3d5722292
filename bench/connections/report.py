"""Figures of the runs, what they have to be, and the table and file that tell them."""

import json
import platform
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psutil

from bench.connections.plan import Outcome
from bench.connections.usage import Usage

RESULTS = Path(__file__).parents[1] / "results" / "connections.json"
MOST_TIMES_BARE = 3.0


class Row(msgspec.Struct, rename="camel"):
    """One run."""

    name: str
    wanted: int
    open: int
    """Connections that were open from their beginning to the end; none may be missing."""
    requests: int
    errors: dict[str, int]
    p50_milliseconds: float
    p99_milliseconds: float
    max_milliseconds: float
    p99_of_rounds: list[float]
    late_milliseconds: float
    """By which the load process sent the latest of a hundred requests after its time."""
    from_memory_percent: float
    """Of the answers, those that the instance had in its own memory; others come from Redis, or have to be loaded."""
    cpu_microseconds_per_request: dict[str, float]
    kibibytes_per_connection: dict[str, float]
    """By which the programs grew, what they keep for each person included."""
    load_average: float
    """Before the run."""
    others: float
    """Processors that were busy with what is none of this."""
    times_bare: float = 0.0
    """The p99 in that of the bare application."""

    @property
    def faults(self) -> list[str]:
        """What is not as it has to be, in words."""
        found = [f"{self.name}: {count} times {error}" for error, count in self.errors.items()]
        if self.open < self.wanted:
            found.append(f"{self.name}: {self.open:,} of {self.wanted:,} connections are open")
        if self.times_bare > MOST_TIMES_BARE:
            found.append(f"{self.name}: p99 is {self.times_bare:.2f} times that of the bare application")
        return found


def row(name: str, wanted: int, outcome: Outcome, usages: tuple[Usage, Usage, Usage], load_average: float) -> Row:
    """Return the figures of a run; `usages` are from before the connections, before the rounds and after them."""
    idle, before, after = usages
    latencies = sorted(latency for found in outcome.latencies for latency in found)
    requests = max(1, outcome.requests)
    seconds = {kind: after.cpu[kind] - before.cpu[kind] for kind in after.cpu}
    return Row(
        name=name,
        wanted=wanted,
        open=outcome.open,
        requests=outcome.requests,
        errors=outcome.errors,
        p50_milliseconds=_percentile(latencies, 50),
        p99_milliseconds=_percentile(latencies, 99),
        max_milliseconds=_percentile(latencies, 100),
        p99_of_rounds=[_percentile(sorted(found), 99) for found in outcome.latencies],
        late_milliseconds=_percentile(sorted(outcome.lateness), 99),
        from_memory_percent=round(100 * outcome.from_memory / requests, 1),
        cpu_microseconds_per_request={kind: round(used / requests * 1e6, 1) for kind, used in seconds.items()},
        kibibytes_per_connection={
            kind: round((after.memory[kind] - idle.memory[kind]) / wanted / 1024, 1) for kind in ("app", "nginx")
        },
        load_average=round(load_average, 2),
        others=round((after.busy - before.busy - sum(seconds.values())) / (after.moment - before.moment), 2),
    )


def tell(rows: Sequence[Row]) -> list[str]:
    """Print the table, write the file, and return what is not as it has to be."""
    RESULTS.parent.mkdir(exist_ok=True)
    machine = {"processors": psutil.cpu_count(), "kernel": platform.release(), "python": platform.python_version()}
    RESULTS.write_text(json.dumps({"machine": machine, "rows": msgspec.to_builtins(rows)}, indent=2) + "\n")
    print(
        f"{'':12}{'open':>8}{'requests':>10}{'errors':>8}{'p50 ms':>8}{'p99 ms':>8}{'max ms':>8}{'× bare':>8}"
        f"{'memory %':>10}{'app µs':>8}{'nginx µs':>10}{'app KiB':>9}{'nginx KiB':>11}"
        f"{'late ms':>9}{'load':>6}{'others':>8}"
    )
    for found in rows:
        print(_line(found))
    return [fault for found in rows for fault in found.faults]


def _line(found: Row) -> str:
    cpu, memory = found.cpu_microseconds_per_request, found.kibibytes_per_connection
    return (
        f"{found.name:12}{found.open:8,}{found.requests:10,}{sum(found.errors.values()):8,}"
        f"{found.p50_milliseconds:8.2f}{found.p99_milliseconds:8.2f}{found.max_milliseconds:8.1f}{found.times_bare:8.2f}"
        f"{found.from_memory_percent:10.1f}{cpu['app']:8.0f}{cpu['nginx']:10.0f}{memory['app']:9.1f}{memory['nginx']:11.1f}"
        f"{found.late_milliseconds:9.2f}{found.load_average:6.2f}{found.others:8.2f}"
    )


def _percentile(ascending: Sequence[float], percent: float) -> float:
    """Return the nearest rank's, in milliseconds."""
    if not ascending:
        return 0.0
    return round(ascending[max(0, -(-len(ascending) * percent // 100).__int__() - 1)] * 1000, 3)
