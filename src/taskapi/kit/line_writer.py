"""Writes lines from a thread of its own, so that nobody waits for whoever reads them.

What waits is bounded: where nobody reads, lines are dropped and counted, first those that come with every request.
Several processes may share the file, as workers share standard output: lines stay whole.
"""

import contextlib
import os
import select
import stat
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import TextIO

import msgspec

MOST_WAITING = 10_000
MOST_FREQUENT = 8_000
"""Of them those that come with every request; the rest is for what is worth more."""

TOGETHER_SECONDS = 0.05
"""How long a frequent line waits for others: a system call for each costs more than all else about them."""

LINE_END = ord("\n")
PATIENCE_SECONDS = 1.0
"""How long a flush waits for whoever reads."""

_encoder = msgspec.json.Encoder()


class LineWriter:
    """Takes lines from any thread, in order."""

    def __init__(self, stream: TextIO, told: Callable[[int], None]) -> None:
        """`told` is called with how many lines were dropped, once lines can be written again."""
        self.dropped = 0
        self._told = told
        self._untold = 0
        self._write = _write_to(stream)
        self._waiting: deque[msgspec.Struct | msgspec.Raw] = deque()
        """Lines that are still to be encoded, and such that are."""
        self._flushes: deque[threading.Event] = deque()
        """What is set once every line that came before is written."""
        self._wanted, self._at_once = threading.Event(), threading.Event()
        self._asked = self._ends = False
        self._thread = threading.Thread(target=self._run, name="log lines", daemon=True)
        self._thread.start()

    def take(self, line: bytes) -> None:
        """Write a line at once; its end is added."""
        if len(self._waiting) >= MOST_WAITING:
            self._drop(1)
        else:
            self._waiting.append(msgspec.Raw(line))
            self._wake()

    def take_frequent(self, line: msgspec.Struct) -> None:
        """Write a line together with others, soon."""
        if len(self._waiting) >= MOST_FREQUENT:
            self._drop(1)
            return
        self._waiting.append(line)
        if not self._asked:
            self._asked = True
            self._wanted.set()

    def flush(self) -> None:
        """Return when everything so far is written, or after PATIENCE_SECONDS."""
        if self._thread.is_alive():
            reached = threading.Event()
            self._flushes.append(reached)
            self._wake()
            reached.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        """Write what waits, for as long as somebody reads, and nothing more."""
        self._ends = True
        self._wake()

    def _wake(self) -> None:
        self._at_once.set()
        self._wanted.set()

    def _drop(self, lines: int) -> None:
        self.dropped += lines
        self._untold += lines

    def _run(self) -> None:
        while not self._ends:
            self._wanted.wait()
            self._at_once.wait(TOGETHER_SECONDS)
            self._at_once.clear()
            self._wanted.clear()
            self._asked = False  # before looking: what comes from now on asks again
            self._write_waiting()
        self._write_waiting()

    def _write_waiting(self) -> None:
        reached = [self._flushes.popleft() for _ in range(len(self._flushes))]
        lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            self._write(_encoder.encode_lines(lines))
        except (OSError, ValueError):
            self._drop(len(lines))
        else:
            self._tell_of_dropped()
        for flush in reached:
            flush.set()

    def _tell_of_dropped(self) -> None:
        if self._untold:
            lines, self._untold = self._untold, 0
            self._told(lines)


def _write_to(stream: TextIO) -> Callable[[bytes], None]:
    """Return what writes to a stream, past its buffer if it is a file of the system: nobody else may wait for that."""
    with contextlib.suppress(OSError, ValueError):
        return _File(stream.fileno()).write

    def write(text: bytes) -> None:
        stream.write(text.decode())
        stream.flush()

    return write


class _File:
    """A file of the system that others may write to as well."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._is_pipe = stat.S_ISFIFO(os.fstat(number).st_mode)
        self._is_in_a_line = False
        """Whether a write failed half-way."""

    def write(self, text: bytes) -> None:
        """Write lines; the first one does not continue what a failure left of another."""
        lines = b"\n" + text if self._is_in_a_line else text
        for piece in _pieces(lines) if self._is_pipe else [lines]:
            self._write_piece(piece)

    def _write_piece(self, piece: bytes) -> None:
        left = memoryview(piece)
        while left:
            try:
                written = os.write(self._number, left)
            except BlockingIOError:  # somebody who shares the file wants no waiting; this thread does
                select.select([], [self._number], [])
            else:
                self._is_in_a_line = left[written - 1] != LINE_END
                left = left[written:]


def _pieces(lines: bytes) -> Iterator[bytes]:
    """Yield lines in pieces that a full pipe does not mix with what others write; one that is longer is a piece."""
    begin = 0
    while begin < len(lines):
        end = lines.rfind(b"\n", begin, begin + select.PIPE_BUF) + 1 or lines.find(b"\n", begin) + 1 or len(lines)
        yield lines[begin:end]
        begin = end
