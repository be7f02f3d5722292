"""What holds the event loop up is found out while it does."""

import asyncio
import time

import pytest

from taskapi.kit.watchdog import BEAT_SECONDS, MOST_KEPT, STALL_SECONDS, Stall, Watchdog
from tests.kit.patience import until

pytestmark = pytest.mark.anyio

LONG = STALL_SECONDS * 3


def hold_everything_up(seconds: float) -> None:
    """Block, as code does that computes or waits without `await`."""
    time.sleep(seconds)


def ignore(_: float) -> None:
    """Take how late the loop was, and leave it at that."""


async def test_a_stall_is_remembered_with_what_ran() -> None:
    watchdog = Watchdog()
    with watchdog.watching(ignore):
        hold_everything_up(LONG)
        (stall,) = await found(watchdog, 1)
    assert LONG * 0.8 < stall.seconds < 5
    assert any("test_a_stall_is_remembered" in place for place in stall.stack)


async def test_code_that_lets_no_other_thread_run_is_found_too() -> None:
    watchdog = Watchdog()
    with watchdog.watching(ignore):
        for _ in range(40):  # what runs between two looks of the thread is up to the interpreter and the machine
            sum(range(20_000_000))
            await asyncio.sleep(0.1)
            if any("test_code_that_lets" in stall.stack[-1] for stall in watchdog.stalls):
                return
    pytest.fail(f"it was not found in {watchdog.stalls}")


async def test_a_loop_that_runs_is_left_in_peace() -> None:
    watchdog = Watchdog()
    with watchdog.watching(ignore):
        deadline = time.monotonic() + LONG
        while time.monotonic() < deadline:  # noqa: ASYNC110 - it is to run, not to wait
            await asyncio.sleep(0)
    assert not [stall for stall in watchdog.stalls if "hold_everything_up" in stall.stack[-1]]
    assert len(watchdog.stalls) <= 1, "nothing but the machine may have held it up"


async def test_how_late_the_loop_is_is_told_again_and_again() -> None:
    told: list[float] = []
    with Watchdog().watching(told.append):
        while len(told) < 3:  # noqa: ASYNC110 - it is told by time alone
            await asyncio.sleep(BEAT_SECONDS)
        hold_everything_up(LONG)
        count = len(told)
        while len(told) == count:  # noqa: ASYNC110
            await asyncio.sleep(BEAT_SECONDS)
    assert all(0 <= late < 5 for late in told)
    assert told[count] > LONG - 2 * BEAT_SECONDS


async def test_only_the_latest_are_kept() -> None:
    watchdog = Watchdog()
    with watchdog.watching(ignore):
        for _ in range(MOST_KEPT + 2):
            before = watchdog.stalls[:1]
            while watchdog.stalls[:1] == before:  # the thread may not have come to look
                hold_everything_up(STALL_SECONDS + 0.1)
                await asyncio.sleep(BEAT_SECONDS)
    assert len(watchdog.stalls) == MOST_KEPT
    assert watchdog.stalls == sorted(watchdog.stalls, key=lambda stall: stall.began, reverse=True)


async def found(watchdog: Watchdog, number: int) -> list[Stall]:
    """Return the stalls that this file made, once there are so many."""

    async def look() -> list[Stall]:
        made = [stall for stall in watchdog.stalls if stall.stack[-1].endswith("hold_everything_up")]
        return made if len(made) == number else []

    await until(look)
    return await look()
