"""Doing the same again and again, for ever, in a task of its own: a failure is told once, until it went well again."""

import asyncio
import random
from collections.abc import Awaitable, Callable


async def repeat(
    work: Callable[[], Awaitable[object]], seconds: float, tell: Callable[[Exception], None], *, spread: float = 0.0
) -> None:
    """Do `work` and rest for `seconds`, by `spread` of them more or less so that processes do not march in step."""
    was_well = True
    while True:
        try:
            await work()
            was_well = True
        except Exception as error:
            if was_well:
                tell(error)
            was_well = False
        await asyncio.sleep(seconds * random.uniform(1 - spread, 1 + spread))  # noqa: S311 - guards nothing
