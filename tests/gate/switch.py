"""A door to Redis that a test can turn to another server, shut, or hold: what a name in a fleet's network is."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Switch:
    """Forwards connections on a port of its own to `target`, a port on this machine."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.is_shut = False
        self._held = asyncio.Event()
        self._held.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where the door is."""
        return f"redis://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Break all connections; new ones may be made unless it is shut."""
        for writer in list(self._writers):
            writer.transport.abort()

    def shut(self) -> None:
        """Let nobody through."""
        self.is_shut = True
        self.cut()

    def hold_answers(self) -> None:
        """Keep what the server says."""
        self._held.clear()

    def release_answers(self) -> None:
        """Pass on what was kept."""
        self._held.set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward a new connection."""
        task = asyncio.create_task(self._forward(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Break everything for good."""
        self.shut()
        self.release_answers()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_shut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, far_writer}
        self._writers |= both
        await asyncio.gather(_copy(reader, far_writer, None), _copy(far_reader, writer, self._held))
        self._writers -= both


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter, held: asyncio.Event | None) -> None:
    with contextlib.suppress(OSError, RuntimeError):  # uvloop raises the latter for what is closed
        while data := await source.read(65536):
            if held is not None:
                await held.wait()
            target.write(data)
            await target.drain()
    target.close()


@asynccontextmanager
async def switch_to(port: int) -> AsyncIterator[Switch]:
    """Offer a door for the length of the block."""
    switch = Switch(port)
    server = await asyncio.start_server(switch.accept, "127.0.0.1", 0)
    switch.port = server.sockets[0].getsockname()[1]
    try:
        yield switch
    finally:
        server.close()
        await switch.close()
