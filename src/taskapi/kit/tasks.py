"""Tasks that go on though whoever waited for them went away."""

import asyncio
from typing import Any


def look_at(task: "asyncio.Task[Any]") -> None:
    """Take note of how a task ended: whoever waits is told, and if nobody does, a failure is no news to the loop."""
    if not task.cancelled():
        task.exception()
