"""Builds the one statement that answers a list query: its SQL and its arguments, nothing else.

Every form is chosen so that there is only one sensible plan, whoever the user is and whether the plan is made for
these arguments or for any (a prepared statement's plan becomes generic after five executions, and statistics know
tables, not people):

* What the walked index knows (status, priority, its own key's range) bounds its stretches, which are read in order and
  only as far as the page needs. Dates and priority are in every index, so that they are filtered without the table.
* Any other filter may be rare, and walking in search of rare tasks would read everything. So each such filter is also a
  *shortcut*: the tasks that it alone selects, through an index of its own. The first shortcut with at most
  SHORTCUT_ROWS tasks is filtered and sorted.
* Without one no filter is rare, and the walk finds its page soon. It looks words up in the table, so with words it goes
  AHEAD times the page and no further; if matches are that far away, all tasks with the words are sorted.
* `(…) IS TRUE` keeps a condition from choosing an index, `ARRAY[user_id]` is the form that only the inverted index
  knows, and a lateral `LIMIT 1` can only be a look-up by key.
"""

# ruff: noqa: S608 - what is put into the SQL are constants and placeholders; every value is an argument

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from taskapi.tasks.draft import KEYS, WORDS, Draft, Filter
from taskapi.tasks.query import Index, Position, Stretch, TaskQuery, stretches
from taskapi.tasks.rows import COLUMNS, PRIORITY_CODES, STATUS_CODES

SHORTCUT_ROWS = 2_000
"""Goes with AHEAD: if one task in forty matches, of 100,000 there are 2,500, and the walk can reach a page of them."""

WALK = "walk"
WALKED = "walked"
LIVE = "t.trashed_at IS NULL"
FACTS = "t.id, t.status, t.priority, t.due_at, t.updated_at"
"""What every index holds."""


class Statement(NamedTuple):
    """SQL and its arguments; its rows hold the columns of a task and, for the cursor, `rank` and `key`."""

    sql: str
    args: Sequence[Any]


def page_statement(user_id: UUID, query: TaskQuery, after: Position | None, limit: int) -> Statement:
    """Return the statement for the `limit` tasks of `query` that follow `after`."""
    draft = Draft(user_id, query, limit)
    tables = {"stretch": _table(draft, stretches(query, draft.index, after)), WALKED: _walked(draft)}
    tables[WALK] = f"SELECT t.* FROM {WALKED} AS t{_looked_up(draft)} LIMIT {draft.count}"
    if draft.filters:
        tables |= {item.shortcut: _shortcut(draft, item) for item in draft.filters}
        tables["choice"] = f"SELECT {_choice(draft)} AS way"
    tables["page"] = _page(draft)
    prepared = ",\n".join(f"{name} AS MATERIALIZED ({sql})" for name, sql in tables.items())
    sql = f"""WITH /* {_name(draft)} */ {prepared}
SELECT page.rank, page.key, task.*
FROM page CROSS JOIN LATERAL (SELECT {COLUMNS} FROM tasks WHERE user_id = $1 AND id = page.id LIMIT 1) AS task
{draft.order("page.rank", "page.key", "page.id")}"""
    return Statement(sql, draft.args)


def _name(draft: Draft) -> str:
    """Name the statement: one name for all whose costs are of one kind."""
    if draft.words:
        return "tasks.list_by_words"
    return "tasks.list_by_facts" if draft.filters else "tasks.list"


def _page(draft: Draft) -> str:
    """Run the walk or the shortcut that was chosen; what was not chosen is not run."""
    if not draft.filters:
        return f"SELECT * FROM {WALK}"
    ways = {WALK: f"SELECT * FROM {WALK}"} | {item.shortcut: _filtered(draft, item.shortcut) for item in draft.filters}
    found = "\nUNION ALL ".join(f"({sql} WHERE (SELECT way FROM choice) = '{name}')" for name, sql in ways.items())
    return f"SELECT * FROM ({found}) AS found {draft.order('rank', 'key', 'id')} LIMIT {draft.count}"


def _choice(draft: Draft) -> str:
    """Name the first shortcut that is short; without one the walk, unless it came to its reach before a full page."""
    cases = [
        f"WHEN (SELECT count(*) FROM (SELECT 1 FROM {item.shortcut} LIMIT {SHORTCUT_ROWS + 1}) AS rows)"
        f" <= {SHORTCUT_ROWS} THEN '{item.shortcut}'"
        for item in draft.filters
    ]
    if draft.words:
        short = f"(SELECT count(*) FROM {WALK}) < {draft.count}"
        stopped = f"(SELECT count(*) FROM {WALKED}) = {draft.reach}"
        cases.append(f"WHEN {short} AND {stopped} THEN '{WORDS}'")
    return f"CASE {' '.join(cases)} ELSE '{WALK}' END"


def _walked(draft: Draft) -> str:
    """Read the stretches in order as far as the page may need."""
    walk = _walk(draft, draft.index, draft.reach, draft.facts)
    return f"""SELECT stretch.rank, {draft.key} AS key, t.id FROM stretch CROSS JOIN LATERAL ({walk}) AS t
{draft.order("stretch.rank", draft.key, "t.id")} LIMIT {draft.reach}"""


def _shortcut(draft: Draft, item: Filter) -> str:
    """Select by one filter alone, through its index."""
    if item.shortcut == WORDS:
        return (
            f"SELECT {FACTS} FROM tasks AS t WHERE ARRAY[t.user_id] @> ARRAY[$1::uuid] AND {LIVE} AND {item.condition}"
        )
    index = Index(item.shortcut)
    table = _table(draft, stretches(draft.query, index))
    return (
        f"SELECT t.* FROM ({table}) AS stretch CROSS JOIN LATERAL ({_walk(draft, index, str(SHORTCUT_ROWS + 1))}) AS t"
    )


def _filtered(draft: Draft, shortcut: str) -> str:
    """Put a shortcut's tasks into the stretches of the walked index, as far as they pass all filters."""
    looked_up = "" if shortcut == WORDS else _looked_up(draft)
    return f"""SELECT stretch.rank, {draft.key} AS key, t.id
FROM stretch JOIN {shortcut} AS t ON {_inside(draft.index)}{draft.facts}{looked_up}"""


def _looked_up(draft: Draft) -> str:
    """Keep the tasks that have the words."""
    if not draft.words:
        return ""
    return f""" CROSS JOIN LATERAL (
SELECT 1 FROM tasks AS task WHERE task.user_id = $1 AND task.id = t.id AND ({draft.words}) IS TRUE LIMIT 1
) AS passing"""


def _walk(draft: Draft, index: Index, limit: str, facts: str = "") -> str:
    """Read one stretch of `index` in order until `limit` tasks pass."""
    key = f"t.{KEYS[index]} {draft.direction}, " if index in KEYS else ""
    return f"""SELECT {FACTS} FROM tasks AS t WHERE t.user_id = $1 AND {LIVE} AND {_inside(index)}{facts}
ORDER BY {key}t.id {draft.direction} LIMIT {limit}"""


def _inside(index: Index) -> str:
    """Say that a task `t` lies inside a stretch."""
    fixed = {Index.CREATED: (), Index.PRIORITY: ("status", "priority")}.get(index, ("status",))
    equal = "".join(f"t.{column} = stretch.{column} AND " for column in fixed)
    if index not in KEYS:
        return f"{equal}t.id > stretch.low_id AND t.id < stretch.high_id"
    place = f"(t.{KEYS[index]}, t.id)"
    return f"{equal}{place} > (stretch.low_key, stretch.low_id) AND {place} < (stretch.high_key, stretch.high_id)"


def _table(draft: Draft, parts: Sequence[Stretch]) -> str:
    """Hand over stretches as a table."""
    columns = (
        draft.bind([part.rank for part in parts], "int[]"),
        draft.bind([None if part.status is None else STATUS_CODES[part.status] for part in parts], "smallint[]"),
        draft.bind([None if part.priority is None else PRIORITY_CODES[part.priority] for part in parts], "smallint[]"),
        draft.bind([part.low.key for part in parts], "timestamptz[]"),
        draft.bind([part.low.id for part in parts], "uuid[]"),
        draft.bind([part.high.key for part in parts], "timestamptz[]"),
        draft.bind([part.high.id for part in parts], "uuid[]"),
    )
    names = "rank, status, priority, low_key, low_id, high_key, high_id"
    return f"SELECT * FROM unnest({', '.join(columns)}) AS stretch ({names})"
