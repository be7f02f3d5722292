"""Changes the schema in turn and without queueing up the API behind a change.

An advisory lock of the session lets one instance work while the others wait. A step asks for the locks of its tables
for a second at a time, because whoever comes after it waits behind it; it is tried again a few times, then given up.
Nothing of a step that is given up remains.
"""

import random
import time
from collections.abc import Callable

import asyncpg
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from taskapi.migrations.lock import LOCK
from taskapi.migrations.refusal import Refused

OTHERS_SECONDS = 120.0
LOCK_SECONDS = 1.0
"""Less than a statement of the API waits, so that those who queue up behind a step are served after all."""

STEP_SECONDS = 600
ATTEMPTS = 8
PAUSE_SECONDS = 1.0


def take_turn(connection: Connection) -> None:
    """Wait for other instances, then set the limits for the steps; raises `Refused`."""
    connection.execute(text(f"SET statement_timeout = '{STEP_SECONDS}s'"))
    connection.execute(text(f"SET lock_timeout = '{OTHERS_SECONDS}s'"))
    try:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
    except DBAPIError as error:
        if not _is_lock_timeout(error):
            raise
        raise Refused(
            f"Another instance has been changing the schema for {OTHERS_SECONDS:.0f} seconds; nothing was done here. "
            "Wait for it and try again."
        ) from None
    connection.execute(text(f"SET lock_timeout = '{LOCK_SECONDS}s'"))
    connection.commit()


def insist(connection: Connection, work: Callable[[], None]) -> None:
    """Do `work`, again if it could not get a lock; raises `Refused` when it never could."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return work()
        except DBAPIError as error:
            connection.rollback()
            if not _is_lock_timeout(error):
                raise
        if attempt < ATTEMPTS:
            time.sleep(PAUSE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load, guards nothing
    raise Refused(
        f"A step could not lock what it changes, in {ATTEMPTS} attempts. Nothing of it was done, and it can run again. "
        "Look in pg_stat_activity for transactions that stay open (docs/upgrades.md)."
    )


def _is_lock_timeout(error: DBAPIError) -> bool:
    return isinstance(getattr(error.orig, "__cause__", None), asyncpg.LockNotAvailableError)
