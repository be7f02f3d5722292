"""Waiting inside an event loop for something to become so: polled, with a limit, never a fixed pause."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(look: Callable[[], Awaitable[object]], seconds: float = 5) -> None:
    """Return as soon as `look` finds something true; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while not await look():  # noqa: ASYNC110 - what is waited for lies outside and sets no event
            await asyncio.sleep(0.005)
