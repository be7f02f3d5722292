"""The applications under measurement: ours with a meter beside it, and a bare one to compare with."""

import os
import time
from collections.abc import Awaitable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import msgspec

from taskapi.app import App
from taskapi.app import create as create_real
from taskapi.kit.database.connection import StatementCounter

METER = "/bench/meter"
method: ContextVar[str] = ContextVar("method", default="")


class Meter(msgspec.Struct):
    """What the process has used so far."""

    cpu_seconds: float
    statements: int
    transactions: int
    pid: int
    trips: int = 0
    """To Redis, each for one request or for many."""
    read_statements: int = 0
    """Of `statements`, those of GET requests."""


class StatementsByMethod(StatementCounter):
    """Counts statements, and apart from the others those that run for a GET request."""

    def __init__(self) -> None:
        self.reads = 0
        self._all = 0

    @property
    def count(self) -> int:
        """All of them."""
        return self._all

    @count.setter
    def count(self, value: int) -> None:
        self.reads += (value - self._all) * (method.get() == "GET")
        self._all = value


class Metered:
    """The real application; one more path tells what it has used."""

    def __init__(self, *, by_method: bool = False) -> None:
        """`by_method`: count the statements of reads apart, which costs each request a little."""
        self._app: App = create_real()
        self._by_method = by_method
        self._transactions = 0
        self._statements = self._app.rooms.database.statements = StatementsByMethod()
        self._app.rooms.database.hooks.before_commit.append(self._count)

    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        """Serve one connection; beside the meter's, the application's own coroutine, without one around it."""
        if scope["type"] == "http" and scope["path"] == METER:
            return _answer(send, msgspec.json.encode(self._read()))
        if self._by_method:
            method.set(scope.get("method", ""))
        return self._app(scope, receive, send)

    def _read(self) -> Meter:
        trips, counted = self._app.rooms.gate.counts.trips, self._statements
        return Meter(time.process_time(), counted.count, self._transactions, os.getpid(), trips, counted.reads)

    async def _count(self, _: Any) -> None:
        self._transactions += 1


class Recorded(msgspec.Struct):
    """An answer of the real application."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Bare:
    """No framework, no database: sends recorded answers, the least that any application on this server costs."""

    def __init__(self, recorded: dict[str, Recorded]) -> None:
        self._recorded = recorded

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["path"] == METER:
            await _answer(send, msgspec.json.encode(Meter(time.process_time(), 0, 0, os.getpid())))
        else:
            found = self._recorded[scope["path"]]
            await send({"type": "http.response.start", "status": found.status, "headers": found.headers})
            await send({"type": "http.response.body", "body": found.body})


def create() -> Metered:
    """Build the real application from the environment."""
    return Metered()


def create_for_crowds() -> Metered:
    """Build the same with statements of reads counted apart."""
    return Metered(by_method=True)


def create_bare() -> Bare:
    """Build the bare application, which sends the answers in the file RECORDED."""
    return Bare(msgspec.msgpack.decode(Path(os.environ["RECORDED"]).read_bytes(), type=dict[str, Recorded]))


async def _answer(send: Any, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
