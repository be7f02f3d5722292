"""`python -m tests.chaos.revocation`: a session ends through one process; the next request on the others is refused.

Every way to end a session is tried, each time with a session that all processes have just accepted, so that whatever
they remember of it is fresh. Exit status 1 if an ended session was accepted once.
"""

import argparse
import asyncio
import base64
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import msgspec
import uvloop

from tests.chaos.devices import Device
from tests.chaos.fleet import TASK_API, Fleet
from tests.chaos.ledger import Fault, Ledger
from tests.chaos.links import Links
from tests.chaos.people import Household, Person, log_in
from tests.chaos.run import fleet_of
from tests.chaos.stores import running_stores
from tests.chaos.weather import Weather

ROUNDS = 10_000
AT_ONCE = 4
PATIENCE = 30.0
READS = ("/api/auth/me", "/api/tasks", "/api/tasks/summary")
SESSIONS = "/api/auth/sessions"

End = Callable[[Device, int], Awaitable[int]]


class Revocations:
    """The rounds of one person: a device whose sessions end, and another from which some of them are ended."""

    def __init__(self, household: Household, person: Person, ledger: Ledger, chance: Random) -> None:
        self._person = person
        self._random = chance
        self._ledger = ledger
        self._device = household.device(f"{person.name}'s device", PATIENCE)
        self._other = household.device(f"{person.name}'s other device", PATIENCE)
        self.ended: Counter[str] = Counter()
        """Rounds, by how the session was ended."""
        self._ends: list[tuple[str, int]] = [("log-out", 10), ("one of several", 8), ("all", 1), ("password", 1)]

    async def run(self, rounds: int) -> None:
        """Carry out so many rounds."""
        await log_in(self._other, self._person)
        for _ in range(rounds):
            await self._round()

    async def _round(self) -> None:
        await log_in(self._device, self._person)
        path = self._random.choice(READS)
        if await self._statuses(path) != {200}:
            self._ledger.faults[Fault.LOGGED_OUT] += 1
        way = self._random.choices([name for name, _ in self._ends], [weight for _, weight in self._ends])[0]
        status = await self._end(way, self._random.choice(self._device.instances))
        accepted = await self._statuses(path) - {401}
        if status != 204 or accepted:
            self._ledger.faults[Fault.REVIVED] += 1
            self._ledger.note_event("finding", way=way, ended=status, accepted=sorted(accepted), path=path)
        self.ended[way] += 1
        if way == "all":
            await log_in(self._other, self._person)

    async def _end(self, way: str, instance: int) -> int:
        """End the device's session and return the status of the answer."""
        if way == "log-out":
            reply = await self._device.ask("POST", "/api/auth/logout", instance=instance)
        elif way == "one of several":
            reply = await self._other.ask("DELETE", f"{SESSIONS}/{session_of(self._device.token)}", instance=instance)
        elif way == "all":
            reply = await self._other.ask("DELETE", SESSIONS, instance=instance)
        else:
            body = {"currentPassword": self._person.password, "newPassword": f"{self._random.getrandbits(64):x} aA"}
            reply = await self._other.ask("PUT", "/api/auth/password", body, instance=instance)
            self._person.password = body["newPassword"]
        return 0 if reply is None else reply.answer.status

    async def _statuses(self, path: str) -> set[int]:
        """Ask every process at the same time and return the statuses."""
        asked = [self._device.ask("GET", path, instance=instance) for instance in self._device.instances]
        return {0 if reply is None else reply.answer.status for reply in await asyncio.gather(*asked)}


def session_of(token: str) -> str:
    """Return the id of a token's session."""
    payload = token.split(".")[1]
    claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["sid"])


async def revoke(fleet: Fleet, ledger: Ledger, rounds: int, chance: Random) -> Counter[str]:
    """Carry out rounds for several people at once and return how often each way was taken."""
    await fleet.until_ready()
    household = Household(fleet.ports, ledger, chance)
    works = []
    for number in range(AT_ONCE):
        person = Person(f"person{number}", 2)
        await household.settle(person)
        works.append(Revocations(household, person, ledger, Random(chance.getrandbits(64))))
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work.run(rounds // AT_ONCE))
    return sum((work.ended for work in works), Counter())


def run(folder: Path, rounds: int, seed: int) -> tuple[Ledger, Counter[str]]:
    """Start three processes and carry out the rounds."""
    ledger = Ledger(Weather(), folder / "journal.jsonl")
    with Links() as links, running_stores(folder, links) as stores, fleet_of(TASK_API, folder, links, stores) as fleet:
        ended = uvloop.run(revoke(fleet, ledger, rounds, Random(seed)))
    ledger.close()
    return ledger, ended


def main() -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.revocation", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="sessions to end")
    parser.add_argument("--seed", type=int, default=random.getrandbits(32), help="repeats the choices of a run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="task-api-chaos-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o711)
        ledger, ended = run(folder, options.rounds, options.seed)
        for line in ledger.journal.read_text().splitlines():
            print(line)
    ways = ", ".join(f"{way}: {number:,}" for way, number in ended.most_common())
    print(f"ended by {ways}")
    failed = ledger.faults.total()
    print(f"verdict: {failed:,} exceptions in {ended.total():,} rounds over three processes (seed {options.seed})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
