"""The map of a Redis Cluster: which server holds which slot, as CLUSTER SLOTS and redirections tell it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from redis.crc import key_slot


class Place(NamedTuple):
    """Where a server listens."""

    host: str
    port: int


class Range(NamedTuple):
    """Consecutive slots and the primary that holds them."""

    first: int
    last: int
    place: Place


def slot_of(key: bytes) -> int:
    """Return the slot of a key."""
    return int(key_slot(key))


def read_ranges(reply: Any, asked: str) -> Iterator[Range]:
    """Read the answer of CLUSTER SLOTS; a node that does not know its own host is the one that was asked."""
    for first, last, primary, *_ in reply:
        yield Range(int(first), int(last), Place((primary[0] or b"").decode() or asked, int(primary[1])))


def read_redirection(error: str, asked: str) -> Place:
    """Read `MOVED 3999 10.0.0.2:6381` or `ASK …`; raises ValueError if it names no place."""
    host, _, port = error.split()[2].rpartition(":")
    return Place(host or asked, int(port))
