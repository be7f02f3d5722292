"""Lists: one envelope, a bounded page size, and cursors that only we can make.

A cursor is sealed together with its user and its query, so that it is worth nothing to anybody else or anywhere else.
"""

from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import msgspec
from litestar.params import QueryParameter

from taskapi.errors import Invalid, Violation
from taskapi.kit.seals import SealBroken, Seals

Item = TypeVar("Item")
Position = TypeVar("Position", bound=msgspec.Struct)

DEFAULT_LIMIT = 50
MAXIMUM_LIMIT = 200
LONGEST_CURSOR = 1024

Limit = Annotated[int, QueryParameter(ge=1, le=MAXIMUM_LIMIT, description="The most items that one page may hold.")]
Cursor = Annotated[
    str | None,
    QueryParameter(
        max_length=LONGEST_CURSOR, description="`nextCursor` of the page before, with otherwise the same parameters."
    ),
]


class Page(msgspec.Struct, Generic[Item], frozen=True, rename="camel"):
    """One page of a list; `nextCursor` is null on the last one."""

    items: list[Item]
    next_cursor: str | None


def seal_cursor(seals: Seals, user_id: UUID, query: Any, position: msgspec.Struct) -> str:
    """Return the cursor that stands for `position` in this user's `query`."""
    return seals.seal(msgspec.msgpack.encode(position), user_id.bytes, msgspec.msgpack.encode(query))


def open_cursor(seals: Seals, user_id: UUID, query: Any, cursor: str, kind: type[Position]) -> Position:
    """Return the position that `cursor` stands for; raises Invalid for any other user or query."""
    try:
        content = seals.open(cursor, user_id.bytes, msgspec.msgpack.encode(query))
        return msgspec.msgpack.decode(content, type=kind)
    except (SealBroken, msgspec.MsgspecError, UnicodeDecodeError):
        raise Invalid(
            "The cursor is not valid.",
            violations=(Violation("cursor", "This cursor is not of this list; start without one", "query"),),
        ) from None
