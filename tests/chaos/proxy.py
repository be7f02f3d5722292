"""`python -m tests.chaos.proxy`: TCP proxies that can be cut, hung, deafened and slowed, in a process of their own.

Of their own so that they stay quick while the checker is busy. Standard input brings commands, one JSON object a line:
`{"link": name, "mode": mode, "port": upstream}`; each is answered with one line, a newly named link with the port that
it listens on. The process ends with its standard input.
"""

import asyncio
import json
import random
import sys
from collections.abc import Callable

import uvloop

PASS, CUT, HANG, DEAF, STALL, SLOW = "pass", "cut", "hang", "deaf", "stall", "slow"
"""Pass on; refuse and reset; swallow all bytes; swallow replies only; hold all back and deliver it late; delay it."""
CHUNK = 65536
LONGEST_DELAY = 0.06
"""Seconds; together, both ways stay below most time-outs, so that a slow link is slow and not broken."""
CONNECT_SECONDS = 2


class Link:
    """One listening port and the connections through it."""

    def __init__(self) -> None:
        self.mode = PASS
        self.upstream = 0
        self.flowing = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()

    async def listen(self) -> int:
        """Listen on a free port and return it."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(server.sockets[0].getsockname()[1])

    def reset(self) -> None:
        """End all connections at once."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode == CUT:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                answers, requests = await asyncio.open_connection("127.0.0.1", self.upstream)
        except (OSError, TimeoutError):
            self._writers.discard(writer)
            writer.transport.abort()
            return
        self._writers.add(requests)
        try:
            there = asyncio.ensure_future(self._pass(reader, requests, self._swallows_requests))
            back = asyncio.ensure_future(self._pass(answers, writer, self._swallows))
            await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
            there.cancel()
            back.cancel()
        finally:
            for end in (writer, requests):
                self._writers.discard(end)
                end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: Callable[[], bool]) -> None:
        try:
            while data := await reader.read(CHUNK):
                if self.mode == SLOW:
                    await asyncio.sleep(random.random() * LONGEST_DELAY)
                await self.flowing.wait()
                if not lost():
                    writer.write(data)
                    await writer.drain()
        except OSError:
            return

    def _swallows_requests(self) -> bool:
        return self.mode == HANG

    def _swallows(self) -> bool:
        return self.mode in (HANG, DEAF)


async def obey() -> None:
    """Carry out commands until there are no more."""
    links: dict[str, Link] = {}
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        command = json.loads(line)
        told = "ok"
        if (link := links.get(command["link"])) is None:
            link = links[command["link"]] = Link()
            told = str(await link.listen())
        link.mode, changed = command["mode"], link.upstream != command["port"]
        link.upstream = command["port"]
        if changed or link.mode == CUT:
            link.reset()
        if link.mode == STALL:
            link.flowing.clear()
        else:
            link.flowing.set()
        print(told, flush=True)


if __name__ == "__main__":
    uvloop.run(obey())
