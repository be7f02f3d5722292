"""Notices when the event loop is held up, and where: a thread of its own looks at what the loop's thread is doing.

The loop notes the time twenty times a second, and as often the thread looks at the note; nothing else is done until the
note is old.
"""

import asyncio
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from types import FrameType

import msgspec

BEAT_SECONDS = 0.05
STALL_SECONDS = 0.1
"""For how long the loop may not come to the note."""

BEATS_TOLD = 2
"""Of so many the one that was later is told."""

MOST_KEPT = 20
MOST_FRAMES = 40


Late = Callable[[float], None]
"""Takes by how many seconds the loop ran something later than was due."""


class Stall(msgspec.Struct, frozen=True):
    """A time during which the loop ran nothing else."""

    began: datetime
    seconds: float
    stack: list[str]
    """What it ran, the innermost last: places in the code, and no values."""


class Watchdog:
    """Watches one event loop."""

    def __init__(self) -> None:
        self._stalls: deque[Stall] = deque(maxlen=MOST_KEPT)
        self._noted = 0.0
        self._stopped = threading.Event()

    @property
    def stalls(self) -> list[Stall]:
        """The last ones, the latest first."""
        return list(self._stalls)[::-1]

    @contextmanager
    def watching(self, late: Late) -> Iterator[None]:
        """Watch the loop in which this is called, for the length of the block; `late` is told ten times a second."""
        noting = self._note(asyncio.get_running_loop(), late)
        watched = threading.get_ident()
        thread = threading.Thread(target=self._watch, args=(watched,), name="watchdog", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            noting.cancel()

    def _note(self, loop: asyncio.AbstractEventLoop, late: Late) -> asyncio.Task[None]:
        async def note() -> None:
            while True:
                late(max([await self._beat() for _ in range(BEATS_TOLD)]))

        self._noted = time.monotonic()
        return loop.create_task(note(), name="note for the watchdog")

    async def _beat(self) -> float:
        """Note the time a beat later; return how much later than that it was."""
        await asyncio.sleep(BEAT_SECONDS)
        before, self._noted = self._noted, time.monotonic()
        return max(0.0, self._noted - before - BEAT_SECONDS)

    def _watch(self, watched: int) -> None:
        clock = _clock_of(watched)
        looked, used = time.monotonic(), clock()
        while not self._stopped.wait(BEAT_SECONDS):
            is_late, computed = time.monotonic() - looked > STALL_SECONDS, clock() - used
            if not is_late or computed > STALL_SECONDS:  # else nobody kept this thread from looking but the system
                self._look(watched)
            looked, used = time.monotonic(), clock()

    def _look(self, watched: int) -> None:
        noted = self._noted
        ago = time.monotonic() - noted
        if ago <= STALL_SECONDS:
            return
        began = datetime.now(UTC) - timedelta(seconds=ago)
        stack = stack_of(sys._current_frames().get(watched))
        while self._noted == noted and not self._stopped.wait(BEAT_SECONDS):
            pass
        self._stalls.append(Stall(began, round(max(self._noted - noted, ago), 3), stack))


def _clock_of(thread: int) -> Callable[[], float]:
    """Return what tells the processor time of a thread, or of the whole process where the system knows no more."""
    if hasattr(time, "pthread_getcpuclockid"):
        return partial(time.clock_gettime, time.pthread_getcpuclockid(thread))
    return time.process_time


def stack_of(frame: FrameType | None) -> list[str]:
    """Return where a thread is, the innermost last."""
    places = [place_of(found) for found, _ in traceback.walk_stack(frame)] if frame else []
    return places[:MOST_FRAMES][::-1]


def place_of(frame: FrameType) -> str:
    """Return module, line and function of a frame."""
    return f"{frame.f_globals.get('__name__', '?')}:{frame.f_lineno} {frame.f_code.co_qualname}"
