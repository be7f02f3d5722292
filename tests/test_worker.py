"""Background jobs go on while there is work, survive what goes wrong, and stop when they are asked to."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from taskapi.errors import Overloaded
from taskapi.resources import Resources
from taskapi.worker import all_jobs, purge_outbox, run_once, working
from tests.conftest import Sql
from tests.house import House, SettableClock
from tests.kit.log_lines import logged
from tests.kit.patience import until
from tests.people import Client

pytestmark = pytest.mark.anyio

ROOMS = cast(Resources, SimpleNamespace())


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Script:
    """A job that does what it is told, step by step, and then nothing more."""

    def __init__(self, *steps: int | Exception) -> None:
        self.steps = list(steps)
        self.runs = 0
        self.__name__ = "scripted"

    def has_run(self, times: int) -> Callable[[], Awaitable[bool]]:
        """Return a look at whether it ran so often."""

        async def look() -> bool:
            return self.runs >= times

        return look

    async def __call__(self, rooms: Resources) -> int:
        assert rooms is ROOMS
        self.runs += 1
        step = self.steps.pop(0) if self.steps else 0
        if isinstance(step, Exception):
            raise step
        return step


async def test_a_job_is_repeated_while_there_is_work() -> None:
    job = Script(100, 100, 7)
    assert await run_once(ROOMS, [job]) == {"scripted": 207}
    assert job.runs == 4


async def test_a_job_rests_when_there_is_none() -> None:
    job = Script(1)
    async with working(ROOMS, [job], rest=3600):
        await until(job.has_run(2))
        await asyncio.sleep(0.02)
    assert job.runs == 2


async def test_a_job_looks_again_after_its_rest() -> None:
    job = Script()
    async with working(ROOMS, [job], rest=0.001):
        await until(job.has_run(4))


@pytest.mark.parametrize(
    ("failure", "level", "event"),
    [
        (Overloaded(), "warning", "job postponed, the database does not answer"),
        (ZeroDivisionError("oops"), "error", "job failed"),
    ],
    ids=["outage", "mistake"],
)
async def test_a_job_survives_what_goes_wrong_and_says_so(failure: Exception, level: str, event: str) -> None:
    job, other = Script(failure, 1), Script()
    with logged() as lines:
        async with working(ROOMS, [job, other], rest=0.001):
            await until(job.has_run(4))
            await until(other.has_run(4))
    (entry,) = lines.events(event)
    assert (entry["level"], entry["job"]) == (level, "scripted")


async def test_what_goes_wrong_when_asked_for_once_is_told_to_whoever_asked() -> None:
    with pytest.raises(ZeroDivisionError):
        await run_once(ROOMS, [Script(ZeroDivisionError())])


async def test_a_job_in_the_middle_of_its_work_is_stopped_with_the_block() -> None:
    stopped = []

    async def endless(_: Resources) -> int:
        try:
            await asyncio.sleep(3600)
        finally:
            stopped.append("in order")
        return 1

    started = time.monotonic()
    async with working(ROOMS, [endless]):
        await asyncio.sleep(0)
    assert stopped == ["in order"]
    assert time.monotonic() - started < 5


async def test_a_failure_of_the_block_stops_the_jobs_too() -> None:
    job = Script()
    with pytest.raises(ZeroDivisionError):
        async with working(ROOMS, [job], rest=0.001):
            raise ZeroDivisionError
    runs = job.runs
    await asyncio.sleep(0.02)
    assert job.runs == runs


async def test_without_jobs_nothing_runs() -> None:
    async with working(ROOMS, []):
        assert len(asyncio.all_tasks()) >= 1
    assert await run_once(ROOMS, []) == {}


def test_every_job_of_the_house_has_a_name_of_its_own() -> None:
    names = [job.__name__ for job in all_jobs()]
    assert names
    assert len(set(names)) == len(names)


def test_old_events_are_purged_and_younger_ones_kept(house: House, sql: Sql) -> None:
    sql("TRUNCATE outbox")
    sql(
        "INSERT INTO outbox (id, user_id, event, payload, fields, created_at) "
        "SELECT gen_random_uuid(), gen_random_uuid(), 'X', '{}', '{}', now() - days * interval '1 day' "
        "FROM generate_series(0.5, 1500) AS days"
    )
    days = house.rooms.settings.tasks.outbox_days
    assert house.run(run_once(house.rooms, [purge_outbox])) == {"purge_outbox": 1500 - days}
    assert [row["count"] for row in sql("SELECT count(*) FROM outbox")] == [days]
    assert house.run(purge_outbox(house.rooms)) == 0


@pytest.mark.parametrize("ahead", [timedelta(days=365), timedelta(minutes=-6)], ids=["a year ahead", "behind"])
def test_nothing_is_deleted_by_a_clock_that_is_far_from_the_databases(
    house: House, ada: Client, clock: SettableClock, sql: Sql, ahead: timedelta
) -> None:
    ada.delete(f"/api/tasks/{ada.task('Only for now')['id']}")
    held = "SELECT count(*), (SELECT count(*) FROM sessions), (SELECT count(*) FROM outbox) FROM tasks"
    before = sql(held)
    clock.offset = ahead
    with logged() as lines:
        assert not any(house.run(run_once(house.rooms, all_jobs())).values())
    assert sql(held) == before
    left_out = lines.events("job left out, this machine's clock is far from the database's")
    assert {line["job"] for line in left_out} == {job.__name__ for job in all_jobs()}
    assert abs(left_out[0]["seconds_ahead"] - ahead.total_seconds()) < 5


def test_a_clock_that_is_a_little_off_keeps_no_job_from_its_work(house: House, clock: SettableClock, sql: Sql) -> None:
    sql("TRUNCATE outbox")
    sql(
        "INSERT INTO outbox (id, user_id, event, payload, fields, created_at) "
        "VALUES (gen_random_uuid(), gen_random_uuid(), 'X', '{}', '{}', '2000-01-01')"
    )
    clock.offset = timedelta(minutes=4)
    assert house.run(run_once(house.rooms, all_jobs()))["purge_outbox"] == 1


def test_two_processes_may_purge_at_once(house: House, sql: Sql) -> None:
    sql(
        "INSERT INTO outbox (id, user_id, event, payload, fields, created_at) "
        "SELECT gen_random_uuid(), gen_random_uuid(), 'X', '{}', '{}', '2000-01-01' FROM generate_series(1, 3000)"
    )

    async def both() -> int:
        runs = await asyncio.gather(*(run_once(house.rooms, [purge_outbox]) for _ in range(2)))
        return sum(run["purge_outbox"] for run in runs)

    assert house.run(both()) == 3000
