"""A list statement while it is written: its arguments, its order, and the conditions that its index leaves open."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from taskapi.tasks.query import DISTANT_FUTURE, DISTANT_PAST, Index, TaskQuery, walked_index
from taskapi.tasks.rows import PRIORITY_CODES

AHEAD = 40
"""How many times the page a walk may go on in search of words."""

KEYS = {Index.UPDATED: "updated_at", Index.DUE: "due_at"}
"""The column that an index orders by, before the id; elsewhere the id alone is the order."""

WORDS = "words"
"""The shortcut by labels and text."""


class Filter(NamedTuple):
    """A condition on a task `t`, and the shortcut that selects by it: an index in order, or the inverted one."""

    shortcut: str
    condition: str


class Draft:
    """A statement being written: for one user, whose id is the first argument, and one query."""

    def __init__(self, user_id: UUID, query: TaskQuery, limit: int) -> None:
        self.query = query
        self.index = walked_index(query)
        self.direction = "DESC" if query.sort.descending else "ASC"
        self.args: list[Any] = [user_id]
        self.count = self.bind(limit, "int")
        self.filters = list(_filters(self))

    def bind(self, value: Any, kind: str) -> str:
        """Add an argument and return its placeholder."""
        self.args.append(value)
        return f"${len(self.args)}::{kind}"

    @property
    def reach(self) -> str:
        """How many tasks the walk may read."""
        return f"{AHEAD} * {self.count}" if self.words else self.count

    @property
    def key(self) -> str:
        """The column that orders the walked index before the id; constant where there is none."""
        return f"t.{KEYS[self.index]}" if self.index in KEYS else "NULL::timestamptz"

    def order(self, rank: str, key: str, task_id: str) -> str:
        """Return the ORDER BY of the list."""
        return f"ORDER BY {rank}, {key} {self.direction}, {task_id} {self.direction}"

    @property
    def words(self) -> str:
        """The condition on words, empty if there is none."""
        return "".join(item.condition for item in self.filters if item.shortcut == WORDS)

    @property
    def facts(self) -> str:
        """The conditions on facts, each after an AND."""
        return "".join(f" AND ({item.condition}) IS TRUE" for item in self.filters if item.shortcut != WORDS)


def _filters(draft: Draft) -> Iterator[Filter]:
    """Yield the filters that the walked index does not know."""
    for shortcut, conditions in CONDITIONS.items():
        condition = "" if shortcut == draft.index else " AND ".join(conditions(draft))
        if condition:
            yield Filter(shortcut, condition)


def _words(draft: Draft) -> Iterator[str]:
    if draft.query.labels:
        yield f"labels && {draft.bind(list(draft.query.labels), 'text[]')}"
    if draft.query.text is not None:
        yield f"search @@ (SELECT plainto_tsquery('task_text', {draft.bind(draft.query.text, 'text')}))"


def _due(draft: Draft) -> Iterator[str]:
    if draft.query.bounds_due:
        after, before = draft.query.due_after or DISTANT_PAST, draft.query.due_before or DISTANT_FUTURE
        yield f"t.due_at >= {draft.bind(after, 'timestamptz')}"
        yield f"t.due_at < {draft.bind(before, 'timestamptz')}"


def _updated(draft: Draft) -> Iterator[str]:
    if draft.query.updated_since is not None:
        yield f"t.updated_at >= {draft.bind(draft.query.updated_since, 'timestamptz')}"


def _priority(draft: Draft) -> Iterator[str]:
    if draft.query.priorities:
        codes = [PRIORITY_CODES[priority] for priority in draft.query.any_priorities]
        yield f"t.priority = ANY({draft.bind(codes, 'smallint[]')})"


CONDITIONS: Mapping[str, Callable[[Draft], Iterator[str]]] = {
    Index.DUE: _due,
    Index.UPDATED: _updated,
    Index.PRIORITY: _priority,
    WORDS: _words,
}
"""The conditions that a shortcut selects by, if the query has them; the cheapest to count comes first."""
