"""Tasks that go on though whoever waited for them went away."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from taskapi.errors import Error


def look_at(task: "asyncio.Task[Any]") -> None:
    """Take note of how a task ended: whoever waits is told, and if nobody does, a failure is no news to the loop."""
    if not task.cancelled():
        task.exception()


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Wait for `work`, which nobody can abandon half-way; whoever is cancelled meanwhile is so when it is over."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_tell)
        await asyncio.wait({task})
        raise


def _tell(task: "asyncio.Task[None]") -> None:
    """Tell the loop of a failure that nobody waits for, unless it is one that was foreseen, and told where it arose."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, Error):
        context = {"message": "nobody waited for a failure", "exception": error, "future": task}
        task.get_loop().call_exception_handler(context)
