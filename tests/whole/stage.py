"""Puts servers, instances and nginx together."""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import msgspec
import pytest

from taskapi.migrations import run as migrations
from tests.deploy.balancer import Balancer, before_names, running
from tests.gate.postgres import OWNER, Postgres
from tests.gate.postgres import running as postgres
from tests.gate.valkey import Valkey, running_valkey
from tests.waiting import eventually
from tests.whole.instances import Instances
from tests.whole.names import Names
from tests.whole.supervision import Supervisor
from tests.whole.volume import Volume, volume

FIRST = (1, 2, 3)
"""The numbers of the instances that run at first."""

DISK_MEGABYTES = 200
PREPARATION = (
    "ALTER SYSTEM SET max_wal_size = '48MB'",  # the log is to fit on the small disk
    "ALTER SYSTEM SET min_wal_size = '32MB'",
    "SELECT pg_reload_conf()",
    f"CREATE ROLE {OWNER} LOGIN",
    f"GRANT pg_monitor TO {OWNER}",
    f"CREATE DATABASE {OWNER} OWNER {OWNER}",
)

UNLIMITED = {"TASK_API_RATE_LIMIT": "0", "TASK_API_RATE_LIMIT_LOGIN": "0", "TASK_API_RATE_LIMIT_REGISTER": "0"}


class Stage(msgspec.Struct):
    """All that runs."""

    disk: Volume
    """On which the primary's data lies."""
    primary: Postgres
    supervisor: Supervisor
    replica: Postgres
    valkey: Valkey
    instances: Instances
    nginx: Balancer

    def exhaust_log(self) -> None:
        """Fill the disk and have the primary write to its log until that finds no room either, which brings it down."""

        async def write() -> None:
            connection = await asyncpg.connect(self.primary.url(), timeout=10)  # which may take a file to write
            self.disk.fill()
            for _ in range(DISK_MEGABYTES):
                await connection.execute("SELECT pg_logical_emit_message(false, '', repeat('x', 1000000))")

        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            asyncio.run(write())

    def serving(self, begun: int) -> set[int]:
        """Return which instances nginx got good answers from, counted from a place in its log on."""
        entries = [msgspec.json.decode(line) for line in self.nginx.log.splitlines()[begun:] if line.endswith("}")]
        good = {entry["instance"] for entry in entries if entry["instance_status"] == "200"}
        return {number for number in self.instances.running if self.instances.address(number) in good}

    def all_serve(self, seconds: float) -> None:
        """Return when each instance has answered something from now on; fails after `seconds`."""
        begun = len(self.nginx.log.splitlines())
        eventually(lambda: self.serving(begun) == set(self.instances.running), seconds)


@contextmanager
def stage(folder: Path, megabytes: int = DISK_MEGABYTES) -> Iterator[Stage]:
    """Run it all for the length of the block; the primary's disk is that large."""
    with (
        volume(folder / "disk", megabytes) as disk,
        postgres(folder, "primary", disk=disk.folder) as primary,
        Supervisor(primary) as supervisor,
        _replica_of(primary, folder) as replica,
        running_valkey() as valkey,
        Names() as names,
        Instances(folder, names, _settings(primary, replica, valkey)) as instances,
    ):
        instances.start(*FIRST)
        instances.become_ready(*FIRST)
        with running(before_names(names.port, instances.port)) as nginx:
            yield Stage(disk, primary, supervisor, replica, valkey, instances, nginx)


@contextmanager
def _replica_of(primary: Postgres, folder: Path) -> Iterator[Postgres]:
    for statement in PREPARATION:
        asyncio.run(primary.ask(statement))
    migrations.upgrade(primary.url(OWNER, OWNER))
    with postgres(folder, "replica", primary) as replica:
        yield replica


def _settings(primary: Postgres, replica: Postgres, valkey: Valkey) -> dict[str, str]:
    return UNLIMITED | {
        "DATABASE_URL": primary.url(OWNER, OWNER),
        "DATABASE_READ_URL": replica.url(OWNER, OWNER),
        "REDIS_URL": valkey.url,
        "JWT_SECRET": secrets.token_urlsafe(48),
        "TASK_API_INSTANCES": str(len(FIRST)),
        "TASK_API_TRUSTED_PROXIES": "127.0.0.1/32",
        "TASK_API_LOG_FORMAT": "json",
        "LOG_LEVEL": "warning",
    }
