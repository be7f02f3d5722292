"""`task-api worker`: run the background jobs in a process of their own."""

import asyncio
import signal
from typing import Annotated

import typer

from taskapi.cli.rooms import with_rooms
from taskapi.cli.servers import resolved_settings
from taskapi.contracts import audit
from taskapi.kit.telemetry import configure_logs, logger
from taskapi.resources import Resources
from taskapi.worker import all_jobs, run_once, working


def worker(
    once: Annotated[bool, typer.Option(help="Do what there is to do now, report it, and exit.")] = False,
) -> None:
    """Run the background jobs: purge the trash, ended sessions, kept answers and old events."""
    with resolved_settings(own=once) as settings:
        if once:
            for name, count in with_rooms(settings, _once).items():
                typer.echo(f"{name}: {count}")
            return
        configure_logs(settings.logs)
        with_rooms(settings, _until_stopped)


async def _once(rooms: Resources) -> dict[str, int]:
    return await run_once(rooms, all_jobs())


async def _until_stopped(rooms: Resources) -> None:
    audit.tell_all_from(rooms.database)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with working(rooms, all_jobs()):
        await stopped.wait()
    logger("taskapi.worker").info("worker stopped")
