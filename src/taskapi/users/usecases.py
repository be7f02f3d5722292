"""What administrators can want: look at people, give them a role, lock them out or let them in again."""

from uuid import UUID

from taskapi.contracts.directory import Person
from taskapi.contracts.events import RoleChanged, UserDisabled, UserEnabled
from taskapi.contracts.identity import Principal
from taskapi.kit.database import Transaction
from taskapi.resources import Resources
from taskapi.users import administrators, policy, store
from taskapi.users.model import Standing, UserMissing, VersionCheck, is_enabled_admin


async def list_users(
    rooms: Resources, caller: Principal, *, search: str | None, before: UUID | None, limit: int
) -> list[Person]:
    """Return up to `limit` people, the newest first, who registered before `before` did; raises AdminOnly."""
    policy.require_admin(caller)
    async with rooms.database.read() as connection:
        return await store.page(connection, search, before, limit)


async def read_user(rooms: Resources, caller: Principal, user_id: UUID) -> Person:
    """Return one person; raises AdminOnly and UserMissing."""
    policy.require_admin(caller)
    async with rooms.database.read() as connection:
        person = await store.find(connection, user_id)
    if person is None:
        raise UserMissing
    return person


async def change_user(
    rooms: Resources, caller: Principal, user_id: UUID, standing: Standing, check: VersionCheck
) -> Person:
    """Give a person another standing, which ends their sessions; raises AdminOnly, UserMissing and LastAdmin.

    The caller is held together with the person: an administrator who is being demoted at this moment may not
    undo that with a request that had come in before.
    """
    policy.require_admin(caller)
    async with rooms.database.transaction() as transaction:
        people = await store.hold_several(transaction, [caller.user_id, user_id])
        policy.require_still_admin(people.get(caller.user_id))
        person = people.get(user_id)
        if person is None:
            raise UserMissing
        check(person.version)
        changed = standing.given_to(person, rooms.clock())
        if changed is not person:
            await _store(rooms, transaction, caller, person, changed)
        return changed


async def _store(rooms: Resources, transaction: Transaction, caller: Principal, before: Person, after: Person) -> None:
    if is_enabled_admin(before) and not is_enabled_admin(after):
        await administrators.let_go(transaction, before)
    await store.change(transaction, after)
    await rooms.sessions.end_all(transaction, after.id)
    if before.role is not after.role:
        transaction.emit(RoleChanged(user_id=after.id, role=after.role, by=caller.user_id))
    if before.disabled != after.disabled:
        event = UserDisabled if after.disabled else UserEnabled
        transaction.emit(event(user_id=after.id, by=caller.user_id))
