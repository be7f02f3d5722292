"""Looking at many tasks: lists, page by page, and how many there are."""

from taskapi.contracts.identity import Principal
from taskapi.http.paging import Page, open_cursor, seal_cursor
from taskapi.resources import Resources
from taskapi.tasks import policy, store
from taskapi.tasks.model import Summary, Task
from taskapi.tasks.pages import page_statement
from taskapi.tasks.query import Position, TaskQuery
from taskapi.tasks.rows import task_of


async def list_tasks(
    rooms: Resources, caller: Principal, query: TaskQuery, cursor: str | None, limit: int
) -> Page[Task]:
    """Return a page of the tasks of `query`; raises Invalid for a cursor of another query.

    No task that is there all the while is missing from the pages or twice on them, whatever is added meanwhile.
    """
    owner = policy.owner(caller)
    bound = ("tasks", query)
    after = open_cursor(rooms.cursors, owner, bound, cursor, Position) if cursor is not None else None
    statement = page_statement(owner, query, after, limit + 1)
    async with rooms.database.read() as connection:
        rows = await connection.fetch(statement.sql, *statement.args)
    shown = rows[:limit]
    following = None
    if len(rows) > limit:
        last = Position(shown[-1]["rank"], shown[-1]["key"], shown[-1]["id"])
        following = seal_cursor(rooms.cursors, owner, bound, last)
    return Page([task_of(row) for row in shown], following)


async def summarize_tasks(rooms: Resources, caller: Principal) -> Summary:
    """Return how many tasks there are."""
    async with rooms.database.read() as connection:
        return await store.summarize(connection, policy.owner(caller), rooms.clock())
