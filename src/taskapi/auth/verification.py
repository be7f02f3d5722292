"""Checks a password: counted as an attempt unless it is right, outside of any transaction, and provable within one.

What was verified before a transaction may be outdated inside it, so whoever acts on it holds the credentials there
and compares: `Credentials.changed_at` is another for every password that a person ever had.
"""

from uuid import UUID

import msgspec

from taskapi.auth import attempts, store
from taskapi.auth.model import AccountDisabled, Credentials, Origin, PasswordWrong
from taskapi.auth.policy import login_limits
from taskapi.contracts import audit
from taskapi.contracts.directory import Person
from taskapi.contracts.identity import Principal
from taskapi.errors import Overloaded, Unauthenticated
from taskapi.kit.database import Transaction
from taskapi.resources import Resources

NOBODY = UUID(int=0)
"""Stands in for whom there is no account of, so that the same statements run."""


class Proof(msgspec.Struct, frozen=True):
    """Somebody knew their password when it was this one."""

    user_id: UUID
    credentials: Credentials


async def verify(
    rooms: Resources, person: Person | None, email: str, password: str, origin: Origin
) -> Credentials | None:
    """Return the credentials that `password` belongs to, or None if it is wrong; raises Limited and Overloaded.

    Takes the same time and the same statements for a person who does not exist.
    """
    user_id = person.id if person else NOBODY
    async with rooms.database.read() as connection:
        credentials, known = await store.find_credentials(connection, user_id, address_of(rooms, user_id, origin))
    limits = login_limits(rooms.settings.limits, email, origin.network, known=known)
    about = {"account": audit.pseudonym(rooms.fingerprints, email), "user_id": person.id if person else None}
    await attempts.count(rooms, limits, **about)
    try:
        right = await rooms.passwords.verify(credentials.password_hash if credentials else None, password)
    except Overloaded:
        await attempts.give_back(rooms, limits)
        raise
    if not right:
        return None
    await attempts.give_back(rooms, limits)
    return credentials


async def confirm(rooms: Resources, caller: Principal, password: str, origin: Origin) -> Proof:
    """Make sure that the caller knows the password, not just a token; raises PasswordWrong, Limited and Overloaded."""
    async with rooms.database.read() as connection:
        person = await rooms.directory.find(connection, caller.user_id)
    if person is None:
        raise Unauthenticated
    credentials = await verify(rooms, person, person.email, password, origin)
    if credentials is None:
        async with rooms.database.transaction():
            # The first time of a repeated request may have changed the password; its answer is given here then.
            audit.tell(audit.Kind.PASSWORD_REFUSED, user_id=person.id)
            raise PasswordWrong
    return Proof(person.id, credentials)


async def hold_proven(rooms: Resources, transaction: Transaction, proof: Proof) -> Person:
    """Hold the person to be changed whose password is still the proven one; raises PasswordWrong."""
    person = await rooms.directory.hold_to_change(transaction, proof.user_id)
    credentials = await store.hold_credentials(transaction, proof.user_id)
    if person is None or credentials is None:
        raise Unauthenticated
    if credentials.changed_at != proof.credentials.changed_at:
        raise PasswordWrong
    if person.disabled:
        raise AccountDisabled
    return person


def address_of(rooms: Resources, user_id: UUID, origin: Origin) -> bytes:
    """Return what stands for an origin among a person's known addresses, and tells nobody which it is."""
    return rooms.fingerprints.digest(b"known address", user_id.bytes, origin.network.encode())
