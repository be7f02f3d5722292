"""Waiting inside an event loop: for something to become so, polled, with a limit; and never for ever."""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Generator

import pytest

TEST_SECONDS = 60


async def until(look: Callable[[], Awaitable[object]], seconds: float = 5) -> None:
    """Return as soon as `look` finds something true; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while not await look():  # noqa: ASYNC110 - what is waited for lies outside and sets no event
            await asyncio.sleep(0.005)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Bound every test that runs in an event loop: the usual time limit is a signal, which uvloop does not hear."""
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        pyfuncitem.obj = _bounded(pyfuncitem.obj)
    return (yield)


def _bounded(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def run(**fixtures: object) -> None:
        async with asyncio.timeout(TEST_SECONDS):
            await test(**fixtures)

    return run
