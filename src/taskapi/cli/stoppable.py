"""Runs long work so that Ctrl-C and SIGTERM stop it as a failure would: undone and cleaned up."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

import typer

Result = TypeVar("Result")
TERMINATED = 128 + signal.SIGTERM
"""The exit code that shells give to what a signal ended; for Ctrl-C the command line itself has 130."""


def run_stoppable(work: Coroutine[Any, Any, Result]) -> Result:
    """Return what `work` returns; raises KeyboardInterrupt or Exit once it has cleaned up."""
    try:
        return asyncio.run(_listening(work))
    except asyncio.CancelledError:
        typer.echo("Stopped; nothing was changed.", err=True)
        raise typer.Exit(TERMINATED) from None


async def _listening(work: Coroutine[Any, Any, Result]) -> Result:
    task = asyncio.create_task(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task
