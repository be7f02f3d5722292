"""Every SQL statement of the gate: its row of state, and the rows of the outbox that wait to be announced."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from taskapi.kit.database import LoneConnection, ReadConnection, Row, Transaction

READ = """
SELECT /* gate.read */ generation, mode, server,
    (
        SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 FROM outbox WHERE announced_at IS NULL
    ) AS waiting,
    (SELECT system_identifier FROM pg_control_system()) AS system,
    left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS timeline
FROM gate_state
"""
"""Any role may call these functions; on a server that is no primary the last one is an error, as it should be."""

CLOSE = """
UPDATE /* gate.close */ gate_state
SET mode = 'closed', closed_until = greatest(closed_until, clock_timestamp() + $1::interval)
RETURNING generation, mode, server,
    (
        SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 FROM outbox WHERE announced_at IS NULL
    ) AS waiting,
    (SELECT system_identifier FROM pg_control_system()) AS system,
    left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS timeline
"""
"""Whoever goes on writing without Redis repeats it, so that nobody opens in between."""

RENEW = "UPDATE /* gate.renew */ gate_state SET generation = gen_random_uuid()::text"
CHECK_CLOSED = "SELECT /* gate.check_closed */ generation FROM gate_state WHERE mode = 'closed' FOR SHARE"
HOLD_CLOSED = """
SELECT /* gate.hold_closed */ generation FROM gate_state
WHERE mode = 'closed' AND closed_until <= clock_timestamp() FOR UPDATE
"""
OPEN = "UPDATE /* gate.open */ gate_state SET mode = 'open', generation = gen_random_uuid()::text, server = $1"

WAITING = """
SELECT /* gate.waiting */ id, user_id, fields FROM outbox
WHERE announced_at IS NULL AND created_at < now() - $1::interval
ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""
WAITING_OF = """
SELECT /* gate.waiting_of */ id, user_id, fields FROM outbox
WHERE announced_at IS NULL AND user_id = $1 ORDER BY created_at
"""
MARK = "UPDATE /* gate.mark */ outbox SET announced_at = $2 WHERE id = ANY($1::uuid[]) AND announced_at IS NULL"


CLOSE_SECONDS = 3.0
"""A relay may hold the row for a moment, and no write is acknowledged without."""


class State(NamedTuple):
    """The gate's row."""

    generation: str
    """With the database's identity and timeline, so that a restored or promoted one is another."""

    token: str
    """The row's own part of the generation."""

    is_open: bool
    server: str | None
    oldest_waiting: float
    """Age in seconds of the oldest row of the outbox that nobody announced; zero if there is none."""


class Waiting(NamedTuple):
    """A row of the outbox that was not announced."""

    id: UUID
    user_id: UUID
    fields: tuple[str, ...]


async def read(connection: LoneConnection) -> State:
    """Return the state."""
    return _state(await connection.fetch_one(READ))


async def close(connection: LoneConnection, until: timedelta) -> State:
    """Close the gate for everybody, at least until so long from now, and return the state."""
    return _state(await connection.fetch_one(CLOSE, until, seconds=CLOSE_SECONDS))


async def renew(connection: LoneConnection) -> None:
    """Begin a new generation."""
    await connection.fetch_one(RENEW)


async def closed_generation(transaction: Transaction) -> str | None:
    """Return the row's generation and keep the gate closed until the transaction ends; None if it is open."""
    return _text(await transaction.fetch_value(CHECK_CLOSED))


async def hold_closed(transaction: Transaction) -> str | None:
    """Return the row's generation, which this transaction alone may change; None if it is open or held closed."""
    return _text(await transaction.fetch_value(HOLD_CLOSED))


async def open_gate(transaction: Transaction, server: str) -> None:
    """Open the gate on this Redis, with a new generation."""
    await transaction.execute(OPEN, server)


async def waiting(transaction: Transaction, age: timedelta, limit: int) -> list[Waiting]:
    """Return rows that nobody announced for `age` and that no other relay holds, the oldest first."""
    return [_waiting(row) for row in await transaction.fetch(WAITING, age, limit)]


async def waiting_of(connection: ReadConnection, user_id: UUID) -> list[Waiting]:
    """Return a user's rows that were not announced yet."""
    return [_waiting(row) for row in await connection.fetch(WAITING_OF, user_id)]


async def mark(transaction: Transaction, ids: Sequence[UUID], now: datetime) -> int:
    """Note that rows are announced."""
    return await transaction.execute(MARK, list(ids), now)


def _state(row: Row | None) -> State:
    if row is None:
        raise LookupError("the table gate_state is empty")
    return State(
        generation=f"{row['system']}:{row['timeline']}:{row['generation']}",
        token=row["generation"],
        is_open=row["mode"] == "open",
        server=row["server"],
        oldest_waiting=row["waiting"],
    )


def _waiting(row: Row) -> Waiting:
    return Waiting(row["id"], row["user_id"], tuple(row["fields"]))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
