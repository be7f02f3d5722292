"""Which server a key lies on: the only one there is, or that of its slot in a Redis Cluster."""

import asyncio
from typing import Any

from redis.crc import key_slot

from taskapi.gate import address
from taskapi.gate.calls import Call, Command, Unreachable
from taskapi.gate.counts import Counts
from taskapi.gate.line import Line


class Nodes:
    """The lines to all servers that hold keys of the gate."""

    def __init__(self, url: str, seconds: float, counts: Counts) -> None:
        self._address = address.parse(url)
        self._seconds = seconds
        self._counts = counts
        self._only: Line | None = None

    def open(self) -> None:
        """Prepare in the running event loop; connections are made when they are needed."""
        self._only = Line(self._address, self._seconds, self._counts, self._redirect)

    async def close(self) -> None:
        """Close all connections."""
        if self._only is not None:
            await self._only.close()

    def line(self, slot: int) -> Line:  # noqa: ARG002
        """Return the line to the server that holds a slot."""
        assert self._only is not None, "the gate is not open"
        return self._only

    def send(self, command: Command, key: bytes) -> None:
        """Send a command for its effect only, when there is room for it."""
        slot = slot_of(key)
        self.line(slot).send(Call(command, None, slot))

    def enter_generation(self, generation: str) -> None:
        """Name another generation in every question from now on."""
        self.line(0).enter_generation(generation)

    @property
    def identity(self) -> str | None:
        """Who all the servers are; None while one of them is not connected."""
        found = self.line(0).identity
        return None if found is None else found.name

    async def look(self) -> str | None:
        """Ask all servers who they are and return it; None if one does not answer."""
        line = self.line(0)
        try:
            information = await self.ask((b"INFO", b"server", b"replication", b"persistence", b"cluster"))
        except Unreachable:
            return None
        del information, line
        return self.identity

    async def ask(self, command: Command, slot: int = 0) -> Any:
        """Return the answer to a command; raises Unreachable."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.line(slot).ask(Call(command, future, slot))
        return await future

    def _redirect(self, call: Call, error: str) -> None:
        call.fail(error)


def slot_of(key: bytes) -> int:
    """Return the slot of a key."""
    return int(key_slot(key))
