"""Which server a key lies on: the only one there is, or that of its slot in a Redis Cluster.

The map of a cluster is learnt from its first redirection, corrected by each further one, and read anew every second.
"""

import asyncio
from hashlib import sha256
from typing import Any

from taskapi.gate import address, identity
from taskapi.gate.calls import Call, Command, Unreachable
from taskapi.gate.counts import Counts
from taskapi.gate.line import Line
from taskapi.gate.slots import Place, read_ranges, read_redirection, slot_of
from taskapi.gate.trips import TracedLine
from taskapi.kit import tracing

MOST_REDIRECTIONS = 3


class Nodes:
    """The lines to all servers that hold keys of the gate."""

    def __init__(self, url: str, seconds: float, counts: Counts) -> None:
        self._address = address.parse(url)
        self._seconds = seconds
        self._counts = counts
        self._first: Line | None = None
        self._lines: dict[Place, Line] = {}
        self._slots: dict[int, Line] = {}
        """Empty where there is only one server."""
        self._generation = ""
        self.identity: str | None = None
        """Who all the servers are, as far as each was reached once."""

    def open(self) -> None:
        """Prepare in the running event loop; connections are made when they are needed."""
        place = Place(self._address.host, self._address.port)
        self._first = self._lines[place] = self._make_line(self._address)

    async def close(self) -> None:
        """Close all connections."""
        for line in self._lines.values():
            await line.close()

    def line(self, slot: int) -> Line:
        """Return the line to the server that holds a slot."""
        assert self._first is not None, "the gate is not open"
        return self._slots.get(slot, self._first) if self._slots else self._first

    @property
    def is_broken(self) -> bool:
        """Whether some server is not asked at the moment."""
        return any(line.is_broken for line in self._servers())

    def send(self, command: Command, key: bytes) -> None:
        """Send a command for its effect only, when there is room for it."""
        slot = slot_of(key)
        self.line(slot).send(Call(command, None, slot))

    def enter_generation(self, generation: str) -> None:
        """Name another generation in every question from now on."""
        self._generation = generation
        for line in self._lines.values():
            line.enter_generation(generation)

    async def look(self) -> str | None:
        """Ask all servers who they are and return it; None if one does not answer."""
        try:
            await self._look()
        except Unreachable:
            return None
        return self.identity

    async def _look(self) -> None:
        assert self._first is not None, "the gate is not open"
        lines = self._servers()
        for line, information in zip(lines, await asyncio.gather(*map(_ask_who, lines)), strict=True):
            if identity.read(information) != line.identity:
                line.drop()
                raise Unreachable("another server answers")
        if any(line.identity is not None and line.identity.is_cluster for line in lines):
            await self._read_map(lines[0])

    def _servers(self) -> list[Line]:
        return list(dict.fromkeys(self._slots.values())) if self._slots else [self.line(0)]

    async def _read_map(self, line: Line) -> None:
        reply = await _ask(line, (b"CLUSTER", b"SLOTS"))
        slots = {
            slot: self._line_to(part.place)
            for part in read_ranges(reply, line.address.host)
            for slot in range(part.first, part.last + 1)
        }
        if slots != self._slots:
            self._slots = slots
            self._rename()

    def _redirect(self, asked: Line, call: Call, error: str) -> None:
        """Send a call again, to where the server says that it belongs; it was not run."""
        code = error.partition(" ")[0]
        call.retries += 1
        if code not in {"MOVED", "ASK"} or call.retries > MOST_REDIRECTIONS:
            call.fail(error)
            return
        line = self._line_to(read_redirection(error, asked.address.host))
        try:
            if code == "MOVED":
                self._slots[call.slot] = line
                self._rename()
            else:
                line.ask(Call((b"ASKING",), None, call.slot))
            line.ask(call)
        except Unreachable as reason:
            call.fail(str(reason))

    def _line_to(self, place: Place) -> Line:
        line = self._lines.get(place)
        if line is None:
            line = self._lines[place] = self._make_line(self._address.at(place.host, place.port))
            line.enter_generation(self._generation)
        return line

    def _make_line(self, place: address.Address) -> Line:
        about = (place, self._seconds, self._counts, self._redirect, self._rename)
        tracer = tracing.active()
        return Line(*about) if tracer is None else TracedLine(tracer, *about)

    def _rename(self) -> None:
        """Say anew who all the servers are."""
        names = [line.identity.name if line.identity else None for line in self._servers()]
        known = sorted(name for name in names if name is not None)
        if len(known) < len(names):
            self.identity = None
        elif self._slots:
            self.identity = "cluster:" + sha256(" ".join(known).encode()).hexdigest()
        else:
            self.identity = known[0]


async def _ask_who(line: Line) -> bytes:
    information: bytes = await _ask(line, identity.INFO)
    return information


async def _ask(line: Line, command: Command) -> Any:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    line.ask(Call(command, future))
    return await future
