"""The table of metrics: what `/metrics` shows, what each means, and where its value comes from.

What is known anyway is looked up when somebody asks; only durations and refusals are noted while requests run. Labels
are route templates, classes and states, never ids or what somebody typed.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from taskapi.contracts import audit
from taskapi.kit.database import Report
from taskapi.kit.metrics import Distribution, Instrument, Instruments, Kind, Labels, Reading
from taskapi.kit.metrics.gathering import PROCESSES
from taskapi.kit.metrics.machine import pauses_noted, process_readings
from taskapi.kit.telemetry import dropped_lines
from taskapi.resources import Resources


class Measures:
    """The instruments of one process of the API."""

    def __init__(self, rooms: Resources, version: str) -> None:
        self.pauses = Distribution("python_gc_duration_seconds", "How long Python's collector held everything up.")
        self.lag = Distribution("event_loop_lag_seconds", "How much later than due the event loop ran something.")
        self.instruments = Instruments()
        info: Mapping[Labels, float] = {(version,): 1}
        self.instruments.add(Reading(PROCESSES.name, PROCESSES.meaning, lambda: info, PROCESSES.labels))
        self.instruments.add(self.pauses, self.lag, *process_readings())
        self.instruments.add(*_gate(rooms))
        self.instruments.add(_outbox(rooms), *_database(rooms), *_replicas(rooms), *_logs())

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take what has to be watched, for the length of the block."""
        with pauses_noted(self.pauses):
            yield

    def add(self, *instruments: Instrument) -> None:
        """Show these too."""
        self.instruments.add(*instruments)


def _total(name: str, meaning: str, read: Callable[[], float]) -> Reading:
    return Reading(name, meaning, read, kind=Kind.COUNTER)


def _by(name: str, meaning: str, label: str, read: Callable[[], Mapping[str, float]]) -> Reading:
    return Reading(
        name, meaning, lambda: {(value,): number for value, number in read().items()}, (label,), kind=Kind.COUNTER
    )


def _logs() -> Iterator[Instrument]:
    yield _total("log_lines_dropped", "Log lines given up because nobody read them.", dropped_lines)
    yield _by("audit_events", "Lines of the audit trail, by what they tell.", "event", lambda: audit.told)


def _gate(rooms: Resources) -> Iterator[Instrument]:
    gate, counts = rooms.gate, rooms.gate.counts

    def refusals() -> Mapping[str, float]:
        return {**counts.refused_by, **rooms.refused_attempts}

    yield _total("cache_stale_refused", "Answers held in memory that a write had outdated.", lambda: counts.outdated)
    yield _total(
        "cache_bypasses_writing",
        "Reads while a write of theirs was under way and did not end at once.",
        lambda: counts.writes_seen,
    )
    yield _total("gate_trips", "Batches sent to Redis.", lambda: counts.trips)
    yield _total("gate_commands", "Commands in them.", lambda: counts.commands)
    yield _total("gate_questions", "Requests that the gate admitted or refused.", lambda: counts.questions)
    yield _total("gate_fallbacks", "Requests admitted or refused without Redis.", lambda: counts.fallbacks)
    yield _total("gate_unconfirmed_writes", "Writes that Redis did not confirm.", lambda: counts.unconfirmed_writes)
    yield _total("gate_relayed_rows", "Rows of the outbox that a relay announced.", lambda: counts.announced)
    yield _total("gate_sessions_loaded", "Sessions read from PostgreSQL.", lambda: counts.sessions_loaded)
    yield _by("rate_limit_refusals", "Requests refused by a limit.", "limit", refusals)
    yield Reading("gate_serving", "Processes that may serve what is kept.", lambda: float(gate.serves))
    yield Reading("gate_cut_off", "Processes that do without Redis.", lambda: float(gate.is_cut_off))


def _outbox(rooms: Resources) -> Instrument:
    return Reading(
        "outbox_waiting_seconds",
        "Age of the oldest row of the outbox that nobody announced.",
        lambda: rooms.gate.oldest_waiting,
        kind=Kind.MOST,
    )


def _database(rooms: Resources) -> Iterator[Instrument]:
    database = rooms.database

    def pool() -> Mapping[Labels, float]:
        use = database.use
        return {("busy",): use.open - use.idle, ("idle",): use.idle}

    yield Reading("db_pool_connections", "Open connections of the pool.", pool, ("state",))
    yield Reading("db_pool_limit", "Connections that the pool may open.", lambda: database.use.limit)
    yield Reading("db_pool_waiting", "Requests that wait for a connection.", lambda: database.use.waiting)
    yield database.waits
    yield database.stopwatch.durations
    yield Reading("password_pool_waiting", "Passwords being hashed or waiting.", lambda: rooms.passwords.waiting)
    yield rooms.passwords.durations


def _replicas(rooms: Resources) -> Iterator[Instrument]:
    replicas = rooms.database.replicas

    def of_each(read: Callable[[Report], float]) -> Callable[[], Mapping[Labels, float]]:
        return lambda: {(str(number),): read(report) for number, report in enumerate(replicas.reports, 1)}

    def answered() -> Mapping[str, float]:
        counts = replicas.counts
        return {
            "replica": counts.replica,
            "none_filed": counts.none_filed,
            "lagging": counts.lagging,
            "left_out": counts.left_out,
        }

    label = ("replica",)
    yield Reading("replica_used", "Processes that read from a replica.", of_each(lambda it: float(it.in_use)), label)
    yield Reading(
        "replica_lag_seconds",
        "For how long a replica has lacked something.",
        of_each(lambda it: it.seconds_behind),
        label,
        Kind.MOST,
    )
    yield Reading(
        "replica_lag_bytes",
        "What a replica has still to replay.",
        of_each(lambda it: it.bytes_behind),
        label,
        Kind.MOST,
    )
    yield _by("replica_reads", "Reads that a replica might have answered, by what became of them.", "outcome", answered)
