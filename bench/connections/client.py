"""One load process: `python -m bench.connections.client PLAN OUTCOME`, two files.

It holds its connections open and gives each its turn once in every interval. A connection whose answer is still
under way misses its turn: nobody asks twice at a time.
"""

import asyncio
import gc
import re
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from bench.connections.plan import Outcome, Plan

DETAIL = re.compile(rb'"detail": ?"([^"]*)"')
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
ASK = "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nUser-Agent: bench\r\n\r\n"
LIST = "/api/tasks"
LISTS_PER_TASK = 9
TICK = 0.01
"""Seconds between two looks at whether all is answered."""


class Notes:
    """What the connections of this process write down."""

    def __init__(self, plan: Plan) -> None:
        self.errors: Counter[str] = Counter()
        self.latencies: list[list[float]] = [[] for _ in range(plan.rounds)]
        self.lateness: list[float] = []
        self._plan = plan

    def round_at(self, moment: float) -> int | None:
        """Return the number of the round, None before the first."""
        since = moment - self._plan.measured_from
        return min(int(since / self._plan.interval), self._plan.rounds - 1) if since >= 0 else None

    def answered(self, sent: float) -> None:
        """Note a good answer."""
        number = self.round_at(sent)
        if number is not None:
            self.latencies[number].append(time.monotonic() - sent)


class Connection(asyncio.Protocol):
    """One person's; asks for a list nine times and for a task once, after one of each while it does not count."""

    __slots__ = ("_answer", "_asked", "_asks", "_expected", "_notes", "_number", "_transport", "_whole", "sent")

    def __init__(self, notes: Notes, plan: Plan, number: int) -> None:
        token, task = plan.people[number]
        self.sent = 0.0
        """When the request was that is not answered yet; zero if there is none."""
        self._asks = [ASK.format(path=path, host=plan.host, token=token).encode() for path in (LIST, task)]
        self._expected = task.rpartition("/")[2].encode()
        self._number = number
        self._asked = 0
        self._notes = notes
        self._answer = b""
        self._whole = 0
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._transport is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's class is none of asyncio's

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that somebody closed it who should not have."""
        if self._transport is not None:
            self._fail("closed" if exc is None else type(exc).__name__)

    def ask(self, interval: int) -> None:
        """Send the request of an interval; of neighbours one in ten asks for a task, so that these come evenly too."""
        assert self._transport is not None
        is_task = (self._number + interval) % (LISTS_PER_TASK + 1) == 0 if self._asked > 1 else self._asked == 1
        self._asked += 1
        self.sent = time.monotonic()
        self._transport.write(self._asks[is_task])

    def give_up_after(self, patience: float) -> None:
        """Note that there was no answer for too long."""
        if self.sent and time.monotonic() - self.sent > patience:
            self._fail("no answer in time")

    def data_received(self, data: bytes) -> None:
        """Take a part of the answer."""
        self._answer += data
        if not self._whole:
            head = self._answer.find(b"\r\n\r\n")
            if head < 0:
                return
            length = LENGTH.search(self._answer, 0, head)
            if length is None:
                self._fail("an answer without a length")
                return
            self._whole = head + 4 + int(length[1])
        if len(self._answer) >= self._whole:
            self._take()

    def _take(self) -> None:
        sent, answer = self.sent, self._answer
        self.sent, self._answer, self._whole = 0.0, b"", 0
        if answer[9:12] != b"200":
            detail = DETAIL.search(answer)
            words = (answer[9:12], *(detail.groups() if detail else ()))
            self._notes.errors["status " + b": ".join(words).decode()] += 1
        elif self._expected not in answer:
            self._notes.errors["somebody else's answer"] += 1
        else:
            self._notes.answered(sent)

    def _fail(self, why: str) -> None:
        self._notes.errors[why] += 1
        self.close()

    def close(self) -> None:
        """Close it without a word."""
        transport, self._transport, self.sent = self._transport, None, 0.0
        if transport is not None:
            transport.abort()


class Client:
    """All connections of this process."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._notes = Notes(plan)
        self._connections = [Connection(self._notes, plan, number) for number in range(len(plan.people))]
        self._openings: set[asyncio.Task[None]] = set()

    async def run(self) -> Outcome:
        """Go by the plan."""
        plan, count = self._plan, len(self._connections)
        for turn in range(round((plan.end - plan.begin) / plan.interval) * count):
            due = plan.begin + turn * plan.interval / count
            if (left := due - time.monotonic()) > 0:
                await asyncio.sleep(left)
            if self._notes.round_at(due) is not None:
                self._notes.lateness.append(time.monotonic() - due)
            self._take_turn(turn % count, turn // count)
        await self._finish()
        return self._outcome()

    def _take_turn(self, number: int, interval: int) -> None:
        connection = self._connections[number]
        if number % self._plan.opening == interval:
            opening = asyncio.create_task(self._open(connection, interval))
            self._openings.add(opening)
            opening.add_done_callback(self._openings.discard)
        elif connection.sent:
            connection.give_up_after(self._plan.patience)
        elif connection.is_open:
            connection.ask(interval)

    async def _open(self, connection: Connection, interval: int) -> None:
        loop, plan = asyncio.get_running_loop(), self._plan
        opening = loop.create_connection(lambda: connection, plan.host, plan.port, local_addr=(plan.source, 0))
        try:
            await asyncio.wait_for(opening, plan.patience)
        except (OSError, TimeoutError) as error:
            self._notes.errors[f"not connected: {type(error).__name__}"] += 1
        else:
            if connection.is_open:
                connection.ask(interval)

    async def _finish(self) -> None:
        await asyncio.sleep(max(0, self._plan.end - time.monotonic()))
        while any(connection.sent for connection in self._connections):
            await asyncio.sleep(TICK)
            for connection in self._connections:
                connection.give_up_after(self._plan.patience)

    def _outcome(self) -> Outcome:
        notes = self._notes
        still = sum(connection.is_open for connection in self._connections)
        for connection in self._connections:
            connection.close()
        requests = sum(map(len, notes.latencies))
        return Outcome(still, requests, dict(notes.errors), notes.latencies, notes.lateness)


def main() -> None:
    """Run a plan and write down what came of it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.disable()  # nothing here goes in circles, and a pause would be taken for one of the server
    plan = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    outcome = uvloop.run(Client(plan).run())
    Path(sys.argv[2]).write_bytes(msgspec.msgpack.encode(outcome))


if __name__ == "__main__":
    main()
