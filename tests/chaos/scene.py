"""What faults have at hand: the stores, the fleet, chance, and the books in which faults are noted."""

import asyncio
from collections.abc import Callable
from random import Random

import asyncpg

from tests.chaos.fleet import Fleet, Server
from tests.chaos.ledger import Ledger
from tests.chaos.stores import Stores
from tests.chaos.weather import Weather

RECOVERY_SECONDS = 120


class Scene:
    """Where faults happen."""

    def __init__(self, stores: Stores, fleet: Fleet, ledger: Ledger, random: Random) -> None:
        self.stores = stores
        self.fleet = fleet
        self.ledger = ledger
        self.random = random

    def by(self, random: Random) -> "Scene":
        """Return the same scene, ruled by another chance, so that lanes of faults do not depend on each other."""
        return Scene(self.stores, self.fleet, self.ledger, random)

    @property
    def weather(self) -> Weather:
        """Which faults are on."""
        return self.ledger.weather

    def any_server(self) -> Server:
        """Return one of the servers."""
        return self.random.choice(self.fleet.servers)

    async def wait(self, least: float, most: float) -> None:
        """Let some seconds pass."""
        await asyncio.sleep(self.random.uniform(least, most))

    async def until(self, look: Callable[[], bool]) -> None:
        """Return when something that takes a while to look at has become so."""
        async with asyncio.timeout(RECOVERY_SECONDS):
            while not await asyncio.to_thread(look):  # noqa: ASYNC110 - what is waited for sets no event
                await asyncio.sleep(0.02)

    async def until_database_answers(self) -> None:
        """Return when PostgreSQL takes connections."""
        async with asyncio.timeout(RECOVERY_SECONDS):
            while not await self._database_answers():  # noqa: ASYNC110 - what is waited for sets no event
                await asyncio.sleep(0.05)

    async def _database_answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.stores.database_url, timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        await connection.close(timeout=5)
        return True
