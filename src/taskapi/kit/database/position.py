"""How far the primary's log was at some moment: its timeline and the place in it, in a form that sorts as a text.

A timeline begins with each promotion and each restore, and only its number tells that a place in the log of before is
not comparable: so a position of a later timeline is always the higher one.
"""

from typing import Final

from taskapi.kit.database.connection import ReadConnection, Row

ASK: Final = """
SELECT /* primary.position */ left(pg_walfile_name(place), 8) AS timeline, place
FROM pg_current_wal_insert_lsn() AS place
"""
"""Whatever was committed before this is asked lies before it, flushed or not. A server that is no primary refuses."""

UNKNOWN: Final = b""
"""Of whoever cannot say how far a replica would have to be: the primary has to answer."""

TIMELINE_DIGITS = 8


async def ask(connection: ReadConnection) -> bytes:
    """Return the position of the primary that this connection leads to."""
    row = await connection.fetch_one(ASK)
    assert row is not None
    return of(row)


def of(row: Row) -> bytes:
    """Return the position in a row of `ASK`."""
    return b"%b%016X" % (row["timeline"].encode(), row["place"])


def parts(position: bytes) -> tuple[int, int]:
    """Return timeline and place of a position."""
    return int(position[:TIMELINE_DIGITS], 16), int(position[TIMELINE_DIGITS:], 16)
