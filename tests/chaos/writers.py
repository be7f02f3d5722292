"""People who write: each change is repeated with its key until it is acknowledged; only then comes the next.

A writer has things of its own, which nobody else changes, so that it is known what every one of them has to be.
"""

import asyncio
import time
from typing import Any

import msgspec

from tests.chaos.devices import Device, Reply
from tests.chaos.ledger import Fault, Ledger
from tests.chaos.looking import Looking
from tests.chaos.people import EXISTS, Features
from tests.chaos.timelines import ABSENT, Timeline
from tests.chaos.views import STATUSES, me_of, task_of

RETRY_SECONDS = 0.1
GIVE_UP_SECONDS = 90
"""Longer than any fault: a write that is not acknowledged by then never will be."""
DELETIONS = 0.12
"""The share of writes that delete."""


class Change(msgspec.Struct):
    """One request that changes something, to be repeated until it is acknowledged."""

    method: str
    path: str
    body: dict[str, str] | None
    status: int


class Writer:
    """Changes its things one after the other."""

    def __init__(self, looking: Looking, things: list[Timeline], features: Features, pause: float) -> None:
        """`pause` is the mean number of seconds between an acknowledgement and the next change."""
        self._looking = looking
        self._device: Device = looking.device
        self._ledger: Ledger = looking.device.ledger
        self._random = looking.device.random
        self._things = things
        self._features = features
        self._pause = pause

    async def run(self, stopped: asyncio.Event) -> None:
        """Write until it is time to stop; what is under way then is seen through."""
        while not stopped.is_set():
            thing = self._random.choice(self._things)
            await self.write(thing)
            if self._random.random() < 0.5:
                await self._look_at(thing)
            await asyncio.sleep(self._random.expovariate(1 / self._pause))

    async def _look_at(self, thing: Timeline) -> None:
        if thing is self._looking.person.account:
            await self._looking.me()
        elif self._random.random() < 0.3:
            await self._looking.list()
        else:
            await self._looking.task(thing)

    async def write(self, thing: Timeline) -> None:
        """Change a thing once; returns when that is acknowledged."""
        change = self._next(thing)
        headers = {"Idempotency-Key": f"{self._device.name}/{thing.slot}/{thing.begun}".replace(" ", "-")}
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            reply = await self._device.ask(change.method, change.path, change.body, headers)
            if reply is not None and await self._acknowledges(reply, change, thing):
                thing.acknowledge(_id_of(reply) if change.method == "POST" else None)
                self._ledger.writes += 1
                self._check(reply, thing)
                return
            await asyncio.sleep(RETRY_SECONDS * (0.5 + self._random.random()))
        raise TimeoutError(f"{change.method} {change.path} was not acknowledged within {GIVE_UP_SECONDS} seconds")

    def _next(self, thing: Timeline) -> Change:
        current = thing.current
        if thing is self._looking.person.account:
            version = thing.begin(EXISTS, None, self._device.name)
            return Change("PATCH", "/api/auth/me", {"name": thing.title(version)}, 200)
        if current.status == ABSENT:
            version = thing.begin(self._random.choice(STATUSES), None, self._device.name)
            body = {"title": thing.title(version), "status": version.status}
            return Change("POST", "/api/tasks", body, 201)
        path = f"/api/tasks/{current.task_id}"
        if self._features.churn and self._random.random() < DELETIONS:
            thing.begin(ABSENT, None, self._device.name)
            return Change("DELETE", path, None, 204)
        version = thing.begin(self._random.choice(STATUSES), current.task_id, self._device.name)
        return Change("PATCH", path, {"title": thing.title(version), "status": version.status}, 200)

    async def _acknowledges(self, reply: Reply, change: Change, thing: Timeline) -> bool:
        status = reply.answer.status
        if status == change.status:
            return True
        if status == 401:
            await self._looking.logged_out(reply, change.path)
        elif not (status == 409 and b"idempotency-key-in-use" in reply.answer.body):
            self._note(Fault.UNEXPECTED, reply, thing, body=reply.answer.body[:400].decode(errors="replace"))
        return False

    def _check(self, reply: Reply, thing: Timeline) -> None:
        """Note an answer that does not show what was written; that of a repetition has to show it too."""
        if reply.answer.status == 204:
            return
        is_account = thing is self._looking.person.account
        told = me_of(reply.answer.body).user.name if is_account else task_of(reply.answer.body).title
        if told != thing.title(thing.current):
            self._note(Fault.UNEXPECTED, reply, thing, told=told, written=thing.title(thing.current))

    def _note(self, fault: Fault, reply: Reply, thing: Timeline, **about: Any) -> None:
        self._ledger.note_fault(fault, reply.sent, client=self._device.name, slot=thing.slot, **reply.about(), **about)


def _id_of(reply: Reply) -> str:
    return task_of(reply.answer.body).id
