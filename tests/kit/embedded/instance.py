"""One running pair of embedded servers, and a look at its processes."""

import asyncio
from typing import Any

import asyncpg
import psutil

from taskapi.config import Settings
from taskapi.kit.embedded.leftovers import is_alive
from taskapi.kit.embedded.servers import Endpoints


class Running:
    """Servers that are up."""

    def __init__(self, endpoints: Endpoints, settings: Settings) -> None:
        self.url = endpoints.database.url
        self.redis_url = endpoints.redis.url
        self.endpoints = endpoints
        (self.guardian,) = guardians(settings)

    @property
    def postgres(self) -> psutil.Process:
        """PostgreSQL's first process."""
        return next(child for child in self.guardian.children() if child.name() == "postgres")

    @property
    def valkey(self) -> psutil.Process:
        """Valkey's process."""
        return next(child for child in self.guardian.children() if child.name() == "valkey-server")

    def sql(self, statement: str, *, url: str | None = None) -> Any:
        """Run a statement that returns one value."""

        async def fetched() -> Any:
            connection = await asyncpg.connect(url or self.url, timeout=5)
            try:
                return await connection.fetchval(statement)
            finally:
                await connection.close()

        return asyncio.run(fetched())

    def answers(self) -> bool:
        """Whether PostgreSQL takes a log-in."""
        try:
            return bool(self.sql("SELECT 1") == 1)
        except (OSError, asyncpg.PostgresError):
            return False

    def processes(self) -> list[psutil.Process]:
        """All that belongs to the servers."""
        return [self.guardian, *self.guardian.children(recursive=True)]


def guardians(settings: Settings) -> list[psutil.Process]:
    """The guardians of servers that work in the settings' data folder."""
    root = str(settings.embedded.data_dir)
    return [child for child in psutil.Process().children() if any(root in server.cwd() for server in child.children())]


def gone(processes: list[psutil.Process]) -> bool:
    """Whether none of them is left."""
    return not any(is_alive(process) for process in processes)
