"""Tasks of one person, made at random and stored at once, and what a list of them should be: the rules spelled out."""

import random
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from taskapi.contracts.identity import Principal, Role
from taskapi.kit.ids import new_id
from taskapi.resources import Resources
from taskapi.tasks import store
from taskapi.tasks.model import Priority, Status, Task
from taskapi.tasks.query import SortKey, TaskQuery

START = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = ("milk", "Café", "naïve", "Straße", "mail", "report", "garden", "tax")
LABELS = ("home", "work", "Überall", "a b", "🎉")


def principal(user_id: str) -> Principal:
    """Return a person as a caller."""
    return Principal(UUID(user_id), UUID(int=1), Role.USER)


def some_moment(chance: random.Random) -> datetime:
    """Return one of few moments, so that many tasks share one."""
    return START + timedelta(hours=chance.randrange(12))


def some_task(chance: random.Random) -> Task:
    """Return a task that could be."""
    created_at = some_moment(chance)
    status = chance.choice(tuple(Status))
    due_at = None if chance.random() < 0.3 else some_moment(chance)
    return Task(
        id=new_id(created_at),
        title=" ".join(chance.choices(WORDS, k=2)),
        description=" ".join(chance.choices(WORDS, k=2)),
        status=status,
        priority=chance.choice(tuple(Priority)),
        labels=tuple(chance.sample(LABELS, chance.randrange(3))),
        due_at=due_at,
        completed_at=created_at if status is Status.DONE else None,
        created_at=created_at,
        updated_at=created_at + timedelta(hours=chance.randrange(6)),
        version=1,
    )


async def store_tasks(rooms: Resources, user_id: UUID, tasks: Sequence[Task]) -> None:
    """Store tasks as they are."""
    async with rooms.database.transaction() as transaction:
        store.insert(transaction, user_id, tasks)


def listed(tasks: Sequence[Task], query: TaskQuery) -> list[Task]:
    """Return the tasks of a query, in its order."""
    found = [task for task in tasks if matches(task, query)]
    found.sort(key=lambda task: task.id, reverse=query.sort.descending)
    if query.sort.key is SortKey.UPDATED:
        found.sort(key=lambda task: task.updated_at, reverse=query.sort.descending)
    if query.sort.key is SortKey.PRIORITY:
        found.sort(key=lambda task: tuple(Priority).index(task.priority), reverse=query.sort.descending)
    if query.sort.key is SortKey.DUE:
        found.sort(key=lambda task: task.due_at or START, reverse=query.sort.descending)
        found.sort(key=lambda task: task.due_at is None)
    return found


def matches(task: Task, query: TaskQuery) -> bool:
    """Say whether a task is one of a query's."""
    return all(
        (
            not query.statuses or task.status in query.statuses,
            not query.priorities or task.priority in query.priorities,
            not query.labels or bool(set(query.labels) & set(task.labels)),
            query.due_before is None or (task.due_at is not None and task.due_at < query.due_before),
            query.due_after is None or (task.due_at is not None and task.due_at >= query.due_after),
            query.updated_since is None or task.updated_at >= query.updated_since,
            query.text is None or folded(query.text) <= folded(f"{task.title} {task.description}"),
        )
    )


def folded(text: str) -> set[str]:
    """Return the words of a text without case and accents."""
    plain = unicodedata.normalize("NFD", text.replace("ß", "ss"))
    return set("".join(letter for letter in plain if not unicodedata.combining(letter)).lower().split())
