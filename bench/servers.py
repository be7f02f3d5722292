"""The servers of a measurement: embedded PostgreSQL and Valkey in a folder of their own."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis

from taskapi.config import EmbeddedSettings, Settings
from taskapi.kit.embedded.servers import EmbeddedServers
from taskapi.migrations import run

REDIS_BYTES = 2**31
"""Room for all that a measurement keeps: of the guide's sessions there is no other copy, so evicting one ends it."""


@contextmanager
def started_servers(folder: Path) -> Iterator[dict[str, str]]:
    """Start both, migrate, and give the environment that says where they are and how tokens are signed."""
    folder.chmod(0o711)
    with EmbeddedServers(Settings(embedded=EmbeddedSettings(data_dir=folder / "data"))) as endpoints:
        run.upgrade(endpoints.database.url)
        yield {
            "DATABASE_URL": endpoints.database.url,
            "REDIS_URL": endpoints.redis.url,
            "JWT_SECRET": secrets.token_urlsafe(48),
        }


@contextmanager
def running_servers(folder: Path, cpu: int) -> Iterator[dict[str, str]]:
    """Run both on one CPU, and give the environment of an application that is to be measured by itself."""
    os.sched_setaffinity(0, {cpu})
    with started_servers(folder) as environment:
        with Redis.from_url(environment["REDIS_URL"]) as redis:
            redis.config_set("maxmemory", REDIS_BYTES)
        yield environment | {
            "TASK_API_RATE_LIMIT": "1000000",  # counted like any other, and never reached
            "TASK_API_RATE_LIMIT_LOGIN": "0",
            "TASK_API_RATE_LIMIT_REGISTER": "0",
            "TASK_API_JOBS": "false",
        }
