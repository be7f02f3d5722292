"""Every SQL statement of the users' domain. Each write says whose cached answers it outdates."""

import re
from uuid import UUID

from taskapi.contracts.directory import EmailTaken, Person
from taskapi.contracts.identity import Role
from taskapi.errors import Error
from taskapi.kit.database import ReadConnection, Row, Transaction

CONSTRAINTS: dict[str, type[Error]] = {"users_email_key": EmailTaken}
ADMINS_TURN = 7_205_759_403_792_794
"""The advisory lock under which somebody ceases to be an enabled administrator; any number of ours does."""

HIGHEST_ID = UUID(int=(1 << 128) - 1)
"""Before every id when the newest come first; a parameter like any other keeps the statement's plan an index range."""

FIND = "SELECT /* users.find */ id, email, name, role, created_at, disabled_at, version FROM users WHERE id = $1"
FIND_BY_EMAIL = """
SELECT /* users.find_by_email */ id, email, name, role, created_at, disabled_at, version FROM users
WHERE lower(email) = lower($1)
"""
HOLD = """
SELECT /* users.hold */ id, email, name, role, created_at, disabled_at, version FROM users WHERE id = $1 FOR SHARE
"""
HOLD_TO_CHANGE = """
SELECT /* users.hold_to_change */ id, email, name, role, created_at, disabled_at, version FROM users
WHERE id = $1 FOR NO KEY UPDATE
"""
HOLD_SEVERAL = """
SELECT /* users.hold_several */ id, email, name, role, created_at, disabled_at, version FROM users
WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""
"""Locks in the order of the ids, so that two who change each other wait instead of deadlocking."""

ADD = """
INSERT /* users.add */ INTO users (id, email, name, role, created_at, disabled_at, version)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
CHANGE = """
UPDATE /* users.change */ users SET email = $2, name = $3, role = $4, disabled_at = $5, version = $6 WHERE id = $1
"""
ALLOW = "SELECT /* users.allow */ set_config('statement_timeout', $1, true)"
REMOVE = "DELETE /* users.remove */ FROM users WHERE id = $1"
TAKE_ADMINS_TURN = "SELECT /* users.take_admins_turn */ pg_advisory_xact_lock($1)"
HAS_OTHER_ADMIN = """
SELECT /* users.has_other_admin */ EXISTS (SELECT FROM users WHERE role = 'admin' AND disabled_at IS NULL AND id <> $1)
"""
LIST = """
SELECT /* users.list */ id, email, name, role, created_at, disabled_at, version FROM users
WHERE id < $1 ORDER BY id DESC LIMIT $2
"""
WALK = """
SELECT /* users.walk */ id, email, name, role, created_at, disabled_at, version
FROM (SELECT * FROM users WHERE id < $1 ORDER BY id DESC LIMIT $4) AS newest
WHERE search LIKE '%' || lower($3) || '%' ORDER BY id DESC LIMIT $2
"""
SEARCH = """
SELECT /* users.search */ id, email, name, role, created_at, disabled_at, version
FROM (SELECT * FROM users WHERE search LIKE '%' || lower($3) || '%' OFFSET 0) AS found
WHERE id < $1 ORDER BY id DESC LIMIT $2
"""
"""OFFSET 0 keeps the planner from walking by id in search of what may be rare: trigrams are looked up instead."""

WALKED = 2000
"""So many people are looked at in the list's order first, where a page of what many have in common is found."""

TRIGRAM = re.compile(r"[^\W_]{3}")
"""What the index can look up. Without one in the text, everybody is walked past: a second for a million people."""


async def find(connection: ReadConnection, user_id: UUID) -> Person | None:
    """Return the person with this id."""
    return _person(await connection.fetch_one(FIND, user_id))


async def find_by_email(connection: ReadConnection, email: str) -> Person | None:
    """Return the person with this address, in any case."""
    return _person(await connection.fetch_one(FIND_BY_EMAIL, email))


async def hold(transaction: Transaction, user_id: UUID) -> Person | None:
    """Return the person, who stays as they are until the transaction ends."""
    return _person(await transaction.fetch_one(HOLD, user_id))


async def hold_to_change(transaction: Transaction, user_id: UUID) -> Person | None:
    """Return the person, whom this transaction alone may hold or change."""
    return _person(await transaction.fetch_one(HOLD_TO_CHANGE, user_id))


async def hold_several(transaction: Transaction, user_ids: list[UUID]) -> dict[UUID, Person]:
    """Return these people by id, whom this transaction alone may hold or change."""
    return {row["id"]: _found(row) for row in await transaction.fetch(HOLD_SEVERAL, user_ids)}


async def add(transaction: Transaction, person: Person) -> None:
    """Add a person; raises EmailTaken."""
    await transaction.execute(ADD, *_values(person, with_created=True))
    transaction.introduce(person.id)
    transaction.touch(person.id, "user")


async def change(transaction: Transaction, person: Person) -> None:
    """Store everything about a person that can change; raises EmailTaken."""
    await transaction.execute(CHANGE, *_values(person, with_created=False))
    transaction.touch(person.id, "user")


async def remove(transaction: Transaction, user_id: UUID, seconds: float) -> None:
    """Remove a person and, by the foreign keys, everything of theirs."""
    await transaction.execute(ALLOW, f"{int(seconds * 1000)}ms")
    await transaction.execute(REMOVE, user_id, seconds=seconds + 1)
    transaction.touch(user_id, "user", "sessions", "tasks")


async def take_admins_turn(transaction: Transaction) -> None:
    """Wait until no other transaction is about to take away an administrator."""
    await transaction.fetch_value(TAKE_ADMINS_TURN, ADMINS_TURN)


async def has_other_admin(transaction: Transaction, user_id: UUID) -> bool:
    """Say whether somebody else is an enabled administrator."""
    return bool(await transaction.fetch_value(HAS_OTHER_ADMIN, user_id))


async def page(connection: ReadConnection, search: str | None, before: UUID | None, limit: int) -> list[Person]:
    """Return the newest people registered before `before` whose e-mail address or name holds `search`, in any case."""
    position = before or HIGHEST_ID
    if search is None:
        return [_found(row) for row in await connection.fetch(LIST, position, limit)]
    text = _literally(search)
    is_indexed = TRIGRAM.search(search) is not None
    rows = await connection.fetch(WALK, position, limit, text, WALKED if is_indexed else None)
    if len(rows) < limit and is_indexed:
        rows = await connection.fetch(SEARCH, position, limit, text)
    return [_found(row) for row in rows]


def _literally(search: str) -> str:
    """Return the LIKE pattern that stands for the text itself."""
    return search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _values(person: Person, *, with_created: bool) -> tuple[object, ...]:
    created = (person.created_at,) if with_created else ()
    return (person.id, person.email, person.name, person.role, *created, person.disabled_at, person.version)


def _person(row: Row | None) -> Person | None:
    return None if row is None else _found(row)


def _found(row: Row) -> Person:
    return Person(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        role=Role(row["role"]),
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
        version=row["version"],
    )
