"""The load processes: each holds its share of the connections, and none more than one process may have open."""

import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TypeVar

import msgspec

from bench.connections.plan import Outcome, Plan
from bench.load import LoadFailed

LEAST_PROCESSES = 2
SPARE_FILES = 100
"""What a process has open besides its connections."""
STOP_SECONDS = 30.0

Seen = TypeVar("Seen")


class Timing(msgspec.Struct, frozen=True):
    """How the time goes; `Plan` says what each is."""

    interval: float = 10
    opening: int = 1
    warming: int = 4
    """For each instance: chance decides which of them is asked, and each has to meet nearly everybody."""
    rounds: int = 5
    patience: float = 15
    starting: float = 3
    """Seconds from the start of the processes to the first connection."""


def drive(
    folder: Path, url: tuple[str, int], people: Sequence[tuple[str, str]], timing: Timing, look: Callable[[], Seen]
) -> tuple[Outcome, Seen, Seen]:
    """Hold a connection for each of the people; also what `look` saw when the rounds began and when they were over."""
    plans = _plans(url, people, timing)
    with ExitStack() as stack:
        processes = [_start(stack, folder / f"load-{number}", plan) for number, plan in enumerate(plans)]
        _wait(processes, plans[0].measured_from)
        before = look()
        _wait(processes, min(plan.end for plan in plans))
        after = look()
        for process in processes:
            process.wait(timing.patience + STOP_SECONDS)
            if process.returncode != 0:
                raise LoadFailed(f"a load process ended with {process.returncode}")
    found = [
        msgspec.msgpack.decode((folder / f"load-{number}.out").read_bytes(), type=Outcome)
        for number in range(len(plans))
    ]
    return _together(found), before, after


def _plans(url: tuple[str, int], people: Sequence[tuple[str, str]], timing: Timing) -> list[Plan]:
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = max(LEAST_PROCESSES, -(-len(people) // max(1, allowed - SPARE_FILES)))
    begin = time.monotonic() + timing.starting
    step = timing.interval / len(people)
    return [
        Plan(
            host=url[0],
            port=url[1],
            source=f"127.0.1.{number + 1}",
            people=list(people[number::count]),
            number=number,
            processes=count,
            begin=begin + number * step,
            interval=timing.interval,
            opening=timing.opening,
            warming=timing.warming,
            rounds=timing.rounds,
            patience=timing.patience,
        )
        for number in range(count)
    ]


def _start(stack: ExitStack, name: Path, plan: Plan) -> "subprocess.Popen[bytes]":
    told, outcome = name.with_suffix(".plan"), name.with_suffix(".out")
    told.write_bytes(msgspec.msgpack.encode(plan))
    outcome.unlink(missing_ok=True)
    process = subprocess.Popen([sys.executable, "-m", "bench.connections.client", str(told), str(outcome)])
    stack.callback(process.wait, STOP_SECONDS)
    stack.callback(process.terminate)
    return process


def _wait(processes: "list[subprocess.Popen[bytes]]", moment: float) -> None:
    """Return at a moment; a load process that ends before is a failure."""
    try:
        processes[0].wait(max(0, moment - time.monotonic()))
    except subprocess.TimeoutExpired:
        return
    raise LoadFailed("a load process ended early")


def _together(outcomes: Sequence[Outcome]) -> Outcome:
    errors: Counter[str] = Counter()
    for outcome in outcomes:
        errors.update(outcome.errors)
    return Outcome(
        open=sum(outcome.open for outcome in outcomes),
        requests=sum(outcome.requests for outcome in outcomes),
        errors=dict(errors),
        latencies=[list(chain(*parts)) for parts in zip(*(outcome.latencies for outcome in outcomes), strict=True)],
        from_memory=sum(outcome.from_memory for outcome in outcomes),
        lateness=list(chain(*(outcome.lateness for outcome in outcomes))),
    )
