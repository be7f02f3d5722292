"""Pages of other origins (CORS, Fetch standard §3.2): which may call the API, what they may send, what they may read.

Stands around everything that answers a request, so that a page can read a refusal too. A request without `Origin`
passes at the cost of one look at its headers.
"""

from collections.abc import Mapping, Sequence

from litestar.config.cors import CORSConfig
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from taskapi.http.hardening import harden

EXPOSED = [
    "ETag",
    "Location",
    "Retry-After",
    "X-Request-Id",
    "Idempotency-Replayed",
    "X-Cache",
    "RateLimit",
    "RateLimit-Policy",
]
"""What pages may read besides what every page may read."""

WANTED_HEADERS = b"access-control-request-headers"


class CrossOrigin:
    """Wraps an application for the pages of these origins; `*` stands for any part of one."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._config = CORSConfig(allow_origins=list(origins), expose_headers=EXPOSED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or let the application answer and say who may read it."""
        origin = _header(scope, b"origin") if scope["type"] == ScopeType.HTTP else None
        if origin is None:
            await self._app(scope, receive, send)
        elif scope.get("method") == "OPTIONS":
            await self._answer_preflight(scope, send, origin)
        else:
            await self._app(scope, receive, self._telling(send, origin))

    def _telling(self, send: Send, origin: str) -> Send:
        added = _encoded({**self._config.simple_headers, **self._allowed(origin)})

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                harden(message).extend(added)
            await send(message)

        return tell

    def _allowed(self, origin: str) -> Mapping[str, str]:
        if self._config.is_allow_all_origins or not self._config.is_origin_allowed(origin):
            return {}
        return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}

    async def _answer_preflight(self, scope: Scope, send: Send, origin: str) -> None:
        if not self._config.is_origin_allowed(origin):
            body = b"Disallowed CORS Origin"
            headers = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body))}
            await _answer(send, 400, headers, body)
            return
        wanted = _header(scope, WANTED_HEADERS)
        headers = {**self._config.preflight_headers, **self._allowed(origin)}
        await _answer(send, 204, headers | ({"Access-Control-Allow-Headers": wanted} if wanted else {}), b"")


async def _answer(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": _encoded(headers)})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _header(scope: Scope, wanted: bytes) -> str | None:
    for name, value in scope["headers"]:
        if name == wanted:
            return value.decode("latin-1")
    return None


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
