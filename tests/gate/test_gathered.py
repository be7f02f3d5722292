"""What cannot be stored keeps nothing that comes later from being stored."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from taskapi.gate.gathered import Gathered
from taskapi.kit.database import Transaction
from tests.gate.processes import Process
from tests.kit.patience import until

pytestmark = pytest.mark.anyio


class Notes(Gathered[str]):
    """Some words."""

    stored: Sequence[str] = ()
    refused = 0

    async def _store(self, transaction: Transaction, items: Sequence[str]) -> None:
        if "bad" in items:
            self.refused += 1
            raise LookupError("there is no place for it")
        self.stored = items


async def test_a_failure_is_not_the_end(process: Process) -> None:
    notes = Notes(process.rooms.database, 10)
    running = asyncio.create_task(notes.run())
    notes.take(["bad"])
    await until(partial(_holds, lambda: notes.refused == 1))
    notes.take(["good"])
    await until(partial(_holds, lambda: notes.stored == ["good"]))
    running.cancel()


async def test_beyond_the_bound_nothing_is_taken(process: Process) -> None:
    notes = Notes(process.rooms.database, 2)
    for word in ("one", "two", "three"):
        notes.take([word])
    await notes.empty()
    assert notes.stored == ["one", "two"]


async def _holds(claim: Callable[[], bool]) -> bool:
    return claim()
