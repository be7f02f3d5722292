"""A newer release takes the place of this one, instance by instance, while people use the API through nginx."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from taskapi.migrations import run
from tests.gate.postgres import OWNER
from tests.servers import data_folder
from tests.tasks.million import PEOPLE, START, TASKS
from tests.waiting import eventually
from tests.whole.conftest import MENDED_SECONDS, follows
from tests.whole.crowd import BEFORE, BETWEEN, tell, traffic_to
from tests.whole.instances import Instances
from tests.whole.releases import Release, newer, this
from tests.whole.stage import FIRST, Stage, stage
from tests.whole.test_instances import FOUND_AGAIN

ROWS = 100_000
MEGABYTES = 1000
LEFT_BEHIND = "ALTER TABLE tasks ADD COLUMN mood text DEFAULT 'fine'"
"""A column of before, which this release does not use any more."""

NOW = run.steps()[-1]
EXPANDED, CONTRACTED = (f"{int(NOW) + number:04}" for number in (2, 3))
COLUMN = (
    "pre",
    ["ALTER TABLE tasks ADD COLUMN colour smallint NOT NULL DEFAULT 0"],
    ["ALTER TABLE tasks DROP COLUMN colour"],
)
INDEX = (
    "pre",
    [
        "DROP INDEX CONCURRENTLY IF EXISTS tasks_colour",
        "CREATE INDEX CONCURRENTLY tasks_colour ON tasks (user_id, colour, id) WHERE trashed_at IS NULL",
    ],
    ["DROP INDEX CONCURRENTLY tasks_colour"],
)
CONTRACTION = (
    "post",
    ["ALTER TABLE tasks DROP COLUMN mood", f"UPDATE schema_floor SET step = '{CONTRACTED}'"],
    [LEFT_BEHIND, f"UPDATE schema_floor SET step = '{NOW}'"],
)


@pytest.fixture
def filled() -> Iterator[Stage]:
    """A stage of its own, with a hundred thousand tasks."""
    with data_folder() as folder, stage(folder, MEGABYTES) as running:
        asyncio.run(fill(running))
        eventually(lambda: asyncio.run(follows(running)), MENDED_SECONDS)
        yield running


async def fill(running: Stage) -> None:
    connection = await asyncpg.connect(running.primary.url(OWNER), timeout=10)
    await connection.execute(LEFT_BEHIND)
    await connection.execute(PEOPLE)
    await connection.execute(TASKS, START, ROWS)
    await connection.execute("VACUUM ANALYZE tasks")
    await connection.close()


def migrate(release: Release, instances: Instances, *arguments: str, step: str) -> None:
    """Let a release bring the database to a step."""
    told = release.run(instances, "migrate", "up", *arguments)
    assert told.startswith(f"database at step {step}: "), told


@pytest.mark.timeout(600)
def test_a_newer_release_takes_over_and_the_older_one_can_come_back(filled: Stage, tmp_path: Path) -> None:
    later, instances = newer(tmp_path, COLUMN, INDEX, CONTRACTION), filled.instances
    with traffic_to(filled) as traffic:
        traffic.for_seconds(BEFORE)
        migrate(later, instances, step=EXPANDED)
        instances.replace(*FIRST[:2], **later.settings)
        assert (later.serves(instances), this().serves(instances)) == ({1, 2}, {3})
        filled.all_serve(FOUND_AGAIN)
        instances.replace(*FIRST[:2])
        assert this().serves(instances) == set(FIRST)
        filled.all_serve(FOUND_AGAIN)
        instances.replace(*FIRST, **later.settings)
        assert later.serves(instances) == set(FIRST)
        filled.all_serve(FOUND_AGAIN)
        migrate(later, instances, "head", step=CONTRACTED)
        traffic.for_seconds(BETWEEN)
    tell("rolling upgrade, back, and again", traffic.outcome)
    assert traffic.outcome.is_clean(), (traffic.outcome.failures[:5], traffic.outcome.refused)
    refused = this().run(instances, "migrate", "up")
    assert f"releases need step {CONTRACTED}" in refused, "the older one has to stay away from now on"
