"""The applications under measurement: ours with a meter beside it, and a bare one to compare with."""

import os
import time
from collections.abc import Awaitable
from typing import Any

import msgspec

from taskapi.app import App
from taskapi.app import create as create_real

METER = "/bench/meter"


class Meter(msgspec.Struct):
    """What the process has used so far."""

    cpu_seconds: float
    statements: int
    transactions: int
    pid: int


class Metered:
    """The real application; one more path tells what it has used."""

    def __init__(self) -> None:
        self._app: App = create_real()
        self._transactions = 0
        self._app.rooms.database.hooks.before_commit.append(self._count)

    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        """Serve one connection; beside the meter's, the application's own coroutine, without one around it."""
        if scope["type"] == "http" and scope["path"] == METER:
            return _answer(send, msgspec.json.encode(self._read()))
        return self._app(scope, receive, send)

    def _read(self) -> Meter:
        statements = self._app.rooms.database.statements.count
        return Meter(time.process_time(), statements, self._transactions, os.getpid())

    async def _count(self, _: Any) -> None:
        self._transactions += 1


class Bare:
    """No framework, no database: the least that any application on this server costs."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["path"] == METER:
            await _answer(send, msgspec.json.encode(Meter(time.process_time(), 0, 0, os.getpid())))
        else:
            await _answer(send, BODY)


BODY = b'{"id":"01a20cd6-27b5-7369-b3ae-0491205fe049","title":"' + b"x" * 300 + b'"}'


def create() -> Metered:
    """Build the real application from the environment."""
    return Metered()


def create_bare() -> Bare:
    """Build the bare application."""
    return Bare()


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
