"""Opens connections to PostgreSQL, each with a name that says in `pg_stat_activity` whose it is."""

import os
import re
import socket
from collections.abc import Mapping
from typing import Any, cast

import asyncpg

from taskapi.kit.database import url

LONGEST_NAME = 63
"""Bytes that PostgreSQL keeps of a name; it replaces what is not ASCII."""

UNPRINTABLE = re.compile(r"[^!-~]+")


def name_of(machine: str, process: int) -> str:
    """Return `task-api <machine>:<process>`; of a long machine's name the end, by which pods differ."""
    before, after = "task-api ", f":{process}"
    label = UNPRINTABLE.sub("?", machine.partition(".")[0])
    return before + label[-(LONGEST_NAME - len(before) - len(after)) :] + after


async def connect(
    dsn: str,
    *,
    timeout: float,  # noqa: ASYNC109 - so the pool calls it
    server_settings: Mapping[str, str] | None = None,
    **options: Any,
) -> "asyncpg.Connection[Any]":
    """Log in within `timeout` seconds; a name that the address itself gives wins. Options are the driver's."""
    named = {} if url.gives_name(dsn) else {"application_name": name_of(socket.gethostname(), os.getpid())}
    settings = named | dict(server_settings or {})
    return cast(
        "asyncpg.Connection[Any]", await asyncpg.connect(dsn, timeout=timeout, server_settings=settings, **options)
    )
