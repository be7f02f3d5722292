"""The SQL of attempts: how far into the future they are paid for, by a key that names nobody."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from taskapi.kit.database import Transaction

CHARGE = """
INSERT /* attempts.charge */ INTO attempts (key, paid_until)
SELECT key, $3::timestamptz + price FROM unnest($1::bytea[], $2::interval[]) AS asked (key, price) ORDER BY key
ON CONFLICT (key) DO UPDATE
SET paid_until = greatest(attempts.paid_until, $3::timestamptz) + (excluded.paid_until - $3::timestamptz)
RETURNING key, paid_until
"""
"""Locks the keys in their order, so that attempts with common keys wait for each other in turn."""

PURGE = """
DELETE /* attempts.purge */ FROM attempts WHERE key IN (
    SELECT key FROM attempts WHERE paid_until <= $1 ORDER BY paid_until LIMIT $2 FOR UPDATE SKIP LOCKED
)
"""
"""An attempt that is paid for counts for nothing."""


async def charge(
    transaction: Transaction, keys: Sequence[bytes], prices: Sequence[timedelta], now: datetime
) -> list[datetime]:
    """Add a price to each key (take it back if it is negative) and return until when each is paid for now."""
    rows = await transaction.fetch(CHARGE, keys, prices, now)
    paid = {bytes(row["key"]): row["paid_until"] for row in rows}
    return [paid[key] for key in keys]


async def purge(transaction: Transaction, now: datetime, limit: int) -> int:
    """Forget attempts that are paid for."""
    return await transaction.execute(PURGE, now, limit)
