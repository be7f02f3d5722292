"""The outermost layer: names the request, bounds it, hardens the answer and writes the access log line.

Pure ASGI, around the whole router, so that nothing gets in or out without it. It knows no business.
"""

import asyncio
import time
from typing import Any
from uuid import uuid4

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from taskapi.config import ServerSettings
from taskapi.http import problems
from taskapi.http.context import ACCEPTABLE_ID, request_id, set_request_id
from taskapi.kit.telemetry import logger

ALWAYS_ADMITTED = "/api/health"
"""Probes are answered however busy the server is."""

HARDENING = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}
"""Set on every answer that does not bring its own."""


class Edge:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._seconds = settings.request_timeout
        self._places = settings.max_concurrency
        self._inside = 0
        self._log = logger("taskapi.access")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; anything that is none goes straight to the application."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        set_request_id(_chosen_id(scope))
        answer = Outgoing(send)
        started = time.perf_counter()
        self._inside += 1
        try:
            await self._serve(scope, receive, answer)
        finally:
            self._inside -= 1
            self._write_log(scope, answer, time.perf_counter() - started)

    async def _serve(self, scope: Scope, receive: Receive, answer: "Outgoing") -> None:
        if self._inside > self._places and not scope["path"].startswith(ALWAYS_ADMITTED):
            await answer.fail(503, "unavailable", "The server is busy; try again shortly.")
            return
        try:
            async with asyncio.timeout(self._seconds):
                await self._app(scope, receive, answer)
        except TimeoutError:
            await answer.fail(503, "unavailable", "The request took too long and was given up; try again shortly.")
        except Exception as error:
            self._log.error("unforeseen error", exc_info=error)
            await answer.fail(500, "internal", "The server failed; the request id helps to find out why.")

    def _write_log(self, scope: Scope, answer: "Outgoing", seconds: float) -> None:
        self._log.info(
            "request",
            method=scope.get("method"),
            route=scope.get("path_template") or "unmatched",
            status=answer.status,
            milliseconds=round(seconds * 1000, 2),
        )


class Outgoing:
    """Sends the answer, hardened, and remembers its status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        """Send one message."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = _hardened(message["headers"])
        await self._send(message)

    async def fail(self, status: int, code: str, detail: str) -> None:
        """Answer with a problem document, unless an answer has begun already."""
        if self.status:
            return
        body = problems.encoded(problems.problem(status, code, detail))
        headers = [
            (b"content-type", problems.MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            *([(b"retry-after", b"1")] if status == 503 else []),
        ]
        await self({"type": "http.response.start", "status": status, "headers": headers})
        await self({"type": "http.response.body", "body": body, "more_body": False})


def _chosen_id(scope: Scope) -> str:
    given = [value for name, value in scope["headers"] if name == b"x-request-id"]
    if len(given) == 1 and ACCEPTABLE_ID.fullmatch(given[0]):
        return given[0].decode()
    return uuid4().hex


def _hardened(headers: Any) -> list[tuple[bytes, bytes]]:
    sent = [(bytes(name), bytes(value)) for name, value in headers]
    names = {name.lower() for name, _ in sent}
    own = [(name, value) for name, value in HARDENING.items() if name not in names]
    return [*sent, *own, (b"x-request-id", request_id().encode())]
