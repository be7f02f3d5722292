"""An allowance is one, however many processes count against it, and whatever arrives at once."""

import asyncio
from collections import Counter
from pathlib import Path
from random import Random

import msgspec
import uvloop

from tests.chaos.fleet import TASK_API, Fleet
from tests.chaos.ledger import Ledger
from tests.chaos.links import Links
from tests.chaos.people import Household, Person, log_in
from tests.chaos.run import fleet_of
from tests.chaos.stores import running_stores
from tests.chaos.weather import Weather
from tests.chaos.wire import connect, request_bytes

ALLOWED, WINDOW = 100, 60
REQUESTS = 2_000
SETTINGS = {
    "TASK_API_RATE_LIMIT": str(ALLOWED),
    "TASK_API_MAX_CONCURRENCY": str(REQUESTS),
    "TASK_API_REDIS_TIMEOUT": "5000",
}
"""Each process takes all that arrives at once, and waits for Redis on a busy machine too: only the limit refuses."""


async def answers_at_once(fleet: Fleet, token: str) -> Counter[int]:
    """Send all requests over connections of their own, a third to each process, and count the statuses."""
    opened = [await connect(fleet.ports[number % len(fleet.ports)], 30) for number in range(REQUESTS)]
    request = request_bytes("GET", "/api/auth/me", {"Authorization": f"Bearer {token}"})
    answers = await asyncio.gather(*(connection.exchange(request, 60) for connection in opened))
    for connection in opened:
        connection.abort()
    return Counter(answer.status for answer in answers)


async def member(fleet: Fleet, ledger: Ledger) -> str:
    """Return the token of somebody who has not asked for anything yet."""
    await fleet.until_ready()
    household, person = Household(fleet.ports, ledger, Random(1)), Person("ada", 0)
    await household.settle(person)
    device = household.device("laptop", 30)
    await log_in(device, person)
    return device.token


def test_three_processes_together_let_through_what_one_would(folder: Path) -> None:
    ledger = Ledger(Weather(), folder / "journal.jsonl")
    limited = msgspec.structs.replace(TASK_API, settings=TASK_API.settings | SETTINGS)
    with Links() as links, running_stores(folder, links) as stores, fleet_of(limited, folder, links, stores) as fleet:

        async def storm() -> tuple[Counter[int], float]:
            token = await member(fleet, ledger)
            with stores.primary.client() as client:
                before = client.time()
                statuses = await answers_at_once(fleet, token)
                after = client.time()
            return statuses, after[0] - before[0] + (after[1] - before[1]) / 1_000_000

        statuses, seconds = uvloop.run(storm())
    ledger.close()
    assert statuses.keys() == {200, 429}
    assert statuses.total() == REQUESTS
    assert ALLOWED - 1 <= statuses[200] <= ALLOWED + seconds * ALLOWED / WINDOW + 1
