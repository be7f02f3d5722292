"""The line to one Redis server: questions gather while a batch is in flight and leave together as the next one.

Waiting is bounded in number and in time. A caller that goes away never takes a batch with it. After a failure the
connection is thrown away; a new one asks first whom it has reached.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Any

import hiredis

from taskapi.gate import identity, scripts
from taskapi.gate.address import Address
from taskapi.gate.breaker import Breaker
from taskapi.gate.calls import Call, Command, Unreachable, packed
from taskapi.gate.connection import Connection
from taskapi.gate.counts import Counts
from taskapi.gate.identity import Identity
from taskapi.kit.redaction import unquoted
from taskapi.kit.telemetry import logger

MOST_WAITING = 4096
MOST_AT_ONCE = 128
"""Commands in one batch, so that none keeps the server and the others waiting for long."""

MOST_IN_THE_BACKGROUND = 256
MOST_BACKGROUND_BYTES = 8 * 1024 * 1024
BACKGROUND_AT_ONCE = 8
"""Answers to be kept are large: a few of them travel with each batch."""

PROBE_SECONDS = 0.5

UNHEARD_SECONDS = 0.01
"""After so long without an answer the next batch asks first who answers: a server that fails over and back meanwhile
may have lost the latest writes, and keeps its connections."""

LOST = ("READONLY", "LOADING", "MASTERDOWN", "NOREPLICAS", "NOAUTH", "MISCONF")
"""What a server says that is not, or not any more, the one to talk to: look again who is there."""

ELSEWHERE = ("MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN")
WHO, STILL = packed(identity.INFO), packed(identity.STILL)
LOAD_SCRIPTS = [packed((b"SCRIPT", b"LOAD", script.text)) for script in scripts.ALL]

Redirect = Callable[["Line", Call, str], None]
"""Takes a call that another node of the cluster must answer, and what the server at this line said."""


class Line:
    """Batches of commands to one server."""

    def __init__(
        self, address: Address, seconds: float, counts: Counts, redirect: Redirect, met: Callable[[], None]
    ) -> None:
        self.address = address
        self.identity: Identity | None = None
        """Of the server that was reached last; None until one was. It is known before anything is asked."""
        self.epoch = b""
        self._generation = ""
        self._seconds = seconds
        self.counts = counts
        self._redirect = redirect
        self._met = met
        """Is called when a server was reached."""
        self._waiting: deque[Call] = deque()
        self._background: deque[Call] = deque()
        self._background_bytes = 0
        self._connection: Connection | None = None
        self._breaker = Breaker()
        self._is_flying = False
        self._is_probing = False
        self._lacks_scripts = False
        self._heard_at = 0.0
        """When the last answers came, by the loop's clock."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    def make_future(self) -> "asyncio.Future[Any]":
        """Return a future of this line's loop, which is not looked for: in Python 3.11 that asks the system."""
        return self._loop.create_future()

    @property
    def is_broken(self) -> bool:
        """Whether calls are refused at once."""
        return self._breaker.is_open

    def enter_generation(self, generation: str) -> None:
        """Name another generation in every question from now on."""
        self._generation = generation
        self._rename_epoch()

    def ask(self, call: Call) -> None:
        """Send a call with the next batch; raises Unreachable if none will leave soon enough."""
        if self._breaker.is_open or len(self._waiting) >= MOST_WAITING:
            raise Unreachable("Redis is away" if self._breaker.is_open else "too many wait for Redis")
        self._waiting.append(call)
        if not self._is_flying:
            self._is_flying = True
            self._loop.call_soon(self._leave)

    def send(self, call: Call) -> None:
        """Send a call when there is room; the oldest that still waits gives way to it."""
        if self._breaker.is_open:
            return
        self._background.append(call)
        self._background_bytes += call.size
        while len(self._background) > MOST_IN_THE_BACKGROUND or self._background_bytes > MOST_BACKGROUND_BYTES:
            self._background_bytes -= self._background.popleft().size
        if not self._is_flying:
            self._is_flying = True
            self._loop.call_soon(self._leave)

    def drop(self) -> None:
        """Throw the connection away; the next batch makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def close(self) -> None:
        """Stop everything."""
        for task in self._tasks:
            task.cancel()
        self.drop()
        self._fail_all("the gate is closed")

    def _leave(self) -> None:
        """Start the next flight, if there is anything to carry."""
        if self._breaker.is_open:
            self._fail_all("Redis is away")
        if not self._waiting and not self._background:
            self._is_flying = False
        elif self._connection is None or self._connection.is_broken:
            self._start(self._reconnect())
        else:
            self._fly(self._connection, self._next_batch())

    def _next_batch(self) -> list[Call]:
        waiting, background = self._waiting, self._background
        batch: list[Call] = []
        if background:
            batch = [background.popleft() for _ in range(min(len(background), BACKGROUND_AT_ONCE))]
            self._background_bytes -= sum(call.size for call in batch)
        while waiting and len(batch) < MOST_AT_ONCE:
            batch.append(waiting.popleft())
        return batch

    def _fly(self, connection: Connection, batch: list[Call]) -> None:
        before = LOAD_SCRIPTS if self._lacks_scripts else []
        self._lacks_scripts = False
        asks_who = self._loop.time() - self._heard_at > UNHEARD_SECONDS
        if asks_who:
            before = [*before, STILL]
        epoch = self.epoch
        commands = [*before, *[call.packed(epoch) for call in batch]]
        self.counts.trips += 1
        self.counts.commands += len(batch)
        connection.fly(commands, lambda replies: self._land(batch, replies, len(before), asks_who=asks_who))

    def _land(self, batch: list[Call], replies: list[Any] | None, before: int, *, asks_who: bool) -> None:
        if replies is None:
            self._count_failure()
            self._fail(batch, "the connection to Redis is lost")
        elif asks_who and not identity.is_still(self.identity, replies[before - 1]):
            self._fail(batch, "another Redis answers")
        else:
            self._breaker.succeeded()
            self._heard_at = self._loop.time()
            for call, reply in zip(batch, replies[before:] if before else replies, strict=True):
                if isinstance(reply, hiredis.ReplyError):
                    self._refuse(call, str(reply))
                else:
                    call.answer(reply)
        self._loop.call_soon(self._leave)  # after those who were answered: what comes meanwhile shares the next trip

    def _fail(self, batch: list[Call], reason: str) -> None:
        logger("taskapi.gate").warning(reason, server=self.address.name)
        self.drop()
        for call in batch:
            call.fail(reason)

    def _refuse(self, call: Call, error: str) -> None:
        code = error.partition(" ")[0]
        if code == "NOSCRIPT" and not call.retries:
            call.retries, self._lacks_scripts = 1, True
            self._waiting.appendleft(call)
        elif code in ELSEWHERE:
            self._redirect(self, call, error)
        else:
            if code in LOST:
                self.drop()
            logger("taskapi.gate").error("Redis refused a command", server=self.address.name, reason=unquoted(error))
            call.fail(error)

    async def _reconnect(self) -> None:
        if not await self._connect():
            self._fail_all("Redis cannot be reached")
        self._leave()

    async def _connect(self) -> bool:
        connection = Connection(self._seconds)
        try:
            async with asyncio.timeout(self._seconds):
                await self.address.connect(lambda: connection)
            found = await _enter(connection, self.address)
        except (OSError, Unreachable) as error:
            logger("taskapi.gate").warning("Redis cannot be reached", server=self.address.name, reason=error)
            connection.close()
            self._count_failure()
            return False
        self._connection, self.identity, self._heard_at = connection, found, self._loop.time()
        self._breaker.succeeded()
        self._rename_epoch()
        self._met()
        return True

    def _count_failure(self) -> None:
        self._breaker.failed()
        if self._breaker.is_open and not self._is_probing:
            self._is_probing = True
            self._start(self._probe())

    async def _probe(self) -> None:
        """Look for the server until it is found: one task, whoever asks meanwhile does without."""
        self._fail_all("Redis is away")
        while self._breaker.is_open:
            await asyncio.sleep(PROBE_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load, guards nothing
            await self._connect()
        self._is_probing = False
        logger("taskapi.gate").info("Redis is back", server=self.address.name)

    def _fail_all(self, reason: str) -> None:
        while self._waiting:
            self._waiting.popleft().fail(reason)
        self._background.clear()
        self._background_bytes = 0

    def _rename_epoch(self) -> None:
        if self.identity is not None:
            self.epoch = identity.epoch_of(self.identity.name, self._generation)

    def _start(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _enter(connection: Connection, address: Address) -> Identity:
    """Log in, load the scripts, and see who is there; raises Unreachable if it is nobody who can serve."""
    commands = [*map(packed, _log_in(address)), *LOAD_SCRIPTS, WHO]
    answered: asyncio.Future[list[Any] | None] = asyncio.get_running_loop().create_future()

    def land(replies: list[Any] | None) -> None:
        if not answered.done():
            answered.set_result(replies)

    connection.fly(commands, land)
    replies = await answered
    if replies is None:
        raise Unreachable("no answer to the first question")
    for reply in replies:
        if isinstance(reply, hiredis.ReplyError):
            raise Unreachable(str(reply))
    try:
        found = identity.read(replies[-1])
    except KeyError as error:
        raise Unreachable(f"INFO names no {error}") from None
    if not found.can_serve:
        raise Unreachable("the server is a replica, or is loading its data")
    return found


def _log_in(address: Address) -> list[Command]:
    who: Command = ()
    if address.password is not None:
        who = (b"AUTH", (address.username or "default").encode(), address.password.encode())
    commands: list[Command] = [(b"HELLO", b"2", *who, b"SETNAME", b"task-api-gate")]
    if address.database:
        commands.append((b"SELECT", address.database))
    return commands
