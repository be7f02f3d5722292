"""`task-api doctor`: look at everything that can be wrong, say what is, and what to do about it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import asyncpg
import typer

from taskapi.cli.servers import resolved_settings
from taskapi.config import SHORTEST_SECRET, Secret, Settings
from taskapi.errors import Error
from taskapi.kit.database import url
from taskapi.kit.database.opening import connect
from taskapi.kit.redis import Redis
from taskapi.migrations import run

OLDEST_POSTGRES = 16
OLDEST_REDIS = {"redis": 7, "valkey": 8}
LEAST_DISTINCT = 10
LARGEST_SKEW_SECONDS = 2
CONNECT_SECONDS = 5
SMALLEST_POOL = 2
COMMAND_CONNECTIONS = 5
"""For what runs beside the instances: a migration, `worker`, `doctor`, a backup, a person with psql."""
CLUSTER = "SELECT system_identifier FROM pg_control_system()"


class Finding(NamedTuple):
    """What one look found; `advice` says what to do if it is not well."""

    subject: str
    well: bool
    state: str
    advice: str = ""


def doctor() -> None:
    """Check settings, secrets, servers, versions, migrations and clock; exit code 1 if anything needs attention."""
    with resolved_settings() as settings:
        findings = asyncio.run(_examined(settings))
        findings.insert(1, _migrations(settings))
    for finding in findings:
        mark = typer.style("ok  ", fg="green") if finding.well else typer.style("FIX ", fg="red")
        typer.echo(f"{mark} {finding.subject}: {finding.state}" + ("" if finding.well else f"\n     {finding.advice}"))
    raise typer.Exit(0 if all(finding.well for finding in findings) else 1)


async def _examined(settings: Settings) -> list[Finding]:
    found = [_secret(settings)]
    for look in (_database, _clock, _pooler, _connections, _replicas, _redis):
        found += [finding async for finding in _guarded(look, settings)]
    return found


async def _guarded(look: Callable[[Settings], Awaitable[Finding | None]], settings: Settings) -> AsyncIterator[Finding]:
    subject = look.__name__.strip("_")
    try:
        async with asyncio.timeout(CONNECT_SECONDS * 2):
            finding = await look(settings)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, Error) as error:
        yield Finding(subject, False, f"cannot look: {error}", "Check the URL, the server and the network.")
    else:
        if finding is not None:
            yield finding


def _secret(settings: Settings) -> Finding:
    secrets = [settings.auth.jwt_secret or Secret(""), *settings.auth.jwt_previous_secrets]
    weak = [secret for secret in secrets if _is_weak(secret.reveal())]
    advice = "Set JWT_SECRET to at least 32 random bytes, such as `openssl rand -base64 48` prints."
    return Finding("secret", not weak, "weak" if weak else f"{len(secrets)} in use, strong enough", advice)


def _is_weak(secret: str) -> bool:
    return len(secret.encode()) < SHORTEST_SECRET or len(set(secret)) < LEAST_DISTINCT


def _migrations(settings: Settings) -> Finding:
    try:
        found = run.status(_revealed(settings.database.direct))
    except (OSError, run.Refused) as error:
        return Finding("migrations", False, f"cannot look: {error}", "Make the database reachable first.")
    return Finding("migrations", found.is_usable, str(found), "See docs/upgrades.md.")


async def _database(settings: Settings) -> Finding:
    version = await _asked(settings.database.url, "SHOW server_version_num")
    major = int(version) // 10_000
    return Finding("database", major >= OLDEST_POSTGRES, f"PostgreSQL {major}", "Use PostgreSQL 16 or newer.")


async def _clock(settings: Settings) -> Finding:
    skew = abs((datetime.now(UTC) - await _asked(settings.database.url, "SELECT clock_timestamp()")).total_seconds())
    advice = "Synchronise the clocks of this machine and the database's (NTP)."
    return Finding("clock", skew <= LARGEST_SKEW_SECONDS, f"{skew:.2f} s from the database's", advice)


async def _connections(settings: Settings) -> Finding:
    address = url.parse(_revealed(settings.database.url))
    processes, pool = settings.processes, address.connection_limit or settings.database.database_pool
    beside = settings.database.connections_beside_pool
    wanted = processes * (pool + beside)
    allowed, reserved = await _allowed_connections(settings)
    free = allowed - reserved - COMMAND_CONNECTIONS
    state = f"{processes} × ({pool} + {beside}) = {wanted} wanted"
    if address.pgbouncer:
        share = f"its default_pool_size may be up to {free}, its max_client_conn has to be at least {wanted}"
        return Finding("connections", True, f"{state} of PgBouncer; {share}")
    state += f", {free} free: {allowed} less {reserved} reserved and {COMMAND_CONNECTIONS} for commands"
    return Finding("connections", wanted <= free, state, _fewer(address, free // processes - beside, wanted - free))


def _fewer(address: url.DatabaseUrl, pool: int, missing: int) -> str:
    name = "?connection_limit= in DATABASE_URL" if address.connection_limit else "TASK_API_DATABASE_POOL"
    lower = f"Lower {name} to {pool}, or raise" if pool >= SMALLEST_POOL else "Put PgBouncer between, or raise"
    return (
        f"{lower} max_connections of PostgreSQL by {missing}; TASK_API_INSTANCES × TASK_API_WORKERS are the processes."
    )


async def _allowed_connections(settings: Settings) -> tuple[int, int]:
    """Return how many connections the server takes, and how many of these it keeps for others."""
    names = ("max_connections", "superuser_reserved_connections", "reserved_connections")
    allowed, *reserved = [int(await _asked(settings.database.direct, f"SHOW {name}")) for name in names]
    return allowed, sum(reserved)


async def _pooler(settings: Settings) -> Finding | None:
    if not url.parse(_revealed(settings.database.url)).pgbouncer:
        return None
    advice = "Set DATABASE_DIRECT_URL to the address of PostgreSQL itself; migrations need it."
    known = settings.database.direct_url is not None
    return Finding("pgbouncer", known, "with a way past it" if known else "and no way past it", advice)


async def _replicas(settings: Settings) -> Finding | None:
    addresses = settings.database.read_urls
    if not addresses:
        return None
    cluster = await _asked(settings.database.url, CLUSTER)
    leading, wrong = [], []
    for number, address in enumerate(addresses, 1):
        if await _asked(address, CLUSTER) != cluster:
            wrong.append(f"number {number} belongs to another cluster")
        elif not await _asked(address, "SELECT pg_is_in_recovery()"):
            leading.append(f"number {number} is a primary")
    if len(leading) > (len(url.each_host(_revealed(settings.database.url))) > 1):  # one of them may lead where any may
        wrong += leading
    return Finding(
        "replicas",
        not wrong,
        ", ".join(wrong) or f"{len(addresses) - len(leading)} that follow",
        "Point DATABASE_READ_URL at replicas of DATABASE_URL.",
    )


async def _redis(settings: Settings) -> Finding:
    redis = Redis(settings.redis)
    try:
        name, _, version = (await redis.version()).partition(" ")
    finally:
        await redis.close()
    oldest = OLDEST_REDIS[name]
    return Finding("redis", int(version.split(".")[0]) >= oldest, f"{name} {version}", f"Use {name} {oldest} or newer.")


async def _asked(address: Secret | None, sql: str) -> Any:
    dsn = url.parse(_revealed(address)).dsn
    connection = await connect(dsn, timeout=CONNECT_SECONDS, statement_cache_size=0)
    try:
        return await connection.fetchval(sql, timeout=CONNECT_SECONDS)
    finally:
        await connection.close(timeout=CONNECT_SECONDS)


def _revealed(address: Secret | None) -> str:
    return address.reveal() if address else ""
