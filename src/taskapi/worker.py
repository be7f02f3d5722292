"""Builds the background process from the same parts, and runs the jobs inside the server where that is wanted.

A job does a bounded piece of work and says how much; it is repeated while there is work and then rests. Two processes
may run the same job: each piece of work is claimed in the database. What is old enough to be deleted is told by this
machine's clock, so nothing is deleted while that is far from the database's.
"""

import asyncio
import functools
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from taskapi import services
from taskapi.errors import Overloaded
from taskapi.kit.telemetry import logger
from taskapi.resources import Resources
from taskapi.services import Job

REST_SECONDS = 60.0
"""Between two looks of a job that found nothing; spread by a tenth so that processes do not march in step."""

STOP_SECONDS = 10

LARGEST_SKEW = timedelta(minutes=5)
"""Between this machine's clock and the database's. A clock that is days ahead would empty the trash."""

ROWS_AT_ONCE = 1000
PURGE_OUTBOX = """
DELETE /* outbox.purge */ FROM outbox WHERE id = ANY (ARRAY(
    SELECT id FROM outbox WHERE created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
))
"""


async def purge_outbox(rooms: Resources) -> int:
    """Delete events that are older than they have to be kept; the outbox belongs to no domain, so this does neither."""
    kept_since = rooms.clock() - timedelta(days=rooms.settings.tasks.outbox_days)
    async with rooms.database.transaction() as transaction:
        return await transaction.execute(PURGE_OUTBOX, kept_since, ROWS_AT_ONCE)


def all_jobs() -> tuple[Job, ...]:
    """Return the jobs of every domain and the worker's own, none of which does anything by a wrong clock."""
    return tuple(_in_time(job) for job in (*services.jobs(), purge_outbox))


@asynccontextmanager
async def working(rooms: Resources, jobs: Sequence[Job], rest: float = REST_SECONDS) -> AsyncIterator[None]:
    """Run `jobs` for as long as the block lasts."""
    if jobs:
        logger("taskapi.worker").info("background jobs run in this process", jobs=[job.__name__ for job in jobs])
    running = [asyncio.create_task(_repeat(rooms, job, rest), name=job.__name__) for job in jobs]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=STOP_SECONDS)


async def run_once(rooms: Resources, jobs: Sequence[Job]) -> dict[str, int]:
    """Run each job until it finds nothing more and return how much each did."""
    return {job.__name__: await _drain(rooms, job) for job in jobs}


def _in_time(job: Job) -> Job:
    @functools.wraps(job)
    async def run(rooms: Resources) -> int:
        return await job(rooms) if await _clock_is_right(rooms, job) else 0

    return run


async def _clock_is_right(rooms: Resources, job: Job) -> bool:
    async with rooms.database.read() as connection:
        ahead: timedelta = rooms.clock() - await connection.fetch_value("SELECT /* worker.clock */ clock_timestamp()")
    if abs(ahead) <= LARGEST_SKEW:
        return True
    logger("taskapi.worker").warning(
        "job left out, this machine's clock is far from the database's",
        job=job.__name__,
        seconds_ahead=round(ahead.total_seconds()),
    )
    return False


async def _repeat(rooms: Resources, job: Job, rest: float) -> None:
    while True:
        try:
            await _drain(rooms, job)
        except Overloaded:
            logger("taskapi.worker").warning("job postponed, the database does not answer", job=job.__name__)
        except Exception as error:
            logger("taskapi.worker").error("job failed", job=job.__name__, exc_info=error)
        await asyncio.sleep(rest * random.uniform(0.9, 1.1))  # noqa: S311 - spreads load, guards nothing


async def _drain(rooms: Resources, job: Job) -> int:
    total = 0
    while done := await job(rooms):
        total += done
    return total
