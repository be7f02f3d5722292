"""A line where traces are wanted: the same, and each command's trip becomes a part of the trace of whoever asked.

A batch belongs to many requests and so to none of their traces; each has its own part, which names the batch's size.
"""

import time
from dataclasses import dataclass
from typing import Any

from taskapi.gate.calls import Call
from taskapi.gate.connection import Connection
from taskapi.gate.line import Line
from taskapi.kit.tracing import Tracer


@dataclass(slots=True)
class Trip:
    """When a command left, and among how many."""

    begun: int
    """Nanoseconds since 1970."""

    batch: int = 0


class TracedLine(Line):
    """A line that lets a tracer know of its trips."""

    def __init__(self, tracer: Tracer, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._tracer = tracer
        self._trips: dict[Call, Trip] = {}
        """Of calls that are traced and not answered."""

    def ask(self, call: Call) -> None:
        """Send a call with the next batch; raises Unreachable if none will leave soon enough."""
        super().ask(call)
        asking = self._tracer.current()
        if asking is not None and call.future is not None and call not in self._trips:
            trip = self._trips[call] = Trip(time.time_ns())
            call.future.add_done_callback(lambda _: self._end(call, trip, asking))

    def _fly(self, connection: Connection, batch: list[Call]) -> None:
        if self._trips:
            now = time.time_ns()
            for call in batch:
                if (trip := self._trips.get(call)) is not None:
                    trip.begun, trip.batch = now, len(batch)
        super()._fly(connection, batch)

    def _end(self, call: Call, trip: Trip, asking: object) -> None:
        del self._trips[call]
        self._tracer.note_trip(asking, trip.begun, trip.batch)
