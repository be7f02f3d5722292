"""Every SQL statement of the auth domain but those about attempts. Each write says whose cached answers it outdates.

Transactions lock in this order, so that none waits for another in a circle: the person, the credentials, sessions.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from taskapi.auth.model import (
    KNOWN_ADDRESSES_PER_PERSON,
    SESSIONS_PER_PERSON,
    Credentials,
    Session,
)
from taskapi.contracts.identity import Role
from taskapi.contracts.sessions import Liveness, Use
from taskapi.errors import Error, Unauthenticated
from taskapi.kit.database import ReadConnection, Row, Transaction

CONSTRAINTS: dict[str, type[Error]] = {"idempotency_keys_user_id_fkey": Unauthenticated}
"""An answer to be kept for somebody who was removed meanwhile."""

ADD_CREDENTIALS = """
INSERT /* auth.add_credentials */ INTO credentials (user_id, password_hash, changed_at) VALUES ($1, $2, $3)
"""
FIND_CREDENTIALS = """
SELECT /* auth.find_credentials */ password_hash, changed_at, EXISTS (
    SELECT FROM known_addresses AS known WHERE known.user_id = $1 AND known.address = $2
) AS from_known_address
FROM credentials WHERE user_id = $1
"""
HOLD_CREDENTIALS = """
SELECT /* auth.hold_credentials */ password_hash, changed_at FROM credentials WHERE user_id = $1 FOR NO KEY UPDATE
"""
REPLACE_HASH = """
UPDATE /* auth.replace_hash */ credentials
SET password_hash = $2, changed_at = greatest($3, changed_at + interval '1 millisecond') WHERE user_id = $1
"""
RENEW_HASH = "UPDATE /* auth.renew_hash */ credentials SET password_hash = $2 WHERE user_id = $1"

ADD_SESSION = """
WITH /* auth.add_session */ surplus AS (
    DELETE FROM sessions WHERE user_id = $1 AND id IN (
        SELECT id FROM sessions WHERE user_id = $1 ORDER BY id DESC OFFSET $9
    ) RETURNING id
), added AS (
    INSERT INTO sessions (user_id, id, role, device, address, created_at, last_seen_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
)
SELECT id FROM surplus
"""
FIND_LIVENESS = """
SELECT /* auth.find_liveness */ role, last_seen_at, expires_at FROM sessions WHERE user_id = $1 AND id = $2
"""
NOTE_USES = """
UPDATE /* auth.note_uses */ sessions SET last_seen_at = used.seen_at
FROM (
    SELECT held.user_id, held.id, row.seen_at
    FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS row (user_id, id, seen_at)
    JOIN sessions AS held ON held.user_id = row.user_id AND held.id = row.id
    WHERE held.last_seen_at <= row.seen_at - $4::interval
    FOR NO KEY UPDATE OF held SKIP LOCKED
) AS used
WHERE sessions.user_id = used.user_id AND sessions.id = used.id
"""
"""Never waits: whoever holds a row notes the same minute or ends the session."""

PAGE = """
SELECT /* auth.page_of_sessions */ id, role, device, address, created_at, last_seen_at, expires_at FROM sessions
WHERE user_id = $1 AND id < $2 AND expires_at > $3 AND last_seen_at > $4 ORDER BY id DESC LIMIT $5
"""
END_ONE = "DELETE /* auth.end_one */ FROM sessions WHERE user_id = $1 AND id = $2"
END_ALL = "DELETE /* auth.end_all */ FROM sessions WHERE user_id = $1 AND id IS DISTINCT FROM $2 RETURNING id"

KNOW_ADDRESS = """
WITH /* auth.know_address */ surplus AS (
    DELETE FROM known_addresses WHERE user_id = $1 AND address IN (
        SELECT address FROM known_addresses WHERE user_id = $1 AND address <> $2
        ORDER BY last_used_at DESC OFFSET $4
    )
)
INSERT INTO known_addresses (user_id, address, last_used_at) VALUES ($1, $2, $3)
ON CONFLICT (user_id, address) DO UPDATE SET last_used_at = excluded.last_used_at
"""
PURGE_EXPIRED = """
DELETE /* auth.purge_expired */ FROM sessions WHERE (user_id, id) IN (
    SELECT user_id, id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
) RETURNING user_id, id
"""
PURGE_IDLE = """
DELETE /* auth.purge_idle */ FROM sessions WHERE (user_id, id) IN (
    SELECT user_id, id FROM sessions WHERE last_seen_on < ($1::timestamptz AT TIME ZONE 'UTC')::date
    ORDER BY last_seen_on LIMIT $2 FOR UPDATE SKIP LOCKED
) RETURNING user_id, id
"""
"""Takes those that were idle for too long when this day began; later ones of the day are dead already and wait."""

PURGE_ADDRESSES = """
DELETE /* auth.purge_addresses */ FROM known_addresses WHERE (user_id, address) IN (
    SELECT user_id, address FROM known_addresses WHERE last_used_at < $1
    ORDER BY last_used_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
"""
FIND_KEPT_ANSWER = """
SELECT /* auth.find_kept_answer */ fingerprint, status, headers, body FROM idempotency_keys
WHERE user_id = $1 AND key = $2
"""
PURGE_KEPT_ANSWERS = """
DELETE /* auth.purge_kept_answers */ FROM idempotency_keys WHERE (user_id, key) IN (
    SELECT user_id, key FROM idempotency_keys WHERE created_at < $1
    ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
"""


async def add_credentials(transaction: Transaction, user_id: UUID, password_hash: str, now: datetime) -> None:
    """Give a new person a password."""
    await transaction.execute(ADD_CREDENTIALS, user_id, password_hash, now)


async def find_credentials(
    connection: ReadConnection, user_id: UUID, address: bytes
) -> tuple[Credentials | None, bool]:
    """Return a person's stored password, and whether they have logged in from an address before (its digest)."""
    row = await connection.fetch_one(FIND_CREDENTIALS, user_id, address)
    return _credentials(row), row is not None and bool(row["from_known_address"])


async def hold_credentials(transaction: Transaction, user_id: UUID) -> Credentials | None:
    """Return a person's stored password, which this transaction alone may hold or change."""
    return _credentials(await transaction.fetch_one(HOLD_CREDENTIALS, user_id))


async def change_password(transaction: Transaction, user_id: UUID, password_hash: str, now: datetime) -> None:
    """Store another password."""
    await transaction.execute(REPLACE_HASH, user_id, password_hash, now)


async def renew_hash(transaction: Transaction, user_id: UUID, password_hash: str) -> None:
    """Store the same password, hashed with today's parameters."""
    await transaction.execute(RENEW_HASH, user_id, password_hash)


async def add_session(transaction: Transaction, user_id: UUID, session: Session) -> list[UUID]:
    """Add a session and return those that were ended because they are too many."""
    times = (session.created_at, session.last_seen_at, session.expires_at)
    values = (session.id, session.role, session.device, session.address, *times)
    rows = await transaction.fetch(ADD_SESSION, user_id, *values, SESSIONS_PER_PERSON - 1)
    if rows:
        transaction.touch(user_id, "sessions")
    return [row["id"] for row in rows]


async def find_liveness(connection: ReadConnection, user_id: UUID, session_id: UUID) -> Liveness | None:
    """Return what says whether a session is alive; None if it was ended."""
    row = await connection.fetch_one(FIND_LIVENESS, user_id, session_id)
    if row is None:
        return None
    return Liveness(role=Role(row["role"]), last_seen_at=row["last_seen_at"], expires_at=row["expires_at"])


async def note_uses(transaction: Transaction, uses: Sequence[Use], every: timedelta) -> None:
    """Store when sessions were last used, unless that was stored within `every`. Outdates no cached answer."""
    columns = [list(column) for column in zip(*uses, strict=True)]
    await transaction.execute(NOTE_USES, *columns, every)


async def page_of_sessions(
    connection: ReadConnection, user_id: UUID, before: UUID, now: datetime, idle_since: datetime, limit: int
) -> list[Session]:
    """Return the newest sessions that are alive and began before `before`."""
    return [_session(row) for row in await connection.fetch(PAGE, user_id, before, now, idle_since, limit)]


async def end_session(transaction: Transaction, user_id: UUID, session_id: UUID) -> bool:
    """End one session and say whether there was one to end."""
    ended = await transaction.execute(END_ONE, user_id, session_id) == 1
    if ended:
        transaction.touch(user_id, "sessions")
    return ended


async def end_sessions(transaction: Transaction, user_id: UUID, keep: UUID | None) -> list[UUID]:
    """End all sessions of a person except `keep` and return which."""
    rows = await transaction.fetch(END_ALL, user_id, keep)
    transaction.touch(user_id, "sessions")
    return [row["id"] for row in rows]


async def know_address(transaction: Transaction, user_id: UUID, address: bytes, now: datetime) -> None:
    """Remember an address (its digest) of a person and forget those not used for longest, beyond a bound."""
    await transaction.execute(KNOW_ADDRESS, user_id, address, now, KNOWN_ADDRESSES_PER_PERSON - 1)


async def purge_expired(transaction: Transaction, now: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """Delete sessions whose absolute end has come; return whose and which."""
    return _ended(transaction, await transaction.fetch(PURGE_EXPIRED, now, limit))


async def purge_idle(transaction: Transaction, idle_since: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """Delete sessions that were last used before the day of `idle_since`; return whose and which."""
    return _ended(transaction, await transaction.fetch(PURGE_IDLE, idle_since, limit))


async def purge_addresses(transaction: Transaction, unused_since: datetime, limit: int) -> int:
    """Forget addresses that nobody logged in from since."""
    return await transaction.execute(PURGE_ADDRESSES, unused_since, limit)


async def find_kept_answer(connection: ReadConnection, user_id: UUID, key: str) -> Row | None:
    """Return the answer that was kept for a person under an Idempotency-Key."""
    return await connection.fetch_one(FIND_KEPT_ANSWER, user_id, key)


async def purge_kept_answers(transaction: Transaction, kept_since: datetime, limit: int) -> int:
    """Delete answers that were kept under an Idempotency-Key for long enough."""
    return await transaction.execute(PURGE_KEPT_ANSWERS, kept_since, limit)


def _ended(transaction: Transaction, rows: list[Row]) -> list[tuple[UUID, UUID]]:
    for row in rows:
        transaction.touch(row["user_id"], "sessions")
    return [(row["user_id"], row["id"]) for row in rows]


def _credentials(row: Row | None) -> Credentials | None:
    return None if row is None else Credentials(password_hash=row["password_hash"], changed_at=row["changed_at"])


def _session(row: Row) -> Session:
    return Session(
        id=row["id"],
        role=Role(row["role"]),
        device=row["device"],
        address=row["address"],
        created_at=row["created_at"],
        last_seen_at=row["last_seen_at"],
        expires_at=row["expires_at"],
    )
