"""A line between a client and its server that a test can hold at a chosen moment, or cut."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit


class Hold:
    """A moment on a line: `reached` is set when it has come, and nothing moves until `release`."""

    def __init__(self, marker: bytes, *, answered: bool) -> None:
        self.marker = marker
        self.answered = answered
        self.reached = asyncio.Event()
        self._released = asyncio.Event()

    def release(self) -> None:
        """Let everything move again."""
        self._released.set()

    async def wait(self) -> None:
        """Stand still until released."""
        self.reached.set()
        await self._released.wait()


class Wire:
    """Forwards connections to one socket."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._hold: Hold | None = None
        self._holds: list[Hold] = []
        self._lines: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    def hold_request(self, marker: bytes) -> Hold:
        """Hold the line before the server gets the next request that holds `marker`."""
        return self._next_hold(Hold(marker, answered=False))

    def hold_answer(self, marker: bytes) -> Hold:
        """Hold the line when the server has answered the next request that holds `marker`."""
        return self._next_hold(Hold(marker, answered=True))

    def cut(self) -> None:
        """Break all connections; new ones may be made."""
        for writer in self._writers:
            writer.transport.abort()

    async def close(self) -> None:
        """Break all connections for good."""
        self._hold = None
        for hold in self._holds:
            hold.release()
        self.cut()
        async with asyncio.timeout(10):
            await asyncio.gather(*self._lines)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward a new connection."""
        line = asyncio.create_task(self._forward(reader, writer))
        self._lines.add(line)
        line.add_done_callback(self._lines.discard)

    def _next_hold(self, hold: Hold) -> Hold:
        self._holds.append(hold)
        self._hold = hold
        return hold

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(self._socket)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, far_writer}
        self._writers |= both
        holds: list[Hold] = []
        await asyncio.gather(
            _forwarded(reader, far_writer, lambda request: self._before(request, holds)),
            _forwarded(far_reader, writer, lambda _: _after(holds)),
        )
        self._writers -= both

    async def _before(self, request: bytes, holds: list[Hold]) -> None:
        hold = self._hold
        if hold and hold.marker in request:
            self._hold = None
            if hold.answered:
                holds.append(hold)
            else:
                await hold.wait()


async def _after(holds: list[Hold]) -> None:
    if holds:
        await holds.pop().wait()


async def _forwarded(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, look: Callable[[bytes], Awaitable[None]]
) -> None:
    with contextlib.suppress(OSError, RuntimeError):  # uvloop raises the latter for what is closed
        while data := await source.read(65536):
            await look(data)
            target.write(data)
            await target.drain()
    target.close()


@asynccontextmanager
async def wire_to(socket: str) -> AsyncIterator[Wire]:
    """Offer a port on the loopback interface that leads to `socket` for as long as the block lasts."""
    wire = Wire(socket)
    server = await asyncio.start_server(wire.accept, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        await wire.close()


@asynccontextmanager
async def line_to(database_url: str) -> AsyncIterator[tuple[Wire, str]]:
    """Offer a line to the server of a database, and the database's address on it."""
    parts = urlsplit(database_url)
    folder = parse_qs(parts.query)["host"][0]
    async with wire_to(f"{folder}/.s.PGSQL.5432") as wire:
        yield wire, f"postgresql://{parts.username}@127.0.0.1:{wire.port}{parts.path}"
