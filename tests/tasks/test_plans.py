"""With a million tasks in the table and 100,000 of one person, every list query reads a bounded part of some indexes.

One test, so that the million is made once. The bounds are in pages of 8 KiB, looked up in memory or not, for a page of
50 tasks, and follow from how the statement works (`taskapi.tasks.pages`):

* EXACT: 51 look-ups of at most 4 pages by key, and a descent of at most 4 pages for each of up to 15 stretches.
* FACTS: at worst a whole index of one person's 100,000 tasks (about 1,100 pages), and a shortcut that was too long.
* WORDS: the inverted index (up to 900 pages for a word in every task), a shortcut of 2,001 tasks, the walk's reach of
  40 × 51 look-ups of 4 pages, and, if even that did not fill the page, the tasks that have the words.

Without the care that `pages` takes the same queries read up to 97,000 pages.
"""

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import pytest

from taskapi.tasks import store
from taskapi.tasks.model import Priority, Status
from taskapi.tasks.pages import page_statement
from taskapi.tasks.query import DISTANT_FUTURE, HIGHEST_ID, Position, Sort, TaskQuery
from tests.servers import Servers
from tests.tasks.million import BUSY, MIDDLING, ROWS, minute, seed
from tests.tasks.plans import Plan, explain

LIMIT = 51
EXACT, FACTS, WORDS = 300, 2_500, 12_000
TODO, STARTED, DONE = Status
RECENT = minute(ROWS - 500)

QUERIES: dict[str, tuple[int, dict[str, Any]]] = {
    "nothing": (EXACT, {}),
    "todo": (EXACT, {"statuses": (TODO,)}),
    "open": (EXACT, {"statuses": (TODO, STARTED)}),
    "done": (EXACT, {"statuses": (DONE,)}),
    "urgent": (EXACT, {"priorities": (Priority.URGENT,)}),
    "high or urgent": (EXACT, {"priorities": (Priority.HIGH, Priority.URGENT)}),
    "todo and urgent": (EXACT, {"statuses": (TODO,), "priorities": (Priority.URGENT,)}),
    "due long ago": (FACTS, {"due_before": minute(100_000)}),
    "due from half time on": (FACTS, {"due_after": minute(500_000)}),
    "due in some hours": (FACTS, {"due_after": minute(500_000), "due_before": minute(500_500)}),
    "overdue": (FACTS, {"statuses": (TODO, STARTED), "due_before": RECENT}),
    "updated lately": (FACTS, {"updated_since": minute(ROWS + 25_000)}),
    "updated since half time": (FACTS, {"updated_since": minute(500_000)}),
    "urgent and due": (FACTS, {"priorities": (Priority.URGENT,), "due_before": minute(500_000)}),
    "label on half of all": (WORDS, {"labels": ("work",)}),
    "label on one in fifty": (WORDS, {"labels": ("fiftieth",)}),
    "label on twenty": (WORDS, {"labels": ("rare",)}),
    "label on none": (WORDS, {"labels": ("absent",)}),
    "label on the oldest": (WORDS, {"labels": ("ancient",)}),
    "two labels": (WORDS, {"labels": ("rare", "work")}),
    "word in all": (WORDS, {"text": "everywhere"}),
    "word in one of twenty": (WORDS, {"text": "twentieth"}),
    "word in fifty": (WORDS, {"text": "rare"}),
    "word in none": (WORDS, {"text": "absent"}),
    "word in the oldest": (WORDS, {"text": "ancient"}),
    "two words": (WORDS, {"text": "cafe twentieth"}),
    "done and label": (WORDS, {"statuses": (DONE,), "labels": ("work",)}),
    "todo and old label": (WORDS, {"statuses": (TODO,), "labels": ("ancient",)}),
    "label and updated lately": (WORDS, {"labels": ("work",), "updated_since": minute(ROWS + 25_000)}),
    "label and word": (WORDS, {"labels": ("work",), "text": "everywhere"}),
    "rare label and word": (WORDS, {"labels": ("rare",), "text": "everywhere"}),
    "urgent and word": (WORDS, {"priorities": (Priority.URGENT,), "text": "twentieth"}),
}
OTHERS: dict[str, tuple[int, str, list[Any]]] = {
    "trash": (EXACT, store.TRASH_PAGE, [BUSY, DISTANT_FUTURE, HIGHEST_ID, LIMIT]),
    "summary": (FACTS, store.SUMMARIZE, [BUSY, minute(ROWS)]),
}


class Finding(NamedTuple):
    """What one statement read."""

    what: str
    bound: int
    plan: Plan

    @property
    def is_fine(self) -> bool:
        """Whether it read indexes, and few enough pages."""
        return self.plan.buffers <= self.bound and all(kind != "Seq Scan" for kind, _ in self.plan.scans())

    def __str__(self) -> str:
        return f"{self.what}: {self.plan.buffers} pages of at most {self.bound}, {sorted(self.plan.scans())}"


@pytest.fixture
def million(servers: Servers) -> str:
    url = servers.create_migrated_database()
    asyncio.run(seed(url))
    return url


def test_every_list_query_reads_indexes_and_a_bounded_part_of_them(million: str) -> None:
    findings = asyncio.run(look(million))
    assert [str(finding) for finding in findings if not finding.is_fine] == []
    assert len(findings) >= 3 * len(QUERIES) * len(Sort)


async def look(url: str) -> list[Finding]:
    """Explain every query of both people."""
    connection = await asyncpg.connect(url, statement_cache_size=0)
    try:
        await connection.execute("SET jit = off")
        found = [
            finding
            for name, bound, query in queries()
            for finding in [
                *await look_at(connection, BUSY, name, bound, query),
                *await look_at(connection, MIDDLING, name, bound, query),
            ]
        ]
        found += [
            Finding(name, bound, await explain(connection, sql, args, generic=generic))
            for name, (bound, sql, args) in OTHERS.items()
            for generic in (False, True)
        ]
        return found
    finally:
        await connection.close()


def queries() -> Iterator[tuple[str, int, TaskQuery]]:
    """Yield every query in every order."""
    for name, (bound, filters) in QUERIES.items():
        for sort in Sort:
            yield name, bound, TaskQuery(sort=sort, **filters)


async def look_at(
    connection: "asyncpg.Connection[asyncpg.Record]", user: UUID, what: str, bound: int, query: TaskQuery
) -> list[Finding]:
    """Explain the first page, with both kinds of plan for the busy one, and the second page."""
    first = page_statement(user, query, None, LIMIT)
    kinds = (False, True) if user == BUSY else (True,)
    found = [
        Finding(f"{what}, {query.sort}, generic={kind}", bound, await explain(connection, *first, generic=kind))
        for kind in kinds
    ]
    rows = await connection.fetch(first.sql, *first.args)
    if len(rows) == LIMIT:
        after = Position(rows[-2]["rank"], rows[-2]["key"], rows[-2]["id"])
        second = page_statement(user, query, after, LIMIT)
        plan = await explain(connection, *second, generic=True)
        found.append(Finding(f"{what}, {query.sort}, page 2", bound, plan))
    return found
