"""What every Python process can tell of itself: processor, memory, files and collector."""

import gc
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import psutil

from taskapi.kit.metrics.families import Kind, Labels
from taskapi.kit.metrics.instruments import Distribution, Instrument, Reading


def process_readings() -> Iterator[Instrument]:
    """Return the usual metrics of a process, under the names that all exporters use."""
    process = psutil.Process()

    def cpu() -> float:
        times = process.cpu_times()
        return times.user + times.system

    yield Reading("process_cpu_seconds", "Processor time used.", cpu, kind=Kind.COUNTER)
    yield Reading("process_resident_memory_bytes", "Memory held.", lambda: process.memory_info().rss)
    yield Reading("process_open_fds", "Open files and connections.", process.num_fds)
    yield Reading("process_start_time_seconds", "When the oldest process began.", process.create_time, kind=Kind.LEAST)
    labels = ("generation",)
    yield Reading(
        "python_gc_collections",
        "Runs of Python's collector.",
        partial(_collector, "collections"),
        labels,
        kind=Kind.COUNTER,
    )
    yield Reading(
        "python_gc_objects_collected",
        "Objects that it freed.",
        partial(_collector, "collected"),
        labels,
        kind=Kind.COUNTER,
    )


def _collector(what: str) -> Mapping[Labels, float]:
    return {(str(number),): generation[what] for number, generation in enumerate(gc.get_stats())}


@contextmanager
def pauses_noted(pauses: Distribution) -> Iterator[None]:
    """Note how long Python's collector holds everything up, for the length of the block."""
    begun = 0.0

    def note(phase: str, _: dict[str, Any]) -> None:
        nonlocal begun
        if phase == "start":
            begun = time.perf_counter()
        else:
            pauses.add(time.perf_counter() - begun)

    gc.callbacks.append(note)
    try:
        yield
    finally:
        gc.callbacks.remove(note)
