"""The gate's front: what a request asks, what a transaction tells, and the tasks that run beside them.

Everything here works without Redis as well, and then says so. Nothing waits without a limit.
"""

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from taskapi.config import Settings
from taskapi.contracts.sessions import Liveness, SessionSource
from taskapi.gate.admission import Admission, Counter, Question
from taskapi.gate.announcements import Announcements
from taskapi.gate.counts import Counts
from taskapi.gate.forms import Form
from taskapi.gate.keeper import Keeper
from taskapi.gate.lease import Lease, Now, machine_clock
from taskapi.gate.loads import Loads
from taskapi.gate.local_limits import LocalLimits
from taskapi.gate.nodes import Nodes
from taskapi.gate.questions import Questions
from taskapi.gate.relay import Relay
from taskapi.gate.sessions import Sessions
from taskapi.gate.versions import Versions
from taskapi.gate.writes import Writes
from taskapi.kit.clock import Clock
from taskapi.kit.database import Database
from taskapi.kit.tracing import spanned

STATE_SECONDS = 1.5
"""How long reading the gate's state may take; what is left of a lease then is worth little."""

STOP_SECONDS = 5


class Gate:
    """One process's gate."""

    def __init__(
        self, settings: Settings, database: Database, source: SessionSource, clock: Clock, now: Now = machine_clock
    ) -> None:
        assert settings.redis.url is not None
        self.counts = Counts()
        idle = timedelta(days=settings.auth.session_idle_days)
        self._nodes = Nodes(settings.redis.url.reveal(), settings.redis.redis_timeout / 1000, self.counts)
        self._lone = database.lone(STATE_SECONDS)
        self.lease = Lease(self._lone, now, self._nodes.enter_generation)
        self._versions = Versions(self._nodes, self.lease, self.counts)
        self._announcements = Announcements(database, clock)
        loads: Loads[Liveness | None] = Loads(settings.server.max_concurrency, settings.server.request_timeout)
        self._sessions = Sessions(database, source, clock, idle, self._nodes, loads, self.counts)
        self._writes = Writes(database, self._versions, self.lease, self._announcements.take, self._sessions.bury)
        self._questions = Questions(
            self._nodes,
            self.lease,
            self._sessions,
            LocalLimits(settings.processes),
            self._writes.over,
            self.counts,
            has_replicas=bool(database.replicas),
        )
        self._admit = spanned("gate.admit", self._questions.answer)
        self._count = spanned("gate.count", self._questions.count)
        self.relay = Relay(database, self._versions, self.lease, self._nodes, clock, self.counts)
        self._keeper = Keeper(self.lease, self._nodes, self._writes, self.relay)
        self._tasks: list[asyncio.Task[None]] = []
        self._writes.hang()

    async def open(self) -> None:
        """Start in the running event loop; Redis and PostgreSQL may come later."""
        self._nodes.open()
        self._start(self._keeper.renew(), self._keeper.keep(), self._announcements.run(), self._sessions.uses.run())

    async def close(self) -> None:
        """Stop the tasks, store what they had gathered, and close the connections."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            await self._announcements.empty()
            await self._sessions.uses.empty()
            await self._nodes.close()
        await self._lone.close()

    @property
    def serves(self) -> bool:
        """Whether what is kept may be served now: the gate is open on the Redis that this process reached."""
        return self.lease.serves(self._nodes.identity)

    @property
    def oldest_waiting(self) -> float:
        """How many seconds ago the oldest row of the outbox was written that nobody announced, when last looked at."""
        return 0.0 if self.lease.state is None else self.lease.state.oldest_waiting

    @property
    def is_cut_off(self) -> bool:
        """Whether nobody waits for Redis at the moment, because it did not answer several times in a row."""
        return self._nodes.is_broken

    def form(self, question: Question) -> Form:
        """Return what a question is asked with, as often as one likes."""
        return self._questions.form(question)

    def admit(self, form: Form, held: bytes | None = None) -> Awaitable[Admission]:
        """Answer a question in one trip, or two; raises Overloaded if Redis is away and PostgreSQL has no room.

        `held` is the stamp of the answer that this process holds; Redis sends a body only if that one is not fresh.
        """
        return self._admit(form, held)

    def count(self, counters: Sequence[Counter]) -> Awaitable[Admission]:
        """Count a request of nobody in particular, if every counter has room."""
        return self._count(counters)

    def keep(self, question: Question, admission: Admission, body: bytes, seconds: int) -> None:
        """Keep an answer that was loaded after the admission, unless it may not be kept: with the next trip."""
        if admission.stamp is not None and question.body_key is not None:
            key = question.body_key.encode()
            self._nodes.send((b"SET", key, admission.stamp + body, b"EX", max(1, seconds)), key)

    async def settle(self, user_id: UUID) -> None:
        """Announce what was written of this user before and is not announced; returns once nobody serves the past."""
        await self._writes.settle(user_id)

    async def clear(self) -> None:
        """Forget everything that is kept, everywhere: returns when nobody serves it any more."""
        await self.lease.renew()

    def _start(self, *work: Coroutine[Any, Any, None]) -> None:
        self._tasks = [asyncio.create_task(coroutine) for coroutine in work]
