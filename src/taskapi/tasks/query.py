"""What a list of tasks was asked for, and which stretches of which index answer it. Pure: no SQL, no clock.

A list is the concatenation of *stretches*: each is a run of neighbours in one index, bounded on both sides. Stretches
of one rank are merged by key and id; a lower rank comes first. A cursor only moves the bounds, so that a page costs the
same wherever it lies.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import product
from uuid import UUID

import msgspec

from taskapi.tasks.model import Priority, Status

LOWEST_ID = UUID(int=0)
HIGHEST_ID = UUID(int=(1 << 128) - 1)
DISTANT_PAST = datetime.min  # noqa: DTZ901
DISTANT_FUTURE = datetime.max  # noqa: DTZ901
"""Without a zone, which is how the driver spells the two infinities; an undated task is due in the distant future."""


class SortKey(StrEnum):
    """What a list may be sorted by."""

    CREATED = "created"
    UPDATED = "updated"
    DUE = "due"
    PRIORITY = "priority"


class Sort(StrEnum):
    """The order of a list; `-` is descending. Tasks without a due date come last, either way."""

    CREATED = "created"
    CREATED_DESCENDING = "-created"
    UPDATED = "updated"
    UPDATED_DESCENDING = "-updated"
    DUE = "due"
    DUE_DESCENDING = "-due"
    PRIORITY = "priority"
    PRIORITY_DESCENDING = "-priority"

    @property
    def key(self) -> SortKey:
        """What it sorts by."""
        return SortKey(self.value.removeprefix("-"))

    @property
    def descending(self) -> bool:
        """Whether the greatest comes first."""
        return self.value.startswith("-")


class TaskQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A list as it was asked for: any of each tuple (an empty one asks nothing), all of the parts together."""

    statuses: tuple[Status, ...] = ()
    priorities: tuple[Priority, ...] = ()
    labels: tuple[str, ...] = ()
    due_before: datetime | None = None
    """Exclusive."""
    due_after: datetime | None = None
    """Inclusive."""
    updated_since: datetime | None = None
    """Inclusive."""
    text: str | None = None
    sort: Sort = Sort.CREATED_DESCENDING

    @property
    def any_statuses(self) -> tuple[Status, ...]:
        """The statuses that match, each once."""
        return tuple(status for status in Status if status in self.statuses) or tuple(Status)

    @property
    def any_priorities(self) -> tuple[Priority, ...]:
        """The priorities that match, each once, least first."""
        return tuple(priority for priority in Priority if priority in self.priorities) or tuple(Priority)

    @property
    def bounds_due(self) -> bool:
        """Whether it asks for a range of due dates (which no undated task is in)."""
        return self.due_before is not None or self.due_after is not None


class Position(msgspec.Struct, frozen=True):
    """Where a page ended: the rank, key and id of its last task."""

    rank: int
    key: datetime | None
    id: UUID


class Bound(msgspec.Struct, frozen=True):
    """One end of a stretch, not part of it."""

    key: datetime | None
    id: UUID


class Stretch(msgspec.Struct, frozen=True):
    """Neighbours in one index: all tasks of this status and priority (None: any) between two bounds."""

    rank: int
    low: Bound
    high: Bound
    priority: Priority | None = None
    status: Status | None = None


class Index(StrEnum):
    """The four indexes that a list can walk, each of one person's live tasks; the names are the database's."""

    CREATED = "tasks_created"
    PRIORITY = "tasks_priority"
    UPDATED = "tasks_updated"
    DUE = "tasks_due"


def walked_index(query: TaskQuery) -> Index:
    """Return the index whose order is the query's and which knows most of its filters."""
    if query.sort.key is SortKey.UPDATED:
        return Index.UPDATED
    if query.sort.key is SortKey.DUE:
        return Index.DUE
    narrowed = query.sort.key is SortKey.PRIORITY or query.statuses or query.priorities
    return Index.PRIORITY if narrowed else Index.CREATED


def stretches(query: TaskQuery, index: Index, after: Position | None = None) -> list[Stretch]:
    """Return the stretches of `index` that hold the query's tasks, without what lies before `after`."""
    ranked = list(_ranked(query, index))
    if after is not None:
        ranked = [_after(part, after, query.sort) for part in ranked if part.rank >= after.rank]
    statuses: Iterable[Status | None] = (None,) if index is Index.CREATED else query.any_statuses
    return [msgspec.structs.replace(part, status=status) for part, status in product(ranked, statuses)]


def _ranked(query: TaskQuery, index: Index) -> Sequence[Stretch]:
    if index is Index.PRIORITY:
        return _by_priority(query)
    if index is Index.UPDATED:
        low = Bound(query.updated_since or DISTANT_PAST, LOWEST_ID)
        return [Stretch(0, low, Bound(DISTANT_FUTURE, LOWEST_ID))]
    if index is Index.DUE:
        return _by_due(query)
    return [Stretch(0, Bound(None, LOWEST_ID), Bound(None, HIGHEST_ID))]


def _by_priority(query: TaskQuery) -> list[Stretch]:
    """One stretch per priority: ranked if that is the order, else merged."""
    ordered = query.any_priorities[:: -1 if query.sort.descending else 1]
    ranks = range(len(ordered)) if query.sort.key is SortKey.PRIORITY else [0] * len(ordered)
    low, high = Bound(None, LOWEST_ID), Bound(None, HIGHEST_ID)
    return [Stretch(rank, low, high, priority) for rank, priority in zip(ranks, ordered, strict=True)]


def _by_due(query: TaskQuery) -> list[Stretch]:
    """First the dated tasks, then the undated ones."""
    undated = Bound(DISTANT_FUTURE, LOWEST_ID)
    low = Bound(query.due_after or DISTANT_PAST, LOWEST_ID)
    high = Bound(query.due_before, LOWEST_ID) if query.due_before else undated
    dated = Stretch(0, low, high)
    return [dated] if query.bounds_due else [dated, Stretch(1, undated, Bound(DISTANT_FUTURE, HIGHEST_ID))]


def _after(part: Stretch, position: Position, sort: Sort) -> Stretch:
    if part.rank > position.rank:
        return part
    bound = Bound(position.key, position.id)
    return msgspec.structs.replace(part, **{"high" if sort.descending else "low": bound})
