"""Sequences of reads, writes and faults of Valkey, found by chance and made as short as possible when one goes wrong.

One thing happens at a time here; what happens at once is the campaigns' business. So each read has exactly one right
answer, whichever process is asked and whatever has happened to Valkey before.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from random import Random
from typing import Any, ClassVar

import msgspec
import pytest
import uvloop
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.chaos.fleet import TASK_API, Fleet
from tests.chaos.ledger import Ledger
from tests.chaos.links import Links
from tests.chaos.looking import Looking
from tests.chaos.people import Household, Person, log_in
from tests.chaos.proxy import CUT, DEAF, HANG
from tests.chaos.run import SERVERS, fleet_of
from tests.chaos.stores import Stores, running_stores
from tests.chaos.timelines import Timeline
from tests.chaos.views import STATUSES
from tests.chaos.weather import Weather
from tests.chaos.writers import Writer
from tests.servers import data_folder

EXAMPLES, STEPS = 12, 25
PATIENCE = 20.0
RECOVERY_SECONDS = 20
SLOTS = 2
processes = st.integers(0, SERVERS - 1)
slots = st.integers(0, SLOTS - 1)


class World(msgspec.Struct):
    """What all sequences run on."""

    stores: Stores
    fleet: Fleet
    ledger: Ledger
    loop: asyncio.AbstractEventLoop


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Three processes that are ready."""
    loop = uvloop.new_event_loop()
    with data_folder() as folder, Links() as links, running_stores(folder, links) as stores:
        ledger = Ledger(Weather(), folder / "journal.jsonl")
        with fleet_of(TASK_API, folder, links, stores) as fleet:
            loop.run_until_complete(fleet.until_ready())
            yield World(stores, fleet, ledger, loop)
    loop.close()


class Sequence(RuleBasedStateMachine):
    """One person with one device, which asks the process that chance names."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.household = Household(self.world.fleet.ports, self.world.ledger, Random(0))
        self.person = Person("ada", SLOTS)
        self.device = self.household.device("ada's device", PATIENCE)
        self.looking = Looking(self.device, self.person)
        self.writer = Writer(self.looking, [], TASK_API.features, pause=1)
        self.began = self.world.ledger.journal.stat().st_size

    def run(self, work: Coroutine[Any, Any, Any], process: int | None = None) -> None:
        """Do something through one process."""
        self.device.pinned = process
        self.world.loop.run_until_complete(work)

    @initialize()
    def settle(self) -> None:
        """Register, create the tasks, log in; whatever is kept is served again, so that every sequence begins alike."""
        self.run(self.household.settle(self.person))
        self.run(log_in(self.device, self.person))
        self.run(self._until_recovered())

    @rule(slot=slots, process=processes)
    def write(self, slot: int, process: int) -> None:
        """Change, delete or create a task that all processes have just read, and read it from all again."""
        task = self.person.tasks[slot]
        self._note("write", slot=slot, process=process)
        self._read_everywhere(task)
        self.run(self.writer.write(task), process)
        self._read_everywhere(task)

    @rule(process=processes)
    def rename(self, process: int) -> None:
        """Change the account, likewise."""
        self._note("rename", process=process)
        for number in range(SERVERS):
            self.run(self.looking.me(), number)
        self.run(self.writer.write(self.person.account), process)
        for number in range(SERVERS):
            self.run(self.looking.me(), number)

    @rule(slot=slots, process=processes, conditional=st.booleans())
    def read(self, slot: int, process: int, conditional: bool) -> None:
        """Read a task, and one that was deleted if there is one."""
        task = self.person.tasks[slot]
        self.run(self.looking.task(task, conditional=conditional), process)
        if task.past_ids:
            self.run(self.looking.gone_task(task, task.past_ids[-1]), process)

    @rule(process=processes, status=st.sampled_from((None, *STATUSES)))
    def list(self, process: int, status: str | None) -> None:
        """Read a list."""
        self.run(self.looking.list(status), process)

    @rule(process=processes, conditional=st.booleans())
    def look_around(self, process: int, conditional: bool) -> None:
        """Read the summary and the account."""
        self.run(self.looking.summary(), process)
        self.run(self.looking.me(conditional=conditional), process)

    @rule(count=st.integers(0, 10))
    def evict(self, count: int) -> None:
        """Delete keys at random, or everything."""
        self._note("evict", count=count)
        with self.world.stores.primary.client() as client:
            if count == 0:
                client.flushall()
            for _ in range(count):
                if (key := client.randomkey()) is not None:
                    client.unlink(key)

    @rule()
    def end_connections(self) -> None:
        """End all connections of clients."""
        with self.world.stores.primary.client() as client:
            client.client_kill_filter(_type="normal", skipme=True)

    @rule(process=processes, mode=st.sampled_from((CUT, HANG, DEAF)))
    def break_link(self, process: int, mode: str) -> None:
        """Break the way between one process and Valkey."""
        self._note("break", process=process, mode=mode)
        self.world.fleet.servers[process].link.set(mode)

    @rule(process=processes)
    def heal_link(self, process: int) -> None:
        """Mend it."""
        self._note("heal", process=process)
        self.world.fleet.servers[process].link.heal()

    def _note(self, event: str, **about: Any) -> None:
        """Write into the journal what is about to happen: a failure that does not repeat cannot be made shorter."""
        self.world.ledger.note_event(event, **about)

    async def _until_recovered(self) -> None:
        """Return when all processes serve from memory or Redis, if they ever do; fails if they do not within a time."""
        waiting = set(range(SERVERS))
        async with asyncio.timeout(RECOVERY_SECONDS):
            while waiting:
                for number in tuple(waiting):
                    reply = await self.device.ask("GET", "/api/auth/me", instance=number)
                    if reply is not None and (reply.answer.header("x-cache") or "hit").startswith("hit"):
                        waiting.discard(number)
                await asyncio.sleep(0.05)

    def _read_everywhere(self, task: Timeline) -> None:
        for number in range(SERVERS):
            self.run(self.looking.task(task), number)
            self.run(self.looking.list(), number)

    @invariant()
    def nothing_is_wrong(self) -> None:
        """Nothing was found so far."""
        assert self.world.ledger.is_clean, self.world.ledger.journal.read_text()[self.began :]

    def teardown(self) -> None:
        """Leave everything as it was."""
        for server in self.world.fleet.servers:
            server.link.heal()
        self.device.close()
        self.world.ledger.wrong.clear()
        self.world.ledger.faults.clear()


def test_every_read_shows_the_last_write_whatever_happens_to_valkey(world: World) -> None:
    limits = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    Sequence.world = world
    run_state_machine_as_test(Sequence, settings=limits)
    assert world.ledger.reads > 0
