"""Redis or Valkey: one client with short time-outs and no hidden retries.

The client's own defaults (five seconds, ten retries) would turn a dead Redis into a dead API.
"""

import asyncio

from redis.asyncio import Redis as Client
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from taskapi.config import RedisSettings
from taskapi.errors import Overloaded

MAX_CONNECTIONS = 16


class Redis:
    """A bounded client."""

    def __init__(self, settings: RedisSettings) -> None:
        if settings.url is None:
            raise ValueError("REDIS_URL is not set")
        seconds = settings.redis_timeout / 1000
        self._patience = seconds * 5
        self.client = Client.from_url(
            settings.url.reveal(),
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            max_connections=MAX_CONNECTIONS,
            retry=Retry(NoBackoff(), 0),
        )

    async def ping(self) -> None:
        """Raise whatever keeps Redis from answering, be it only slowness."""
        async with asyncio.timeout(self._patience):
            await self.client.ping()

    async def version(self) -> str:
        """Return the server's name and version, such as ``valkey 9.1.2``; raises Overloaded if it does not answer."""
        try:
            async with asyncio.timeout(self._patience):
                info = await self.client.info("server")
        except (RedisError, OSError) as error:
            raise Overloaded(f"Redis does not answer: {error}") from error
        name = "valkey" if "valkey_version" in info else "redis"
        return f"{name} {info.get('valkey_version', info['redis_version'])}"

    async def close(self) -> None:
        """Close all connections."""
        await self.client.aclose()
