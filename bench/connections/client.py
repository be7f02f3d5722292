"""One load process: `python -m bench.connections.client PLAN OUTCOME`, two files.

It holds its connections open and gives each its turn once in every interval. A connection whose answer is still
under way misses its turn: nobody asks twice at a time. It shares the processors with what it measures, so there is
nothing between it and the system: an event loop cost a third more.
"""

import gc
import re
import resource
import select
import socket
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import msgspec

from bench.connections.plan import Outcome, Plan

DETAIL = re.compile(rb'"detail": ?"([^"]*)"')
LENGTHS = (b"\r\nContent-Length: ", b"\r\ncontent-length: ")
"""As nginx writes it, and as the instances do."""
GOOD = b"HTTP/1.1 200 "
FROM_MEMORY = b"\r\nx-cache: hit-memory\r\n"
ASK = "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nUser-Agent: bench\r\n\r\n"
LIST = "/api/tasks"
LISTS_PER_TASK = 9
MOST_BYTES = 65_536
"""Taken from a connection at once."""
TICK = 0.01
"""Seconds between two looks at whether all is answered."""


class Notes:
    """What the connections of this process write down."""

    def __init__(self, plan: Plan) -> None:
        self.errors: Counter[str] = Counter()
        self.latencies: list[list[float]] = [[] for _ in range(plan.rounds)]
        self.from_memory = 0
        self.lateness: list[float] = []
        self._plan = plan

    def answered(self, sent: float, answer: bytes, head: int) -> None:
        """Note a good answer to a request of the rounds; its header ends at `head`."""
        now, since = time.monotonic(), sent - self._plan.measured_from
        if since >= 0:
            self.latencies[min(int(since / self._plan.interval), self._plan.rounds - 1)].append(now - sent)
            self.from_memory += answer.find(FROM_MEMORY, 0, head + 2) > 0


class Connection:
    """One person's; asks nine times for a list and once for a task in the rounds, before them for each in turn."""

    __slots__ = ("_answer", "_asks", "_expected", "_is_opening", "_notes", "_place", "_socket", "first", "sent")

    def __init__(self, notes: Notes, plan: Plan, number: int) -> None:
        token, task = plan.people[number]
        self.sent = 0.0
        """When the request was that is not answered yet, or when the opening began; zero if there is none."""
        self._asks = [ASK.format(path=path, host=plan.host, token=token).encode() for path in (LIST, task)]
        self._expected = task.rpartition("/")[2].encode()
        self._place = number * plan.processes + plan.number
        """Among the connections of all processes."""
        self.first = number % plan.opening
        """The interval in which it is opened."""
        self._notes = notes
        self._answer = b""
        self._is_opening = False
        self._socket: socket.socket | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can be used, or will be."""
        return self._socket is not None

    def open(self, plan: Plan, poll: "select.epoll") -> int | None:
        """Begin to open it; returns its descriptor, None if that is not possible."""
        self._is_opening, self.sent = True, time.monotonic()
        try:
            self._socket = opened = socket.socket()
            opened.setblocking(False)
            poll.register(opened, select.EPOLLOUT | select.EPOLLONESHOT)
            opened.bind((plan.source, 0))
            with suppress(BlockingIOError):  # it goes on in the background
                opened.connect((plan.host, plan.port))
        except OSError as error:
            self._fail(f"not connected: {type(error).__name__}")
            return None
        return opened.fileno()

    def ask(self, interval: int, *, counts: bool) -> None:
        """Send the request of an interval. Of neighbours one in ten asks for a task, one in two if it does not count:
        so these come evenly too.
        """
        assert self._socket is not None
        is_task = (self._place + interval) % (LISTS_PER_TASK + 1 if counts else 2) == 0
        asked = self._asks[is_task]
        self.sent = time.monotonic()
        try:
            if self._socket.send(asked) < len(asked):
                self._fail("a request that does not fit")
        except OSError as error:
            self._fail(type(error).__name__)

    def give_up_after(self, patience: float) -> None:
        """Note that there was no answer for too long."""
        if self.sent and time.monotonic() - self.sent > patience:
            self._fail("not connected in time" if self._is_opening else "no answer in time")

    def take(self, poll: "select.epoll") -> None:
        """Take what has come: the connection itself, or a part of an answer."""
        if self._socket is None:
            return
        if self._is_opening:
            self._take_connection(self._socket, poll)
            return
        try:
            part = self._socket.recv(MOST_BYTES)
        except OSError as error:
            self._fail(type(error).__name__)
            return
        if not part:
            self._fail("closed")
            return
        answer = self._answer = self._answer + part if self._answer else part
        head = answer.find(b"\r\n\r\n")
        length = _length(answer, head) if head > 0 else 0
        if length is None:
            self._fail("an answer without a length")
        elif head > 0 and len(answer) >= head + 4 + length:
            self._judge(answer, head)

    def _take_connection(self, opened: socket.socket, poll: "select.epoll") -> None:
        error = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._fail(f"not connected: {type(OSError(error, None)).__name__}")
            return
        self._is_opening = False
        poll.modify(opened, select.EPOLLIN)
        self.ask(self.first, counts=False)

    def _judge(self, answer: bytes, head: int) -> None:
        sent, self.sent, self._answer = self.sent, 0.0, b""
        if not answer.startswith(GOOD):
            detail = DETAIL.search(answer)
            words = (answer[9:12], *(detail.groups() if detail else ()))
            self._notes.errors["status " + b": ".join(words).decode()] += 1
        elif answer.find(self._expected, head) < 0:
            self._notes.errors["somebody else's answer"] += 1
        else:
            self._notes.answered(sent, answer, head)

    def _fail(self, why: str) -> None:
        self._notes.errors[why] += 1
        self.close()

    def close(self) -> None:
        """Close it without a word."""
        closed, self._socket, self.sent = self._socket, None, 0.0
        if closed is not None:
            closed.close()


def _length(answer: bytes, head: int) -> int | None:
    """Return how long the body is by the header, which ends at `head`; None if that does not say so."""
    for name in LENGTHS:
        at = answer.find(name, 0, head)
        if at >= 0:
            return int(answer[at + len(name) : answer.index(b"\r", at + len(name))])
    return None


class Client:
    """All connections of this process."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._notes = Notes(plan)
        self._connections = [Connection(self._notes, plan, number) for number in range(len(plan.people))]
        self._poll = select.epoll()
        self._opened: dict[int, Connection] = {}
        """By their descriptors."""

    def run(self) -> Outcome:
        """Go by the plan."""
        plan, count = self._plan, len(self._connections)
        first = plan.uncounted * count
        for turn in range(round((plan.end - plan.begin) / plan.interval) * count):
            due = plan.begin + turn * plan.interval / count
            self._listen(due)
            if turn >= first:
                self._notes.lateness.append(time.monotonic() - due)
            self._take_turn(turn % count, turn // count)
        self._finish()
        return self._outcome()

    def _listen(self, until: float) -> None:
        """Take what comes before a moment; look once if it has passed."""
        left = until - time.monotonic()
        while True:
            for descriptor, _ in self._poll.poll(max(0.0, left)):
                self._opened[descriptor].take(self._poll)
            left = until - time.monotonic()
            if left <= 0:
                return

    def _take_turn(self, number: int, interval: int) -> None:
        connection = self._connections[number]
        if interval == connection.first:
            descriptor = connection.open(self._plan, self._poll)
            if descriptor is not None:
                self._opened[descriptor] = connection
        elif connection.sent:
            connection.give_up_after(self._plan.patience)
        elif connection.is_open:
            connection.ask(interval, counts=interval >= self._plan.uncounted)

    def _finish(self) -> None:
        self._listen(self._plan.end)
        while any(connection.sent for connection in self._connections):
            self._listen(time.monotonic() + TICK)
            for connection in self._connections:
                connection.give_up_after(self._plan.patience)

    def _outcome(self) -> Outcome:
        notes = self._notes
        still = sum(connection.is_open for connection in self._connections)
        for connection in self._connections:
            connection.close()
        requests = sum(map(len, notes.latencies))
        return Outcome(still, requests, dict(notes.errors), notes.latencies, notes.from_memory, notes.lateness)


def main() -> None:
    """Run a plan and write down what came of it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.disable()  # nothing here goes in circles, and a pause would be taken for one of the server
    plan = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    outcome = Client(plan).run()
    Path(sys.argv[2]).write_bytes(msgspec.msgpack.encode(outcome))


if __name__ == "__main__":
    main()
