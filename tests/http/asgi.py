"""Talks to an ASGI application message by message, so that a test decides what arrives when, and when it stops."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
from litestar.types import ASGIApp, Message, Receive, Scope

JSON = {"content-type": "application/json"}


class Answer:
    """What an application sent for one request."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body = b""
        self.ended = asyncio.Event()

    @property
    def complete(self) -> bool:
        """Whether all of it was sent."""
        return self.ended.is_set()

    def header(self, name: str) -> str | None:
        """Return a header's value; it may be there once at the most."""
        values = [value for known, value in self.headers if known.lower() == name]
        assert len(values) <= 1, f"{name} is there {len(values)} times"
        return values[0] if values else None

    def json(self) -> Any:
        """Return the decoded body."""
        return msgspec.json.decode(self.body)

    async def take(self, message: Message) -> None:
        """Take one message of the application's."""
        if message["type"] == "http.response.start":
            assert not self.status, "the answer began twice"
            self.status = message["status"]
            self.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
        elif message["type"] == "http.response.body":
            assert self.status, "a body before its answer began"
            assert not self.complete, "a body after its end"
            self.body += message["body"]
            if not message.get("more_body", False):
                self.ended.set()


class Sender:
    """Sends a request: its body in the given chunks, then silence, or the end of the connection."""

    def __init__(self, chunks: Iterable[bytes], *, whole: bool = True, gives_up: bool = False) -> None:
        """`whole`: the last chunk is the last one of the body; `gives_up`: then the connection ends."""
        self.left = asyncio.Event()
        """Set when the connection is to end."""
        if gives_up:
            self.left.set()
        self._messages = self._sent(list(chunks), whole=whole)

    async def __call__(self) -> Any:
        """Give the next message."""
        return await anext(self._messages)

    def listening(self, answer: Answer) -> Receive:
        """Return the server's side: once the answer is complete, the request is over."""

        async def receive() -> Any:
            if answer.complete:
                return {"type": "http.disconnect"}
            return await self()

        return receive

    async def _sent(self, chunks: list[bytes], *, whole: bool) -> AsyncIterator[dict[str, Any]]:
        for place, chunk in enumerate(chunks, 1):
            more = place < len(chunks) or not whole
            yield {"type": "http.request", "body": chunk, "more_body": more}
        await self.left.wait()
        yield {"type": "http.disconnect"}
        await asyncio.Event().wait()


STRANGER = "192.0.2.1"


def scope_of(
    method: str, target: str, headers: dict[str, str] | list[tuple[str, str]], client: str = STRANGER
) -> Scope:
    """Describe a request as an HTTP server does."""
    path, _, query = target.partition("?")
    pairs = headers.items() if isinstance(headers, dict) else headers
    return cast(
        Scope,
        {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode("latin-1", "replace"),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs],
            "client": (client, 5000),
            "server": ("127.0.0.1", 3000),
            "state": {},
            "extensions": {},
        },
    )


async def ask(
    app: ASGIApp,
    method: str,
    target: str,
    *,
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    body: bytes | Sender = b"",
    client: str = STRANGER,
) -> Answer:
    """Send one request and return the answer."""
    answer = Answer()
    sender = body if isinstance(body, Sender) else Sender([body])
    async with asyncio.timeout(10):
        await app(scope_of(method, target, headers or {}, client), sender.listening(answer), answer.take)
    return answer


@asynccontextmanager
async def living(app: ASGIApp) -> AsyncIterator[None]:
    """Let an application start, and stop at the end of the block."""
    incoming: asyncio.Queue[Any] = asyncio.Queue()
    outgoing: asyncio.Queue[Any] = asyncio.Queue()
    scope = cast(Scope, {"type": "lifespan", "state": {}})

    async def live() -> None:
        await app(scope, incoming.get, outgoing.put)

    life = asyncio.create_task(live())
    for step in ("startup", "shutdown"):
        await incoming.put({"type": f"lifespan.{step}"})
        async with asyncio.timeout(10):
            told = await outgoing.get()
        assert told["type"] == f"lifespan.{step}.complete", told
        if step == "startup":
            yield
    await life
