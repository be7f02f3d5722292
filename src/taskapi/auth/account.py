"""A person's own account: read, changed, given another password, removed.

What could take an account away from its owner (another e-mail address, another password, removal) takes the password,
so that a stolen token is not enough.
"""

from uuid import UUID

import msgspec

from taskapi.auth import attempts, store
from taskapi.auth.model import AccountChange, Origin, PasswordWrong, VersionCheck
from taskapi.auth.policy import registration_limits
from taskapi.auth.verification import Proof, confirm, hold_proven
from taskapi.contracts.directory import Person
from taskapi.contracts.events import PasswordChanged, UserUpdated
from taskapi.contracts.identity import Principal
from taskapi.errors import Unauthenticated
from taskapi.kit.database import Transaction
from taskapi.resources import Resources

REMOVAL_SECONDS = 10
"""How long the statement may take that removes a person and everything of theirs; within a request's own limit."""


async def read_me(rooms: Resources, caller: Principal) -> Person:
    """Return the caller."""
    async with rooms.database.read() as connection:
        return _present(await rooms.directory.find(connection, caller.user_id))


async def change_me(
    rooms: Resources, caller: Principal, change: AccountChange, origin: Origin, check: VersionCheck
) -> Person:
    """Change name or e-mail address, the latter with the password; raises PasswordWrong, EmailTaken and Limited.

    Another address counts like a registration: a refusal says that somebody has it already.
    """
    proof = None
    if change.password is not None and change.email not in {None, (await read_me(rooms, caller)).email}:
        proof = await confirm(rooms, caller, change.password, origin)
        await attempts.count(rooms, registration_limits(rooms.settings.limits, origin.network))
    async with rooms.database.transaction() as transaction:
        person = await _hold(rooms, transaction, caller.user_id, proof)
        check(person.version)
        changed = _changed(person, change)
        if changed.email != person.email and proof is None:
            raise PasswordWrong("Another e-mail address takes the current password, in the field `password`.")
        if changed is not person:
            await rooms.directory.change(transaction, changed)
            transaction.emit(UserUpdated(user_id=person.id))
        return changed


async def change_password(
    rooms: Resources, caller: Principal, current_password: str, new_password: str, origin: Origin
) -> None:
    """Change the caller's password, which ends all other sessions; raises PasswordWrong."""
    proof = await confirm(rooms, caller, current_password, origin)
    new_hash = await rooms.passwords.hash(new_password)
    async with rooms.database.transaction() as transaction:
        await hold_proven(rooms, transaction, proof)
        await store.change_password(transaction, caller.user_id, new_hash, rooms.clock())
        await rooms.sessions.end_all(transaction, caller.user_id, keep=caller.session_id)
        transaction.emit(PasswordChanged(user_id=caller.user_id))


async def remove_me(rooms: Resources, caller: Principal, password: str, origin: Origin) -> None:
    """Remove the caller and everything of theirs; raises PasswordWrong and LastAdmin."""
    proof = await confirm(rooms, caller, password, origin)
    async with rooms.database.transaction(seconds=REMOVAL_SECONDS + 2) as transaction:
        await hold_proven(rooms, transaction, proof)
        await rooms.sessions.end_all(transaction, caller.user_id)
        await rooms.directory.remove(transaction, caller.user_id, seconds=REMOVAL_SECONDS)


async def _hold(rooms: Resources, transaction: Transaction, user_id: UUID, proof: Proof | None) -> Person:
    if proof is not None:
        return await hold_proven(rooms, transaction, proof)
    return _present(await rooms.directory.hold_to_change(transaction, user_id))


def _changed(person: Person, change: AccountChange) -> Person:
    name = person.name if change.name is None else change.name
    email = person.email if change.email is None else change.email
    if (name, email) == (person.name, person.email):
        return person
    return msgspec.structs.replace(person, name=name, email=email, version=person.version + 1)


def _present(person: Person | None) -> Person:
    """Return the caller, who may have been removed since the session was looked up."""
    if person is None:
        raise Unauthenticated
    return person
