"""`task-api seed`: people and tasks to look at, made by the use cases that every request goes through."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Annotated

import typer
from rich.progress import Progress

from taskapi.auth.registration import create_user
from taskapi.cli.rooms import with_rooms
from taskapi.cli.servers import resolved_settings
from taskapi.contracts.identity import Principal, Role
from taskapi.kit.ids import new_id
from taskapi.resources import Resources
from taskapi.tasks.batch import run_batch
from taskapi.tasks.batch_schemas import Batch, CreateOperation
from taskapi.tasks.model import Priority, Status
from taskapi.tasks.schemas import NewTask

BATCH = 100
VERBS = ("Write", "Review", "Plan", "Fix", "Order", "Call about", "Prepare", "Clean up")
THINGS = ("the report", "the invoice", "the bicycle", "the garden", "the release", "the talk", "the train tickets")
LABELS = ("home", "work", "garden", "urgent", "someday")


def seed(
    users: Annotated[int, typer.Option(min=1, max=1000, help="How many people.")] = 3,
    tasks: Annotated[int, typer.Option(min=0, max=1_000_000, help="How many tasks each has.")] = 200,
) -> None:
    """Fill the database with people and tasks to look at. All people share one password, which is printed."""
    password = secrets.token_urlsafe(12)

    async def work(rooms: Resources) -> list[str]:
        with Progress(transient=True) as progress:
            step = progress.add_task("Planting tasks", total=users * max(tasks, 1))
            return [await _person(rooms, password, tasks, lambda n: progress.advance(step, n)) for _ in range(users)]

    with resolved_settings() as settings:
        emails = with_rooms(settings, work)
    for email in emails:
        typer.echo(f"{email}  {tasks} tasks")
    typer.echo(f"password of all: {password}")


async def _person(rooms: Resources, password: str, tasks: int, advance: Callable[[int], None]) -> str:
    email = f"demo-{secrets.token_hex(4)}@example.org"
    person = await create_user(rooms, email, "Demo", password, Role.USER)
    caller = Principal(person.id, new_id(rooms.clock()), person.role)
    random = Random(person.id.int)  # noqa: S311 - makes demo data, guards nothing
    for start in range(0, tasks, BATCH):
        count = min(BATCH, tasks - start)
        await run_batch(rooms, caller, Batch(operations=tuple(_operation(random, rooms.clock()) for _ in range(count))))
        advance(count)
    return email


def _operation(random: Random, now: datetime) -> CreateOperation:
    due_at = now + timedelta(hours=random.randint(-72, 24 * 30)) if random.random() < 0.6 else None
    return CreateOperation(
        task=NewTask(
            title=f"{random.choice(VERBS)} {random.choice(THINGS)}",
            description="Made by `task-api seed`.",
            status=random.choice(list(Status)),
            priority=random.choice(list(Priority)),
            labels=tuple(random.sample(LABELS, random.randint(0, 2))),
            due_at=due_at,
        )
    )
