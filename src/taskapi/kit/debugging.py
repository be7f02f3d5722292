"""What a running process tells an administrator of its inside: what held it up, what it holds, what it waits for.

Names of types, functions and statements, numbers and places in the code; never a value.
"""

import asyncio
import contextlib
import gc
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import psutil

from taskapi.kit.watchdog import Late, Stall, Watchdog, place_of

MOST_TYPES = 20
MOST_TASKS = 50
MOST_LOOKED_AT = 100_000
"""Objects whose size is asked for; of more a part, evenly spread, stands for all."""


class Statement(msgspec.Struct, frozen=True):
    """A statement of SQL that took long."""

    name: str
    seconds: float
    """How long it took the slowest time."""

    times: int
    """How often it was run."""


class Memory(msgspec.Struct, frozen=True):
    """The objects of one type."""

    type: str
    objects: int
    bytes: int
    """Their own; what they refer to is not in it."""


class Waiting(msgspec.Struct, frozen=True):
    """Tasks that wait at the same place."""

    function: str
    place: str
    tasks: int


class Report(msgspec.Struct, frozen=True):
    """The inside of one process."""

    process: int
    resident_bytes: int
    requests: int
    """In progress."""

    stalls: list[Stall]
    memory: list[Memory]
    tasks: list[Waiting]
    statements: list[Statement]
    """Those of which one run took longest, the slowest first."""


class Debugging:
    """Knows the inside of this process."""

    def __init__(self, requests: Callable[[], int], statements: Callable[[], Sequence[Statement]]) -> None:
        """Take what counts requests in progress, and what returns the slowest statements."""
        self._requests = requests
        self._statements = statements
        self._watchdog = Watchdog()

    @contextmanager
    def watching(self, late: Late) -> Iterator[None]:
        """Watch the event loop for the length of the block; `late` is told again and again how late it is."""
        with self._watchdog.watching(late):
            yield

    async def answer(self, _: Mapping[str, Any]) -> bytes:
        """Return a report, for whoever asks this process."""
        waiting = tasks_in_flight()
        memory = await asyncio.to_thread(memory_by_type)  # looks at every object, which takes a while
        report = Report(
            process=os.getpid(),
            resident_bytes=psutil.Process().memory_info().rss,
            requests=self._requests(),
            stalls=self._watchdog.stalls,
            memory=memory,
            tasks=waiting,
            statements=list(self._statements()),
        )
        return msgspec.json.encode(report)


def memory_by_type() -> list[Memory]:
    """Return the types whose objects take most, of those that the collector looks after."""
    numbers: Counter[type] = Counter()
    sizes: Counter[type] = Counter()
    things = gc.get_objects()
    each = len(things) // MOST_LOOKED_AT + 1
    for thing in things[::each]:
        numbers[type(thing)] += each
        with contextlib.suppress(Exception):  # a type may have a size of its own making
            sizes[type(thing)] += each * sys.getsizeof(thing)
    return [Memory(_name(kind), numbers[kind], size) for kind, size in sizes.most_common(MOST_TYPES)]


def tasks_in_flight() -> list[Waiting]:
    """Return what the tasks of this loop run and where they wait, the most numerous first."""
    found = Counter(_whereabouts(task) for task in asyncio.all_tasks())
    return [Waiting(function, place, number) for (function, place), number in found.most_common(MOST_TASKS)]


def _whereabouts(task: "asyncio.Task[Any]") -> tuple[str, str]:
    innermost: Any = task.get_coro()
    while (awaited := getattr(innermost, "cr_await", None)) is not None and hasattr(awaited, "cr_frame"):
        innermost = awaited
    frame = getattr(innermost, "cr_frame", None)
    return getattr(task.get_coro(), "__qualname__", "?"), "?" if frame is None else place_of(frame)


def _name(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
