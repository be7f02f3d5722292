"""Where Redis is and how to get in, from a URL as redis-py reads it (`redis://`, `rediss://`, `unix://`)."""

import asyncio
import ssl
from collections.abc import Callable
from typing import TypeVar

import msgspec
from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection

Protocol = TypeVar("Protocol", bound=asyncio.Protocol)


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """One server."""

    host: str = ""
    port: int = 0
    path: str = ""
    """A unix socket; then host and port are empty."""

    tls: ssl.SSLContext | None = None
    username: str | None = None
    password: str | None = None
    database: int = 0

    @property
    def name(self) -> str:
        """What people call it; without any secret."""
        return self.path or f"{self.host}:{self.port}"

    def at(self, host: str, port: int) -> "Address":
        """Return another node of the same cluster, entered in the same way."""
        return msgspec.structs.replace(self, host=host, port=port)

    async def connect(self, make: Callable[[], Protocol]) -> Protocol:
        """Connect; raises OSError."""
        loop = asyncio.get_running_loop()
        if self.path:
            return (await loop.create_unix_connection(make, self.path))[1]
        return (await loop.create_connection(make, self.host, self.port, ssl=self.tls))[1]


def parse(url: str) -> Address:
    """Read `url`; raises ValueError if redis-py cannot."""
    connection = ConnectionPool.from_url(url).make_connection()  # type: ignore[no-untyped-call]
    assert isinstance(connection, Connection | UnixDomainSocketConnection)
    database, username, password = int(connection.db), connection.username, connection.password
    if isinstance(connection, UnixDomainSocketConnection):
        return Address(path=connection.path, username=username, password=password, database=database)
    tls = connection.ssl_context.get() if isinstance(connection, SSLConnection) else None
    return Address(
        host=connection.host,
        port=connection.port,
        tls=tls,
        username=username,
        password=password,
        database=database,
    )
