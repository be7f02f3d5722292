"""How the server learns how long a statement, a lock and a transaction may take.

With the log-in, where a connection is ours alone; through PgBouncer with every transaction.

PgBouncer in transaction mode hands a server's connection to somebody else after each transaction: it refuses settings
with the log-in, and what a session sets or prepares meets others. So nothing is prepared by name there, everything runs
in a transaction, and each begins by saying its limits in the message that carries BEGIN, which costs no round trip.
"""

from typing import Any, NamedTuple

import asyncpg

from taskapi.config import DatabaseSettings
from taskapi.kit.database.url import DatabaseUrl

TRANSACTION_SECONDS = 10
"""How long a transaction of the application may stay open before it is given up."""

SERVER_SECONDS = TRANSACTION_SECONDS * 6
"""When the server itself ends a transaction that outlives the application's own limit, where it can (17 on)."""

IN_A_TRANSACTION = f"""SELECT set_config('transaction_timeout', '{SERVER_SECONDS}s', true)
WHERE current_setting('transaction_timeout', true) IS NOT NULL"""


class Limits(NamedTuple):
    """What to tell the server, and when."""

    options: dict[str, Any]
    """Of the driver, for every connection."""

    begin: str
    """Begins a transaction."""

    begin_reading: str | None
    """Begins one around statements that only read; None where they run without."""


def limits(address: DatabaseUrl, settings: DatabaseSettings) -> Limits:
    """Return the limits for connections to `address`."""
    seconds = settings.statement_timeout
    wanted = {
        "statement_timeout": f"{seconds}s",
        "lock_timeout": f"{min(seconds, 3)}s",
        "idle_in_transaction_session_timeout": f"{TRANSACTION_SECONDS}s",
        **({"search_path": address.search_path} if address.search_path else {}),
    }
    if not address.pgbouncer:
        return Limits({"server_settings": wanted}, "BEGIN", None)
    local = "; ".join(f"SET LOCAL {name} = {_quoted(name, value)}" for name, value in wanted.items())
    return Limits(
        {"statement_cache_size": 0},
        f"BEGIN; {local}; {IN_A_TRANSACTION}",
        f"BEGIN READ ONLY; {local}; {IN_A_TRANSACTION}",
    )


async def bound_transactions(connection: "asyncpg.Connection[Any]") -> None:
    """Set, for a connection that is ours alone, what an older server would refuse with the log-in."""
    if connection.get_server_version().major >= 17:
        await connection.execute(f"SET transaction_timeout = '{SERVER_SECONDS}s'")


async def leave_as_it_is(connection: "asyncpg.Connection[Any]") -> None:
    """Spare the round trip of a reset: no statement of ours leaves anything behind on a connection."""


def _quoted(name: str, value: str) -> str:
    return value if name == "search_path" else f"'{value}'"  # a schema's name is quoted already
