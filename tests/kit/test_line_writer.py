"""Whoever logs never waits for whoever reads."""

import fcntl
import io
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import msgspec
import pytest

from taskapi.kit.line_writer import MOST_FREQUENT, MOST_WAITING, PATIENCE_SECONDS, LineWriter
from tests.waiting import eventually

SURPLUS = 500


class Number(msgspec.Struct):
    """A line that comes often."""

    number: int


class Pipe:
    """A pipe that nobody reads until a test does."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self.reader, write_end = os.pipe()
        self.stream: TextIO = os.fdopen(write_end, "w")
        self.writer = LineWriter(self.stream, self.told.append)

    def fill(self) -> int:
        """Write until the thread is held up with a batch of its own, and return how many lines that took."""
        size = os.fpathconf(self.reader, "PC_PIPE_BUF") * 32
        self.writer.take(b"x" * size)
        eventually(lambda: not self.writer._waiting)
        return 1

    def read(self, lines: int) -> list[bytes]:
        """Return the next lines."""
        text = b""
        while text.count(b"\n") < lines:
            text += os.read(self.reader, 1 << 20)
        return text.splitlines()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """Such a pipe, read to its end after the test."""
    made = Pipe()
    yield made
    made.writer.close()
    os.close(made.reader)
    made.writer._thread.join(5)
    made.stream.close()


def test_lines_that_nobody_reads_are_dropped_and_counted_and_nobody_waits(pipe: Pipe) -> None:
    pipe.fill()
    started = time.monotonic()
    for number in range(MOST_WAITING + SURPLUS):
        pipe.writer.take(b"%d" % number)
    assert time.monotonic() - started < 5
    assert pipe.writer.dropped == SURPLUS
    assert pipe.told == []
    assert pipe.read(1 + MOST_WAITING)[1:] == [b"%d" % number for number in range(MOST_WAITING)]
    eventually(lambda: pipe.told == [SURPLUS])


def test_lines_that_come_often_leave_room_for_others(pipe: Pipe) -> None:
    pipe.fill()
    for number in range(MOST_WAITING):
        pipe.writer.take_frequent(Number(number))
    assert pipe.writer.dropped == MOST_WAITING - MOST_FREQUENT
    pipe.writer.take(b"worth more")
    assert pipe.writer.dropped == MOST_WAITING - MOST_FREQUENT
    assert pipe.read(1 + MOST_FREQUENT + 1)[-2:] == [b'{"number":%d}' % (MOST_FREQUENT - 1), b"worth more"]


def test_a_flush_does_not_wait_for_ever_for_a_reader(pipe: Pipe) -> None:
    pipe.fill()
    started = time.monotonic()
    pipe.writer.flush()
    assert PATIENCE_SECONDS * 0.9 < time.monotonic() - started < PATIENCE_SECONDS * 5


def test_what_waits_is_written_before_the_end(pipe: Pipe) -> None:
    pipe.fill()
    pipe.writer.take_frequent(Number(7))
    pipe.writer.close()
    assert pipe.read(2)[-1] == b'{"number":7}'


def test_a_reader_that_shares_a_file_which_does_not_wait_gets_everything(pipe: Pipe) -> None:
    os.set_blocking(pipe.stream.fileno(), False)
    pipe.fill()
    pipe.writer.take(b"last")
    assert pipe.read(2)[-1] == b"last"
    assert pipe.writer.dropped == 0


def test_a_reader_that_went_away_costs_lines_and_nothing_else() -> None:
    reader, write_end = os.pipe()
    with os.fdopen(write_end, "w") as stream:
        writer = LineWriter(stream, lambda lines: None)
        os.close(reader)
        writer.take(b"nobody")
        writer.flush()
        assert writer.dropped == 1
        writer.close()
        writer._thread.join(5)


def test_lines_of_several_threads_are_whole(pipe: Pipe) -> None:
    threads = [threading.Thread(target=_count, args=(pipe.writer, name)) for name in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    lines = pipe.read(3 * SURPLUS)
    for name in (b"a", b"b", b"c"):
        assert [line for line in lines if line[:1] == name] == [b"%b %d" % (name, n) for n in range(SURPLUS)]


SHARING = """
import sys
from taskapi.kit.line_writer import LineWriter
name, lines = sys.argv[1], int(sys.argv[2])
writer = LineWriter(sys.stdout, lambda _: None)
for number in range(lines):
    writer.take(f"{name} {number} {name * (number % 300)}".encode())
print("all wait to be written", file=sys.stderr, flush=True)
writer.close()
writer._thread.join()
"""


def test_lines_of_processes_that_share_a_full_pipe_are_whole() -> None:
    lines = 4_000
    reader, write_end = os.pipe()
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, select.PIPE_BUF)  # soon full, and full again
    names = ("a", "b")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SHARING, name, str(lines)], stdout=write_end, stderr=subprocess.PIPE, text=True
        )
        for name in names
    ]
    os.close(write_end)
    for process in processes:
        assert process.stderr is not None
        with process.stderr as told:
            assert told.readline() == "all wait to be written\n"
    with os.fdopen(reader, "rb", buffering=0) as stream:
        text = b"".join(iter(lambda: stream.read(1000), b"")).decode()
    assert [process.wait(10) for process in processes] == [0, 0]
    found = text.splitlines()
    for name in names:
        expected = [f"{name} {number} {name * (number % 300)}" for number in range(lines)]
        assert [line for line in found if line.startswith(name)] == expected
    assert len(found) == lines * len(names)


@pytest.mark.parametrize("length", [select.PIPE_BUF - 1, select.PIPE_BUF, select.PIPE_BUF + 1, 5 * select.PIPE_BUF])
def test_a_line_is_written_however_long_it_is(pipe: Pipe, length: int) -> None:
    expected = [b"before", b"x" * (length - 1), b"", b"after"]
    for line in expected:
        pipe.writer.take(line)
    assert pipe.read(len(expected)) == expected


FAILING = """
import resource, sys
from taskapi.kit.line_writer import LineWriter
writer = LineWriter(sys.stdout, lambda _: None)
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (20, unlimited[1]))
for line in (b"the first", b"the second, of which the file takes a part", b"the third"):
    writer.take(line)
    writer.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
writer.take(b"the fourth")
writer.take(b"the fifth")
writer.flush()
sys.exit(writer.dropped)
"""


def test_a_line_that_a_full_disk_cuts_is_not_continued_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        assert subprocess.run([sys.executable, "-c", FAILING], stdout=file, check=False).returncode == 2
    assert path.read_text().splitlines() == ["the first", "the second", "the fourth", "the fifth"]


@contextmanager
def idle(writer: LineWriter) -> Iterator[None]:
    """Close the writer after the block."""
    try:
        yield
    finally:
        writer.close()


def test_where_there_is_no_file_the_stream_is_written_to() -> None:
    stream = io.StringIO()
    writer = LineWriter(stream, lambda lines: None)
    with idle(writer):
        writer.take_frequent(Number(1))
        writer.take(b"two")
        writer.flush()
        assert stream.getvalue() == '{"number":1}\ntwo\n'


def _count(writer: LineWriter, name: bytes) -> None:
    for number in range(SURPLUS):
        writer.take(b"%b %d" % (name, number))
