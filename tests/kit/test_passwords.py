"""Hashing is bounded, off the event loop, and tells nobody whether an account exists."""

import asyncio
import time
from collections.abc import Iterator

import argon2
import pytest

from taskapi.config import AuthSettings
from taskapi.errors import Overloaded
from taskapi.kit.passwords import Passwords

pytestmark = pytest.mark.anyio
QUEUE = 2


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    """One thread and a queue of two."""
    made = Passwords(AuthSettings(password_threads=1, password_queue=QUEUE))
    yield made
    made.close()


async def test_a_password_matches_its_own_hash_only(passwords: Passwords) -> None:
    known = await passwords.hash("correct horse")
    assert known.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.verify(known, "correct horse")
    assert not await passwords.verify(known, "correct horsE")
    assert not await passwords.verify(known, "")
    assert await passwords.hash("correct horse") != known


@pytest.mark.parametrize("known", ["", "x", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$", "$2b$12$abc"])
async def test_what_is_no_hash_matches_nothing(passwords: Passwords, known: str) -> None:
    assert not await passwords.verify(known, "x")


async def test_nobody_matches_nothing_not_even_the_password_of_nobody(passwords: Passwords) -> None:
    assert not await passwords.verify(None, "the password of nobody")


async def test_nobody_takes_as_long_as_somebody(passwords: Passwords) -> None:
    async def shortest(known: str | None) -> float:
        times = []
        for _ in range(5):
            started = time.perf_counter()
            await passwords.verify(known, "wrong")
            times.append(time.perf_counter() - started)
        return min(times)

    somebody, nobody = await shortest(await passwords.hash("right")), await shortest(None)
    assert 0.4 < nobody / somebody < 2.5


async def test_the_event_loop_goes_on_meanwhile(passwords: Passwords) -> None:
    work = asyncio.create_task(passwords.hash("x"))
    turns = 0
    while not work.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 10


async def test_beyond_the_queue_everybody_is_told_to_come_back(passwords: Passwords) -> None:
    results = await asyncio.gather(*(passwords.hash("x") for _ in range(8)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, Overloaded)]
    assert len(refused) == 8 - 1 - QUEUE
    assert all(error.retry_after for error in refused)
    assert await passwords.hash("x")


async def test_callers_that_go_away_leave_their_places(passwords: Passwords) -> None:
    for _ in range(5):
        tasks = [asyncio.create_task(passwords.hash("x")) for _ in range(1 + QUEUE)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(result) for result in results} == {asyncio.CancelledError}
    assert all(await asyncio.gather(*(passwords.hash("x") for _ in range(1 + QUEUE))))


async def test_a_failure_leaves_its_place_too(passwords: Passwords) -> None:
    for _ in range(5):
        with pytest.raises(UnicodeEncodeError):
            await passwords.hash("\ud800")
    assert await passwords.hash("x")


async def test_a_hash_of_other_parameters_is_outdated(passwords: Passwords) -> None:
    assert not passwords.is_outdated(await passwords.hash("x"))
    weaker = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1)
    known = weaker.hash("x")
    assert passwords.is_outdated(known)
    assert await passwords.verify(known, "x")
