"""One connection to Redis: a batch of commands out in one packet, exactly as many answers back.

A connection has one batch in flight at most. Where an answer is late, malformed or one too many, the connection is
broken for good: an answer must never be taken for somebody else's.
"""

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

import hiredis

from taskapi.kit.clock import TIMER_SECONDS

GRACE_SECONDS = 0.02
"""After a time-out: a process that stood still itself finds the answer in its socket before it blames Redis."""

Done = Callable[[list[Any] | None], None]
"""Takes the answers in order; None if the connection broke."""


class Connection(asyncio.Protocol):
    """A connection that is either idle, in flight or broken."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._flown_at = 0.0
        self._done: Done | None = None
        self._replies: list[Any] = []
        self._expected = 0
        self.is_broken = False

    def fly(self, commands: Sequence[bytes], done: Done) -> None:
        """Send a batch; `done` is called once."""
        assert self._done is None, "a batch is in flight"
        self._done, self._replies, self._expected = done, [], len(commands)
        if self.is_broken or self._transport is None:
            self._finish(None)
            return
        self._transport.write(b"".join(commands))
        self._flown_at = monotonic()
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._look)

    def close(self) -> None:
        """Break the connection; a batch in flight gets no answer."""
        self.is_broken = True
        if self._transport is not None:
            self._transport.abort()
        if self._timer is not None:
            self._timer.cancel()
        self._finish(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]  # uvloop's do not inherit from asyncio's

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol wants it
        """Give up what is in flight."""
        self.close()

    def data_received(self, data: bytes) -> None:
        """Take answers; the last one ends the flight."""
        reader, replies = self._reader, self._replies
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not False:
                replies.append(reply)
        except hiredis.ProtocolError:
            self.close()
            return
        if len(replies) == self._expected and not reader.has_data():
            self._finish(replies)
        elif len(replies) >= self._expected:
            self.close()

    def _look(self) -> None:
        """See whether the flight is late. One timer watches many flights: one for each would cost as much as those."""
        self._timer = None
        if self._done is None:
            return
        left = self._flown_at + self._seconds - monotonic()
        if left > 0:
            self._timer = self._loop.call_later(max(left, TIMER_SECONDS), self._look)
        else:
            self._timer = self._loop.call_later(GRACE_SECONDS, self._give_up, self._flown_at)

    def _give_up(self, flown_at: float) -> None:
        self._timer = None
        if self._done is not None and self._flown_at == flown_at:
            self.close()
        else:
            self._look()

    def _finish(self, replies: list[Any] | None) -> None:
        done, self._done = self._done, None
        self._expected, self._replies = 0, []
        if done is not None:
            done(replies)
