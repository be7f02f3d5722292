"""HTTP/1.1 over one kept connection with as little work as possible, so that checking costs less than serving.

Only what the servers under test send is understood: header names in lower case, and bodies with a length.
"""

import asyncio
from typing import cast

import msgspec

BODILESS = frozenset({204, 304})


class NoAnswer(Exception):
    """The request was not answered: the connection could not be made, was lost, or nothing came in time."""


class Refused(NoAnswer):
    """Nobody listens there."""


class Lost(NoAnswer):
    """The connection ended before the answer."""


class TooLate(NoAnswer):
    """No answer came in time."""


class Answer(msgspec.Struct):
    """One answer; the head is as it came."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str | None:
        """Return a header; `name` is in lower case."""
        start = self.head.find(b"\r\n" + name.encode() + b":")
        if start < 0:
            return None
        value = start + len(name) + 3
        end = self.head.find(b"\r\n", value)
        return self.head[value : end if end >= 0 else None].strip().decode("latin-1")


class Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._answer: asyncio.Future[Answer] | None = None
        self.used = False

    @property
    def is_open(self) -> bool:
        """Whether a request can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, request: bytes, seconds: float) -> Answer:
        """Send a request and return its answer; raises NoAnswer, and the connection is of no use then."""
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._answer = answer
        alarm = loop.call_later(seconds, self._fail, TooLate("no answer in time"))
        self._transport.write(request)
        try:
            return await answer
        except BaseException:
            self.abort()
            raise
        finally:
            alarm.cancel()
            self.used = True

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready for requests."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its bases

    def data_received(self, data: bytes) -> None:
        """Collect bytes until the answer is whole."""
        self._received = self._received + data if self._received else data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or self._answer is None:
            return
        head = self._received[: end + 2]
        status = int(head[9:12])
        length = 0 if status in BODILESS else _length(head)
        if len(self._received) < end + 4 + length:
            return
        body = self._received[end + 4 : end + 4 + length]
        self._received = self._received[end + 4 + length :]
        if not self._answer.done():
            self._answer.set_result(Answer(status, head, body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self._fail(Lost(str(exc or "closed")))

    def _fail(self, reason: NoAnswer) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(reason)


async def connect(port: int, seconds: float) -> Connection:
    """Connect to a port of this machine; raises NoAnswer."""
    try:
        async with asyncio.timeout(seconds):
            _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    except TimeoutError:
        raise TooLate("no connection in time") from None
    except OSError as error:
        raise Refused(str(error)) from None
    return connection


def request_bytes(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Return a request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: chaos", *(f"{name}: {value}" for name, value in headers.items())]
    if body or method in ("POST", "PUT", "PATCH"):
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _length(head: bytes) -> int:
    start = head.find(b"\r\ncontent-length:")
    if start < 0:
        raise ValueError("an answer without a length")
    return int(head[start + 17 : head.index(b"\r\n", start + 2)])
