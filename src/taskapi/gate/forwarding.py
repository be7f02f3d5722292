"""Passing a request on to the router: its answer goes out at once with some headers more, or is taken down and kept."""

from collections.abc import Sequence
from typing import Any, cast

from litestar.types import ASGIApp, Message, Scope, Send

from taskapi.contracts.identity import Principal
from taskapi.gate.answers import Answer, answer
from taskapi.http.authentication import CALLER
from taskapi.http.context import request_id
from taskapi.http.hardening import Header, harden
from taskapi.http.headers import TABLE
from taskapi.http.lifetime import right_until

CONDITION = b"if-none-match"


def adding(send: Send, headers: Sequence[Header]) -> Send:
    """Return what sends an answer with these headers at its end."""

    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            harden(message).extend(headers)
        await send(message)

    return add


async def taken_down(router: ASGIApp, scope: Scope, caller: Principal) -> Answer:
    """Return the router's whole answer to a read, without the request's conditions.

    It is made from a copy of the scope: whoever sent the request may be gone before it is there.
    """
    headers = [header for header in scope["headers"] if header[0] != CONDITION]
    copy = cast(Any, {**scope, "headers": headers, TABLE: None, "state": {}, CALLER: caller})
    taken = _Taken()
    await router(copy, _without_body(), taken)
    return answer(taken.status, taken.headers, taken.body, request_id(), right_until(copy))


class _Taken:
    """Takes an answer instead of sending it."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[Header] = []
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message["headers"])
        elif message["type"] == "http.response.body":
            self.body += message["body"]


def _without_body() -> Any:
    messages = iter(({"type": "http.request", "body": b"", "more_body": False},))

    async def receive() -> Any:
        return next(messages, {"type": "http.disconnect"})

    return receive
