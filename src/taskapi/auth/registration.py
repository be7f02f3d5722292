"""Registration: a person, a password, and the promise that a repeated request makes only one of them."""

from collections.abc import Callable

import msgspec

from taskapi.auth import attempts, store
from taskapi.auth.model import Origin
from taskapi.auth.policy import registration_limits
from taskapi.auth.repetition import Repetition
from taskapi.auth.schemas import Registration
from taskapi.auth.verification import address_of
from taskapi.contracts.directory import EmailTaken, Person
from taskapi.contracts.events import UserRegistered
from taskapi.contracts.identity import Role
from taskapi.http.body import decode
from taskapi.http.idempotency import Answer
from taskapi.kit.database import Transaction
from taskapi.kit.ids import new_id
from taskapi.resources import Resources


async def register(
    rooms: Resources,
    new: Registration,
    origin: Origin,
    repetition: Repetition | None,
    answered: Callable[[Person], Answer],
) -> Person:
    """Add a person; raises EmailTaken, Limited, Overloaded, and what `repetition` is answered with.

    `answered` says how the new person will be answered, to be kept for a repetition.
    """
    if repetition is not None:
        await repetition.answer_if_known(rooms, new.email)
    await attempts.count(rooms, registration_limits(rooms.settings.limits, origin.network))
    person, password_hash = _person(rooms, new, Role.USER), await rooms.passwords.hash(new.password)
    try:
        async with rooms.database.transaction() as transaction:
            await _add(rooms, transaction, person, password_hash)
            await store.know_address(transaction, person.id, address_of(rooms, person.id, origin), person.created_at)
            if repetition is not None:
                repetition.keep(rooms, transaction, person, answered(person))
    except EmailTaken:
        if repetition is not None:  # its first time may have come through meanwhile
            await repetition.answer_if_known(rooms, new.email)
        raise
    return person


async def create_user(rooms: Resources, email: str, name: str, password: str, role: Role) -> Person:
    """Add a person with any role, held to the same rules but to no limit; raises Invalid and EmailTaken."""
    new = decode(msgspec.json.encode({"email": email, "name": name, "password": password}), Registration)
    person, password_hash = _person(rooms, new, role), await rooms.passwords.hash(new.password)
    async with rooms.database.transaction() as transaction:
        await _add(rooms, transaction, person, password_hash)
    return person


def _person(rooms: Resources, new: Registration, role: Role) -> Person:
    now = rooms.clock()
    return Person(id=new_id(now), email=new.email, name=new.name, role=role, created_at=now)


async def _add(rooms: Resources, transaction: Transaction, person: Person, password_hash: str) -> None:
    await rooms.directory.add(transaction, person)
    await store.add_credentials(transaction, person.id, password_hash, person.created_at)
    transaction.emit(UserRegistered(user_id=person.id))
