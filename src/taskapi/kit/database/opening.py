"""Opens connections to PostgreSQL, each with a name that says in `pg_stat_activity` whose it is.

Where an address names several hosts, whichever takes writes is found anew for each connection: a fail-over is followed
without a restart. The driver asks one host after the other, and a machine that is gone would keep it from the next one
until the time is up; here the next one is asked while the first is silent.
"""

import asyncio
import os
import re
import socket
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

import asyncpg

from taskapi.kit.database import url

LONGEST_NAME = 63
"""Bytes that PostgreSQL keeps of a name; it replaces what is not ASCII."""

HEAD_START_SECONDS = 0.3
"""For each host, before the next one is asked as well."""

UNPRINTABLE = re.compile(r"[^!-~]+")


def name_of(machine: str, process: int) -> str:
    """Return `task-api <machine>:<process>`; of a long machine's name the end, by which pods differ."""
    before, after = "task-api ", f":{process}"
    label = UNPRINTABLE.sub("?", machine.partition(".")[0])
    return before + label[-(LONGEST_NAME - len(before) - len(after)) :] + after


Connection: TypeAlias = "asyncpg.Connection[Any]"
Attempt: TypeAlias = "asyncio.Task[asyncpg.Connection[Any]]"


class NoPrimary(ConnectionError):
    """No server of this address takes writes at the moment: a replica follows nobody yet, or a primary starts."""


async def connect(
    dsn: str,
    *,
    timeout: float,  # noqa: ASYNC109 - so the pool calls it
    server_settings: Mapping[str, str] | None = None,
    **options: Any,
) -> "Connection":
    """Log in within `timeout` seconds; a name that the address itself gives wins. Options are the driver's."""
    named = {} if url.gives_name(dsn) else {"application_name": name_of(socket.gethostname(), os.getpid())}
    options |= {"server_settings": named | dict(server_settings or {}), "timeout": timeout}
    hosts = url.each_host(dsn)
    if len(hosts) == 1:
        return await _log_in(dsn, options)
    async with asyncio.timeout(timeout):
        return await _first(hosts, options)


async def _first(hosts: Sequence[str], options: dict[str, Any]) -> "Connection":
    """Return the first connection that can be had; raises what says most about why there is none."""
    left, under_way, errors = list(hosts), set["Attempt"](), list[BaseException]()
    try:
        while left or under_way:
            if left:
                under_way.add(asyncio.create_task(_log_in(left.pop(0), options)))
            patience = HEAD_START_SECONDS if left else None
            done, under_way = await asyncio.wait(under_way, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                error = attempt.exception()
                if error is None:
                    under_way |= done - {attempt}
                    return attempt.result()
                errors.append(error)
    finally:
        for attempt in under_way:
            attempt.cancel()
            attempt.add_done_callback(_hang_up)
    raise max(errors, key=_weight)


async def _log_in(dsn: str, options: dict[str, Any]) -> "Connection":
    try:
        return cast("Connection", await asyncpg.connect(dsn, **options))
    except asyncpg.TargetServerAttributeNotMatched as error:
        raise NoPrimary("no server of this address takes writes at the moment") from error


def _hang_up(attempt: "Attempt") -> None:
    """Give up a connection that comes when another one was there first."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().terminate()


def _weight(error: BaseException) -> int:
    """Prefer what a server said to that none takes writes, and that to silence."""
    return 2 * isinstance(error, asyncpg.PostgresError) + isinstance(error, NoPrimary)
