"""What goes wrong: each is caused when its block begins, just after `begin` is called, and put right when it ends."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import asyncpg

from tests.deploy.traffic import Outcome, Traffic
from tests.gate.postgres import OWNER, Postgres
from tests.whole.stage import FIRST, Stage

Begin = Callable[[], None]

STILL_SECONDS, RUNNING_SECONDS = 1.5, 0.3
WRITERS, WRITER_PAUSE = 150, 4.0
VISITORS, VISITOR_PAUSE = 150, 0.2


@contextmanager
def redis_gone(stage: Stage, begin: Begin) -> Iterator[None]:
    """Stop Valkey."""
    begin()
    stage.valkey.stop_with_data()
    try:
        yield
    finally:
        stage.valkey.start_again()


@contextmanager
def instance_killed(stage: Stage, begin: Begin) -> Iterator[None]:
    """Kill one of the instances with all its processes."""
    begin()
    stage.instances.running[FIRST[-1]].kill()
    try:
        yield
    finally:
        stage.instances.start(FIRST[-1])
        stage.instances.become_ready(FIRST[-1])


@contextmanager
def many_log_ins(stage: Stage, begin: Begin) -> Iterator[Outcome]:
    """Let many people log in again and again, all at the same time."""
    with Traffic(stage.nginx.url, VISITORS, VISITOR_PAUSE, ("log_in",)) as visitors:
        begin()
        yield visitors.outcome


@contextmanager
def table_locked(stage: Stage, begin: Begin) -> Iterator[Outcome]:
    """Keep everybody from writing tasks, as `CREATE INDEX` without `CONCURRENTLY` does, while many want to."""
    with (
        Traffic(stage.nginx.url, WRITERS, WRITER_PAUSE, ("write",)) as writers,
        asyncio.Runner() as runner,
    ):
        connection = runner.run(asyncpg.connect(stage.primary.url(OWNER), timeout=10))
        begin()
        runner.run(connection.execute("BEGIN; LOCK TABLE tasks IN SHARE MODE"))
        try:
            yield writers.outcome
        finally:
            runner.run(connection.execute("ROLLBACK"))
            runner.run(connection.close())


@contextmanager
def primary_throttled(stage: Stage, begin: Begin) -> Iterator[None]:
    """Let the primary make steps for a short part of the time only, as a machine whose allowance is used up does."""
    over = threading.Event()
    thread = threading.Thread(target=_throttle, args=(stage.primary, over), daemon=True)
    begin()
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)


def _throttle(primary: Postgres, over: threading.Event) -> None:
    while not over.is_set():
        with primary.frozen():
            over.wait(STILL_SECONDS)
        over.wait(RUNNING_SECONDS)
