"""Waits until both servers accept a log-in: somebody else may run them, and may just be starting them.

The wait has a limit, and what cannot get better by waiting (a wrong password, a database that does not exist) is
told at once. No sentence here may hold a URL: it may hold a password.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import asyncpg
from redis import exceptions as redis_errors
from redis.asyncio import Redis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from taskapi.config import Settings, SettingsInvalid
from taskapi.kit.database import url
from taskapi.kit.database.opening import connect
from taskapi.kit.embedded.failures import StartFailed

REDIS_FORM = "the address is not of the form redis://user:password@host:port/0"
WAIT_SECONDS = 30
ATTEMPT_SECONDS = 5
POLL_SECONDS = 0.25
DATABASE_AWAY = (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError)
REDIS_AWAY = (OSError, redis_errors.ConnectionError, redis_errors.TimeoutError)


def check_addresses(settings: Settings) -> None:
    """Raise `SettingsInvalid` for an address in the settings that cannot be read."""
    given = settings.database
    addresses = [("DATABASE_READ_URL", address) for address in given.read_urls]
    for name, address in (("DATABASE_URL", given.url), ("DATABASE_DIRECT_URL", given.direct_url), *addresses):
        try:
            url.parse(address.reveal() if address else "postgresql://")
        except ValueError as error:
            raise SettingsInvalid(f"{name}: {error}") from None
    if any(url.parse(address.reveal()).pgbouncer for address in given.read_urls):
        raise SettingsInvalid("DATABASE_READ_URL: is read without PgBouncer, behind which nobody knows who answers")
    if given.direct_url is not None and given.url is None:
        raise SettingsInvalid("DATABASE_DIRECT_URL: is of no use without DATABASE_URL")
    try:
        parse_url(settings.redis.url.reveal() if settings.redis.url else "redis://")
    except ValueError:  # which quotes a part of the URL
        raise SettingsInvalid(f"REDIS_URL: {REDIS_FORM}") from None


def wait_for_database(address: str, *, seconds: float = WAIT_SECONDS) -> None:
    """Return when PostgreSQL at `address` accepts this login; raises `StartFailed`."""
    try:
        parsed = url.parse(address)
    except ValueError as error:
        raise StartFailed(f"DATABASE_URL: {error}") from None
    try:
        asyncio.run(_until_there("DATABASE_URL", lambda: _log_in(parsed), DATABASE_AWAY, seconds))
    except asyncpg.PostgresError as error:
        raise StartFailed(f"DATABASE_URL: {error}") from None
    except (asyncpg.InterfaceError, ValueError):  # which may quote a part of the URL
        raise StartFailed("DATABASE_URL is not of the form postgresql://user:password@host:port/database") from None


def wait_for_redis(address: str, *, seconds: float = WAIT_SECONDS) -> None:
    """Return when Redis at `address` answers; raises `StartFailed`."""
    try:
        asyncio.run(_until_there("REDIS_URL", lambda: _ping(address), REDIS_AWAY, seconds))
    except redis_errors.RedisError as error:
        raise StartFailed(f"REDIS_URL: {error}") from None
    except ValueError:
        raise StartFailed(f"REDIS_URL: {REDIS_FORM}") from None


async def _log_in(address: url.DatabaseUrl) -> None:
    """Log in as the pool does: with a setting, which PgBouncer refuses."""
    settings = {} if address.pgbouncer else {"statement_timeout": "5s"}
    try:
        connection = await connect(address.dsn, timeout=ATTEMPT_SECONDS, server_settings=settings)
    except asyncpg.ProtocolViolationError as error:
        if "startup parameter" not in str(error):
            raise
        raise StartFailed("DATABASE_URL leads to PgBouncer; add pgbouncer=true to its parameters") from None
    await connection.close(timeout=ATTEMPT_SECONDS)


async def _ping(address: str) -> None:
    never_again = Retry(NoBackoff(), 0)
    try:
        async with Redis.from_url(address, retry=never_again) as client, asyncio.timeout(ATTEMPT_SECONDS):
            await client.ping()
    except redis_errors.ConnectionError as error:
        # To redis-py a refused log-in is a connection that failed, but no wait cures it.
        if isinstance(error.__cause__ or error, redis_errors.AuthenticationError):
            raise StartFailed("REDIS_URL: the server refuses this user or password") from None
        raise


async def _until_there(
    variable: str, attempt: Callable[[], Awaitable[None]], away: tuple[type[Exception], ...], seconds: float
) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await attempt()
        except away as error:
            if time.monotonic() > deadline:
                raise StartFailed(
                    f"The server of {variable} did not answer within {seconds:.0f} seconds: {error}"
                ) from None
        await asyncio.sleep(POLL_SECONDS)
