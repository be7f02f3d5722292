"""How this process looks at what it needs, and what it tells of itself to those who may know."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from math import ceil
from typing import Any

from taskapi.errors import Error
from taskapi.http.health import Inside, Migration, Replica, Vitals
from taskapi.http.looks import CHECK_SECONDS
from taskapi.kit.debugging import Debugging, Statement
from taskapi.migrations import run as migrations
from taskapi.resources import Resources

MOST_STATEMENTS = 20
"""So many of the slowest are told."""

Recognize = Callable[[Any], Awaitable[bool]]
"""Says whether the request with this scope is an administrator's."""


def vitals_of(rooms: Resources, version: str, is_administrator: Recognize) -> Vitals:
    """Return the vitals of one process of the API."""
    known: list[Migration] = []

    async def ask_database() -> None:
        await rooms.lookout.fetch_one("SELECT /* health.database */ 1")

    async def migration() -> Migration | None:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                known[:] = [await _migration(rooms)]
        except Exception:  # whatever it is, the database is told to be unhealthy beside
            return known[0] if known else None
        return known[0]

    async def recognized(scope: Any) -> bool:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await is_administrator(scope)
        except (Error, TimeoutError):  # nobody can say whose session lives
            return False

    inside = Inside(
        version=version,
        instance=f"{socket.gethostname()}:{rooms.settings.server.port}",
        process=os.getpid(),
        migration=migration,
        replicas=lambda: list(_replicas(rooms)),
        is_administrator=recognized,
    )
    return Vitals(rooms.clock, ask_database, rooms.redis.ping, inside)


def debugging_of(rooms: Resources, requests: Callable[[], int]) -> Debugging:
    """Return the inside of one process of the API; `requests` tells how many are in progress."""
    stopwatch = rooms.database.stopwatch
    return Debugging(requests, lambda: [Statement(*timing) for timing in stopwatch.slowest(MOST_STATEMENTS)])


async def _migration(rooms: Resources) -> Migration:
    async with rooms.database.read() as connection:
        found = await migrations.status_through(connection.fetch_value)
    return Migration(step=found.current, newest=found.head, up_to_date=found.is_current, usable=found.is_usable)


def _replicas(rooms: Resources) -> Iterator[Replica]:
    for report in rooms.database.replicas.reports:
        yield Replica(
            state="used" if report.in_use else "unused",
            latency_ms=ceil(report.latency * 1000),
            lag_seconds=ceil(report.seconds_behind),
            lag_bytes=report.bytes_behind,
        )
