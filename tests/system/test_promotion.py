"""The primary is lost and a replica takes over: who has both in the address follows, and nothing confirmed is lost."""

import asyncio
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from taskapi.__main__ import app as commands
from taskapi.kit.embedded.external import wait_for_database
from taskapi.kit.embedded.failures import StartFailed
from taskapi.migrations import run as migrations
from tests.deploy.traffic import Traffic
from tests.gate.postgres import OWNER, Postgres
from tests.gate.postgres import running as postgres
from tests.gate.valkey import running_valkey
from tests.servers import Servers
from tests.system.launch import Launched, started
from tests.waiting import eventually

PREPARATION = (
    f"CREATE ROLE {OWNER} LOGIN",
    f"GRANT pg_monitor TO {OWNER}",
    f"CREATE DATABASE {OWNER} OWNER {OWNER}",
    "ALTER SYSTEM SET wal_keep_size = '64MB'",  # what pg_rewind reads
)
SYNCHRONOUS = ("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
ALONE = ("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
IS_SYNCHRONOUS = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
FOLLOWS = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
UNLIMITED = {"TASK_API_RATE_LIMIT": "0", "TASK_API_RATE_LIMIT_LOGIN": "0", "TASK_API_RATE_LIMIT_REGISTER": "0"}

PEOPLE, PAUSE = 4, 0.02
BEFORE = 1.5
SOON = 30
"""Seconds until everybody is served after a promotion."""
LONGEST = 20
"""Seconds that anybody waits for an answer, also one that the old primary owes."""


@pytest.fixture
def primary(folder: Path) -> Iterator[Postgres]:
    """A primary with a migrated database."""
    with postgres(folder, "primary") as server:
        do(server, *PREPARATION)
        migrations.upgrade(server.url(OWNER, OWNER))
        yield server


@pytest.fixture
def replica(folder: Path, primary: Postgres) -> Iterator[Postgres]:
    """A replica without which the primary confirms nothing; its copy of the settings says the same."""
    with postgres(folder, "replica", primary) as server:
        for each in (primary, server):
            do(each, *SYNCHRONOUS)
        eventually(lambda: asked(primary, IS_SYNCHRONOUS))
        yield server


@pytest.fixture
def program(folder: Path, primary: Postgres, replica: Postgres) -> Iterator[Launched]:
    """The program, whose address names both."""
    with (
        running_valkey() as valkey,
        started(folder / "data", **settings(primary, replica, valkey.url)) as running,
    ):
        yield running


def both(primary: Postgres, replica: Postgres) -> str:
    return f"postgresql://{OWNER}@127.0.0.1:{primary.port},127.0.0.1:{replica.port}/{OWNER}"


def settings(primary: Postgres, replica: Postgres, redis_url: str) -> dict[str, str]:
    return UNLIMITED | {
        "DATABASE_URL": both(primary, replica),
        "DATABASE_READ_URL": ",".join(server.url(OWNER, OWNER) for server in (primary, replica)),
        "REDIS_URL": redis_url,
        "JWT_SECRET": secrets.token_urlsafe(48),
    }


def do(server: Postgres, *statements: str) -> None:
    for statement in statements:
        asyncio.run(server.ask(statement))


def asked(server: Postgres, sql: str) -> object:
    return asyncio.run(server.ask(sql))


def called(*arguments: str) -> Result:
    return CliRunner().invoke(commands, arguments)


def promote(replica: Postgres) -> None:
    """Do what docs/deployment.md says."""
    do(replica, "SELECT pg_promote()", *ALONE)


def served(traffic: Traffic) -> None:
    """Return when a second was over in which everybody read and nobody was refused."""
    begun = time.monotonic()
    while True:
        refused, read = traffic.outcome.refused.total(), traffic.outcome.answered["read"]
        traffic.for_seconds(1)
        if traffic.outcome.refused.total() == refused and traffic.outcome.answered["read"] > read + PEOPLE:
            return
        assert time.monotonic() - begun < SOON, "nobody follows the promoted replica"


@contextmanager
def traffic_to(program: Launched) -> Iterator[Traffic]:
    with Traffic(program.url, PEOPLE, PAUSE) as traffic:
        traffic.for_seconds(BEFORE)
        yield traffic


def test_a_promoted_replica_is_followed_and_nothing_confirmed_is_lost(
    program: Launched, primary: Postgres, replica: Postgres
) -> None:
    with traffic_to(program) as traffic:
        primary.stop(signal.SIGQUIT)
        eventually(lambda: traffic.outcome.refused["write"])
        assert program.status("/api/health/ready") == 503
        assert program.status("/api/health/live") == 200
        promote(replica)
        served(traffic)
        primary.follow_again(replica)
        eventually(lambda: asked(replica, FOLLOWS))
        traffic.for_seconds(BEFORE)
    assert traffic.outcome.longest < LONGEST
    assert traffic.outcome.is_honest(), traffic.outcome.failures[:5]
    assert asked(primary, "SELECT pg_is_in_recovery()") is True


def test_commands_follow_too(
    primary: Postgres, replica: Postgres, folder: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings(primary, replica, servers.redis_url).items():
        monkeypatch.setenv(name, value)
    assert called("doctor").exit_code == 0
    primary.stop(signal.SIGQUIT)
    with pytest.raises(StartFailed, match="takes writes"):
        wait_for_database(both(primary, replica), seconds=0)
    refused = called("migrate", "status")
    assert (refused.exit_code, "takes writes" in refused.output) == (1, True)
    promote(replica)
    assert called("migrate", "up").exit_code == 0
    assert called("backup", str(folder)).exit_code == 0
    primary.follow_again(replica)
    assert "1 that follow" in called("doctor").output


def test_a_primary_that_falls_silent_keeps_nobody_from_the_promoted_replica(
    program: Launched, primary: Postgres, replica: Postgres
) -> None:
    with traffic_to(program) as traffic:
        with primary.frozen():
            promote(replica)
            served(traffic)
            primary.stop(signal.SIGQUIT)
        traffic.for_seconds(BEFORE)
    assert traffic.outcome.longest < LONGEST
    assert traffic.outcome.is_honest(), traffic.outcome.failures[:5]


def test_a_promoted_replica_may_move_to_the_address_of_the_primary(
    folder: Path, primary: Postgres, replica: Postgres
) -> None:
    """As with compose, where the name of the service stays and the volumes change places."""
    with running_valkey() as valkey:
        one = settings(primary, replica, valkey.url) | {"DATABASE_URL": primary.url(OWNER, OWNER)}
        with started(folder / "data", **one) as program, traffic_to(program) as traffic:
            primary.stop(signal.SIGQUIT)
            eventually(lambda: traffic.outcome.refused["write"])
            promote(replica)
            replica.stop()
            replica.port = primary.port
            replica.start()
            served(traffic)
    assert traffic.outcome.is_honest(), traffic.outcome.failures[:5]
