"""Two releases on one database: the newer one's steps leave the older one working, or keep it from starting."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from taskapi.config import DatabaseSettings, Secret, Settings
from taskapi.migrations import run
from tests.cli.conftest import Call, call, environment
from tests.house import serving
from tests.migrations.releases import EXPAND, newer_release
from tests.migrations.session import sessions
from tests.migrations.test_migrations import STEPS
from tests.people import Client
from tests.pgbouncer import pgbouncer
from tests.servers import Servers

__all__ = ["call", "environment"]

NOW = STEPS[-1]
EXPANDED, CONTRACTED, NEXT = (f"{int(NOW) + number:04}" for number in (1, 2, 3))
PRE = ("pre", *EXPAND)
NOTHING: list[str] = []
POST = ("post", ["ALTER TABLE tasks DROP COLUMN colour", f"UPDATE schema_floor SET step = '{CONTRACTED}'"], NOTHING)


@pytest.fixture
def database(servers: Servers) -> str:
    """A database at the newest step of this release."""
    return servers.create_migrated_database()


@contextmanager
def as_newer(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    """What runs in the block belongs to the newer release."""
    with monkeypatch.context() as patched:
        patched.setattr(run, "FOLDER", folder)
        yield


def test_a_start_takes_the_steps_before_a_deploy_and_leaves_those_after_it(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with as_newer(monkeypatch, newer_release(tmp_path, PRE, POST)):
        found = run.prepare(database)
        assert (found.current, found.is_usable, found.is_current) == (EXPANDED, True, False)
        assert "once no older release runs" in str(found)
        assert run.prepare(database).current == EXPANDED
        assert run.upgrade(database).is_current


def test_a_later_release_catches_up_with_what_was_left(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = ("pre", ["ALTER TABLE tasks ADD COLUMN shade text"], ["ALTER TABLE tasks DROP COLUMN shade"])
    with as_newer(monkeypatch, newer_release(tmp_path, PRE, POST, later)):
        assert run.prepare(database).current == NEXT


def test_an_older_release_starts_and_serves_beside_a_newer_one(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    with as_newer(monkeypatch, newer_release(tmp_path, PRE, POST)):
        run.prepare(database)
    found = run.prepare(database)
    assert (found.current, found.is_ahead, found.is_usable) == (EXPANDED, True, True)
    older = Settings(
        database=DatabaseSettings(url=Secret(database)),
        redis=settings.redis,
        auth=settings.auth,
        limits=settings.limits,
    )
    with serving(older) as house, Client(house.url) as ada:
        assert ada.register("ada").status_code == 201
        ada.log_in()
        made = ada.post("/api/tasks", json={"title": "Water the plants"}).json()
        assert ada.patch(f"/api/tasks/{made['id']}", json={"status": "done"}).status_code == 200
        assert ada.get("/api/tasks").json()["items"][0]["status"] == "done"


def test_a_release_that_is_too_old_does_not_start_and_says_so(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    with as_newer(monkeypatch, newer_release(tmp_path, PRE, POST)):
        run.upgrade(database)
    with pytest.raises(run.Refused, match=f"too new for this release, whose newest is {NOW}"):
        run.prepare(database)
    for command in (("migrate", "up"), ("migrate", "status"), ("doctor",)):
        result = call(*command)
        assert result.exit_code == 1
        assert f"releases need step {CONTRACTED}" in result.output


def test_the_release_before_can_be_rolled_back_to(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    with as_newer(monkeypatch, newer_release(tmp_path, PRE)):
        run.prepare(database)
        assert call("migrate", "status").exit_code == 0
    assert "can still use it" in call("migrate", "status").output
    with as_newer(monkeypatch, tmp_path / "migrations"):
        assert run.downgrade(database).current == NOW
    assert run.prepare(database).is_current


def test_a_step_may_run_outside_a_transaction(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = newer_release(tmp_path, ("pre", [], []))
    step = folder / "versions" / f"{EXPANDED}_newer.py"
    text = step.read_text().replace(
        "from alembic import op", "from alembic import op\nfrom taskapi.migrations import script"
    )
    text = text.replace("run([])", 'script.apply("step.sql", outside=True)', 1)
    step.write_text(text)
    monkeypatch.setattr("taskapi.migrations.script.FOLDER", tmp_path)
    (tmp_path / "step.sql").write_text("CREATE INDEX CONCURRENTLY tasks_by_title ON tasks (title);\n")
    with as_newer(monkeypatch, folder):
        assert run.prepare(database).current == EXPANDED
    with sessions() as session_at:
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'tasks_by_title'::regclass"
        assert session_at(database).value(valid) is True


def test_through_pgbouncer_a_start_looks_and_does_not_change(servers: Servers) -> None:
    url = servers.create_database()
    with pgbouncer(url, size=2) as pooled:
        with pytest.raises(run.Refused, match="set DATABASE_DIRECT_URL"):
            run.prepare(pooled)
        run.upgrade(url)
        assert run.prepare(pooled).is_current
        assert run.status(f"{pooled}&schema=nowhere").current is None
