"""People who look: one read after the other, of every kind, through whichever process."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.chaos.looking import Looking
from tests.chaos.people import Features, Person
from tests.chaos.views import STATUSES

Read = Callable[[], Awaitable[None]]


class Reader:
    """Reads without a pause."""

    def __init__(self, looking: Looking, features: Features, strangers: list[Person]) -> None:
        self._looking = looking
        self._person = looking.person
        self._random = looking.device.random
        self._strangers = [person for person in strangers if person is not self._person]
        kinds: list[tuple[Read, int, bool]] = [
            (self._task, 40, True),
            (self._conditional, 15, features.conditional),
            (self._looking.list, 20, True),
            (self._filtered, 8, features.filters),
            (self._looking.summary, 6, features.summary),
            (self._looking.me, 5, True),
            (self._conditional_me, 3, features.conditional),
            (self._gone, 2, features.churn),
            (self._stranger, 1, True),
        ]
        self._reads = [read for read, _, exists in kinds if exists]
        self._weights = [weight for _, weight, exists in kinds if exists]

    async def run(self, stopped: asyncio.Event) -> None:
        """Read until it is time to stop."""
        while not stopped.is_set():
            for read in self._random.choices(self._reads, self._weights, k=50):
                await read()
                if stopped.is_set():
                    return

    async def _task(self) -> None:
        await self._looking.task(self._random.choice(self._person.tasks))

    async def _conditional(self) -> None:
        await self._looking.task(self._random.choice(self._person.tasks), conditional=True)

    async def _filtered(self) -> None:
        await self._looking.list(self._random.choice(STATUSES))

    async def _conditional_me(self) -> None:
        await self._looking.me(conditional=True)

    async def _gone(self) -> None:
        task = self._random.choice(self._person.tasks)
        if task.past_ids:
            await self._looking.gone_task(task, self._random.choice(task.past_ids[-3:]))

    async def _stranger(self) -> None:
        task_id = self._random.choice(self._random.choice(self._strangers).tasks).current.task_id
        if task_id is not None:
            await self._looking.strangers_task(task_id)
