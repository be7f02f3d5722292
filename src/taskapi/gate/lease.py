"""Permission to serve what is kept, renewed from PostgreSQL every second and worth two.

Whoever cannot tell Redis about a write closes the gate in PostgreSQL and waits until the permission of every process
has run out or was renewed by a read that said `closed`. So nobody has to be reached for nobody to serve the past. Time
here is a clock that runs on while the machine sleeps.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from taskapi.gate import store
from taskapi.gate.store import State
from taskapi.kit.database import LoneConnection
from taskapi.kit.tasks import look_at

LEASE_SECONDS = 2.0
"""From the moment a read is sent that says `open`."""

CLOSED_SECONDS = LEASE_SECONDS + 0.05
"""From the moment somebody sees the gate closed until nobody serves any more; clocks may run a little apart."""

WITHOUT_REDIS = timedelta(seconds=4)
"""How long a gate stays closed at least, so that its closer gets through and its next write need not wait again."""

OTHER_REDIS = timedelta(seconds=8)
"""The same where another Redis took over: it may lack a write under way, which may be committing for so long."""

Now = Callable[[], float]
CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


machine_clock: Now = partial(time.clock_gettime, CLOCK)
"""Returns seconds since the machine was switched on, sleep included where it can tell."""


class Closing(NamedTuple):
    """The gate's being closed, until it is opened with another token."""

    token: str
    seen_at: float
    """By this process; zero if the gate was never open, so that nobody has a permission which must run out."""


class Lease:
    """What this process knows of the gate's state, and until when that is good for serving."""

    def __init__(self, connection: LoneConnection, now: Now, changed: Callable[[str], None]) -> None:
        self._connection = connection
        self.now = now
        self._changed = changed
        """Is told each new generation."""
        self._turn = asyncio.Lock()
        self._next: dict[timedelta | None, asyncio.Task[State]] = {}
        """The statements that wait for their turn: to close until so long from now, or to read (None)."""
        self._until = 0.0
        self._known_until = 0.0
        self._server: str | None = None
        self._generation = ""
        self.closing: Closing | None = None
        self.state: State | None = None

    def serves(self, server: str | None) -> bool:
        """Say whether what is kept under this Redis may be served now."""
        return self.now() < self._until and server == self._server is not None

    def names(self, server: str | None) -> bool:
        """Say whether a read of the last two seconds named this Redis: all who serve now, if any do, stand on it."""
        return self.now() < self._known_until and server == self._server is not None

    @property
    def is_settled(self) -> bool:
        """Whether the gate is closed and no process serves any more."""
        return self.closing is not None and self.now() >= self.closing.seen_at + CLOSED_SECONDS

    async def refresh(self) -> State:
        """Read the state; raises whatever keeps PostgreSQL from answering."""
        return await self._shared(None)

    async def ensure(self) -> None:
        """Read the state unless it is known well enough."""
        if self.now() >= self._until:
            await self.refresh()

    async def close(self, until: timedelta = WITHOUT_REDIS) -> State:
        """Close the gate, or go on keeping it closed, at least until so long from now."""
        return await self._shared(until)

    async def renew(self) -> None:
        """Begin a new generation; returns when no process serves under the old one any more."""
        await store.renew(self._connection)
        await asyncio.sleep(CLOSED_SECONDS)
        await self.refresh()

    async def settle(self) -> None:
        """Wait until the closed gate is closed for everybody."""
        if self.closing is not None and not self.is_settled:
            await asyncio.sleep(max(0.001, self.closing.seen_at + CLOSED_SECONDS - self.now()))
            await self.settle()

    async def _shared(self, closed_until: timedelta | None) -> State:
        """Wait for the next statement of this sort: one for all who ask before it is sent, however many they are."""
        statement = self._next.get(closed_until)
        if statement is None:
            statement = self._next[closed_until] = asyncio.create_task(self._run(closed_until))
            statement.add_done_callback(look_at)
        return await asyncio.shield(statement)

    async def _run(self, closed_until: timedelta | None) -> State:
        async with self._turn:
            del self._next[closed_until]  # what is asked from now on needs an answer of its own
            started = self.now()
            if closed_until is None:
                return self._take(await store.read(self._connection), started)
            return self._take(await store.close(self._connection, closed_until), started)

    def _take(self, state: State, started: float) -> State:
        self.state = state
        self._server = state.server
        self._known_until = started + LEASE_SECONDS
        if state.is_open:
            self._until, self.closing = started + LEASE_SECONDS, None
        else:
            self._until = 0.0
            if self.closing is None or self.closing.token != state.token:
                never_open = state.server is None
                self.closing = Closing(state.token, 0.0 if never_open else self.now())
        if state.generation != self._generation:
            self._generation = state.generation
            self._changed(state.generation)
        return state
