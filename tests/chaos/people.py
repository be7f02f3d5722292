"""The people who use the fleet: each with an account, some things to keep, and several devices."""

import secrets
from random import Random
from typing import Any

import msgspec

from tests.chaos.devices import Device, Reply
from tests.chaos.ledger import Ledger
from tests.chaos.timelines import Timeline

ACCOUNT = "me"
"""The slot of an account; tasks have numbers."""
EXISTS = "exists"
"""The status of an account."""


class Features(msgspec.Struct, frozen=True):
    """What of the API a target has, so that nothing else is asked of it."""

    conditional: bool = True
    filters: bool = True
    summary: bool = True
    churn: bool = True
    """Whether a repeated creation has its effect once, so that tasks can be created and deleted all the time."""
    sessions: bool = True
    """Whether one of several sessions can be ended."""


class Person:
    """One account."""

    def __init__(self, name: str, slots: int) -> None:
        self.name = name
        self.email = f"{name}-{secrets.token_hex(4)}@example.org"
        self.password = secrets.token_urlsafe(12)
        self.id = ""
        self.account = Timeline(name, ACCOUNT)
        self.tasks = [Timeline(name, str(number)) for number in range(slots)]
        self.by_slot = {timeline.slot: timeline for timeline in (*self.tasks, self.account)}


class SetUpFailed(Exception):
    """Somebody could not register or log in, although nothing was broken."""


class Household:
    """Makes people and devices that are ready to be used."""

    def __init__(self, ports: list[int], ledger: Ledger, random: Random) -> None:
        self._ports = ports
        self._ledger = ledger
        self._random = random

    def device(self, name: str, patience: float) -> Device:
        """Return a device that nobody is logged in on."""
        return Device(name, self._ports, self._ledger, Random(self._random.getrandbits(64)), patience)

    async def settle(self, person: Person) -> None:
        """Register, and create the tasks."""
        device = self.device(f"{person.name}'s first device", 30)
        version = person.account.begin(EXISTS, None, device.name)
        body = {"email": person.email, "password": person.password, "name": person.account.title(version)}
        reply = _expect(await device.ask("POST", "/api/auth/register", body), 201)
        person.id = reply["id"]
        person.account.acknowledge()
        await log_in(device, person)
        for task in person.tasks:
            version = task.begin("todo", None, device.name)
            reply = _expect(await device.ask("POST", "/api/tasks", {"title": task.title(version)}), 201)
            task.acknowledge(reply["id"])
        device.close()


async def log_in(device: Device, person: Person) -> None:
    """Log the person in on a device; raises SetUpFailed."""
    if not await try_to_log_in(device, person):
        raise SetUpFailed(f"{person.name} could not log in")


async def try_to_log_in(device: Device, person: Person) -> bool:
    """Log the person in on a device, if that is possible at the moment."""
    device.token = ""
    reply = await device.ask("POST", "/api/auth/login", {"email": person.email, "password": person.password})
    if reply is None or reply.answer.status != 200:
        return False
    device.token = msgspec.json.decode(reply.answer.body)["token"]
    return True


def _expect(reply: Reply | None, status: int) -> dict[str, Any]:
    if reply is None or reply.answer.status != status:
        told = "no answer" if reply is None else f"{reply.answer.status} {reply.answer.body[:300]!r}"
        raise SetUpFailed(f"expected {status}, got {told}")
    found: dict[str, Any] = msgspec.json.decode(reply.answer.body)
    return found
