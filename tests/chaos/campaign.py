"""One run: people read and write, two lanes of faults disturb them, and at the end the database is audited."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from random import Random
from typing import Any

import msgspec

from tests.chaos import process_faults, redis_faults
from tests.chaos.audit import audit
from tests.chaos.ledger import Ledger
from tests.chaos.looking import Looking
from tests.chaos.people import Features, Household, Person, log_in
from tests.chaos.readers import Reader
from tests.chaos.scene import Scene
from tests.chaos.visitors import Visitor
from tests.chaos.weather import GRACE_SECONDS
from tests.chaos.writers import Writer

NAMES = ("ada", "grace", "edith", "joan", "karen", "radia", "barbara", "frances")
CALM_SECONDS = 1.5
"""Before the first fault; and after the last one, once nothing is excused any more."""
VISITOR_PATIENCE = 20.0
"""Seconds: longer than the server may take."""

Fault = Callable[[Scene], Awaitable[None]]


LANES: Sequence[Sequence[Fault]] = (redis_faults.FAULTS, process_faults.FAULTS)
"""All faults. Those of one lane never happen at the same time."""


class Plan(msgspec.Struct, frozen=True):
    """How much is done."""

    seed: int
    seconds: float
    """How long faults happen."""
    reads: int = 0
    """Go on until so many reads were checked."""
    people: int = 5
    slots: int = 4
    readers: int = 3
    """Of each person."""
    writer_pause: float = 0.12
    reader_patience: float = 4.0
    """Seconds; short, so that readers soon leave a process that is frozen."""
    writer_patience: float = 6.0
    gap: tuple[float, float] = (0.2, 7.0)
    """Seconds between two faults of one lane: sometimes none has a chance to settle, sometimes all is well again."""
    lanes: Sequence[Sequence[Fault]] = LANES
    most_seconds: float = 7200


class Campaign:
    """Runs a plan against a fleet."""

    def __init__(self, plan: Plan, scene: Scene, features: Features, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._scene = scene
        self._features = features
        self._say = say
        self._ledger: Ledger = scene.ledger
        self._random = Random(plan.seed)
        self._household = Household(scene.fleet.ports, self._ledger, self._random)
        self.people = [Person(name, plan.slots) for name in NAMES[: plan.people]]

    async def run(self) -> None:
        """Return when everything was done and audited; raises whatever kept it from being done."""
        await self._scene.fleet.until_ready()
        for person in self.people:
            await self._household.settle(person)
        stopped = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for work in await self._clients(stopped):
                group.create_task(work)
            try:
                await self._disturb()
            finally:
                stopped.set()
        await audit(self._scene.stores.database_url, self.people, self._ledger)

    async def _clients(self, stopped: asyncio.Event) -> list[Coroutine[Any, Any, None]]:
        works: list[Coroutine[Any, Any, None]] = []
        for person in self.people:
            for number in range(self._plan.readers):
                looking = await self._looking(person, f"{person.name}'s reader {number}", self._plan.reader_patience)
                works.append(Reader(looking, self._features, self.people).run(stopped))
            half = self._plan.slots // 2
            for number, things in enumerate((person.tasks[:half], [*person.tasks[half:], person.account])):
                looking = await self._looking(person, f"{person.name}'s writer {number}", self._plan.writer_patience)
                works.append(Writer(looking, things, self._features, self._plan.writer_pause).run(stopped))
        works.extend([visitor.run(stopped) for visitor in await self._visitors()])
        return works

    async def _looking(self, person: Person, name: str, patience: float) -> Looking:
        device = self._household.device(name, patience)
        await log_in(device, person)
        return Looking(device, person)

    async def _visitors(self) -> list[Visitor]:
        """Two visitors: of people who have other sessions too, where ending one of them leaves the others alive."""
        hosts = self.people[:2]
        if not self._features.sessions:
            hosts = [Person("visitor", 0)]
            await self._household.settle(hosts[0])
        return [Visitor(self._household.device(f"a visitor of {host.name}", VISITOR_PATIENCE), host) for host in hosts]

    async def _disturb(self) -> None:
        began = time.monotonic()
        await asyncio.sleep(CALM_SECONDS)
        ends = began + self._plan.seconds

        def over() -> bool:
            now = time.monotonic()
            return now >= began + self._plan.most_seconds or (now >= ends and self._ledger.reads >= self._plan.reads)

        chances = [Random(self._random.getrandbits(64)) for _ in self._plan.lanes]
        lanes = [self._lane(lane, chance, over) for lane, chance in zip(self._plan.lanes, chances, strict=True)]
        await asyncio.gather(*lanes, self._tell(began, over))
        await asyncio.sleep(GRACE_SECONDS + CALM_SECONDS if self._plan.lanes else 0)

    async def _lane(self, faults: Sequence[Fault], random: Random, over: Callable[[], bool]) -> None:
        """Let every fault of a lane happen equally often, in an order that the seed decides."""
        scene = self._scene.by(random)
        while not over():
            for fault in random.sample(faults, len(faults)):
                await asyncio.sleep(random.uniform(*self._plan.gap))
                if over():
                    return
                self._ledger.note_event("fault begins", fault=fault.__name__)
                await fault(scene)
                self._ledger.note_event("fault ends", fault=fault.__name__)

    async def _tell(self, began: float, over: Callable[[], bool]) -> None:
        while not over():
            await asyncio.sleep(min(10, self._plan.seconds / 4))
            ledger = self._ledger
            self._say(
                f"{time.monotonic() - began:5.0f} s: {ledger.reads:,} reads checked, {ledger.writes:,} writes, "
                f"{ledger.violations} violations, {ledger.log_outs} log-outs, {ledger.wrong_answers} wrong answers"
            )
