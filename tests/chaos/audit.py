"""The last word: whether the database holds exactly what was acknowledged last."""

import time
from collections.abc import Sequence
from uuid import UUID

import asyncpg

from tests.chaos.ledger import Fault, Ledger
from tests.chaos.people import Person
from tests.chaos.timelines import ABSENT
from tests.chaos.views import STATUSES

TASKS = "SELECT id, title, status FROM tasks WHERE user_id = $1 AND trashed_at IS NULL"
NAME = "SELECT name FROM users WHERE id = $1"


async def audit(database_url: str, people: Sequence[Person], ledger: Ledger) -> None:
    """Compare all tasks and accounts with the timelines."""
    connection = await asyncpg.connect(database_url, timeout=10)
    try:
        for person in people:
            rows = await connection.fetch(TASKS, UUID(person.id), timeout=30)
            found = sorted((str(row["id"]), row["title"], STATUSES[row["status"]]) for row in rows)
            _compare(person, "tasks", found, _acknowledged(person), ledger)
            name = await connection.fetchval(NAME, UUID(person.id), timeout=30)
            _compare(person, "account", name, person.account.title(person.account.current), ledger)
    finally:
        await connection.close(timeout=5)


def _acknowledged(person: Person) -> list[tuple[str, str, str]]:
    kept = [task for task in person.tasks if task.current.status != ABSENT]
    return sorted((str(task.current.task_id), task.title(task.current), task.current.status) for task in kept)


def _compare(person: Person, what: str, found: object, acknowledged: object, ledger: Ledger) -> None:
    if found != acknowledged:
        about = {"person": person.name, "what": what, "found": found, "acknowledged": acknowledged}
        ledger.note_fault(Fault.NOT_KEPT, time.monotonic(), **about)
