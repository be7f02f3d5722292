"""Looking at many tasks: lists, page by page, and how many there are."""

from datetime import datetime

from taskapi.contracts.identity import Principal
from taskapi.resources import Resources
from taskapi.tasks import policy, store
from taskapi.tasks.model import Summary, Task
from taskapi.tasks.pages import page_statement
from taskapi.tasks.query import Position, TaskQuery
from taskapi.tasks.rows import task_of


async def list_tasks(
    rooms: Resources, caller: Principal, query: TaskQuery, after: Position | None, limit: int
) -> tuple[list[Task], Position | None]:
    """Return up to `limit` tasks of `query` that follow `after`, and where they end; None if nothing follows.

    No task that is there all the while is missing from the pages or twice on them, whatever is added meanwhile.
    """
    statement = page_statement(policy.owner(caller), query, after, limit + 1)
    async with rooms.database.read() as connection:
        rows = await connection.fetch(statement.sql, *statement.args)
    shown = rows[:limit]
    last = shown[-1] if len(rows) > limit else None
    end = None if last is None else Position(last["rank"], last["key"], last["id"])
    return [task_of(row) for row in shown], end


async def summarize_tasks(rooms: Resources, caller: Principal) -> tuple[Summary, datetime | None]:
    """Return how many tasks there are, and until when that holds if nobody changes one; None: for ever."""
    async with rooms.database.read() as connection:
        return await store.summarize(connection, policy.owner(caller), rooms.clock())
