"""Instances migrate in turn; who cannot get a turn or a lock gives up in time, without harm, and says so."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from taskapi.migrations import run, turn
from taskapi.migrations.lock import LOCK
from tests.migrations.session import Session, sessions
from tests.migrations.test_migrations import STEPS, schema
from tests.servers import Servers
from tests.waiting import eventually

SECONDS = 200


@pytest.fixture
def url(servers: Servers) -> str:
    """An empty database."""
    return servers.create_database()


@pytest.fixture
def short_of_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long."""
    monkeypatch.setattr(turn, "OTHERS_SECONDS", 0.2)
    monkeypatch.setattr(turn, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(turn, "PAUSE_SECONDS", 0.01)


@contextmanager
def holding(url: str, *statements: str) -> Iterator[Session]:
    """Somebody who holds what the statements take, until the end of the block or until they commit."""
    with sessions() as session_at:
        other = session_at(url)
        for statement in statements:
            other.execute(statement)
        yield other


def test_three_processes_at_once_make_it_once(url: str, servers: Servers) -> None:
    environment = os.environ | {"DATABASE_URL": url, "REDIS_URL": servers.redis_url, "JWT_SECRET": "0123456789" * 4}
    with holding(url, f"SELECT pg_advisory_lock({LOCK})") as other:  # so that all three come before one begins
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "taskapi", "migrate", "up"], env=environment, stdout=subprocess.PIPE, text=True
            )
            for _ in range(3)
        ]
        waiting = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        eventually(lambda: other.value(waiting) == 3, SECONDS)
        other.execute(f"SELECT pg_advisory_unlock({LOCK})")
        told = [process.communicate(timeout=SECONDS)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], told
    assert all("up to date" in text for text in told)
    alone = servers.create_database()
    run.upgrade(alone)
    assert schema(url) == schema(alone)


def test_whoever_does_not_get_a_turn_says_that_another_works(url: str, short_of_patience: None) -> None:
    before = schema(url)
    with (
        holding(url, f"SELECT pg_advisory_lock({LOCK})"),
        pytest.raises(run.Refused, match="Another instance has been changing the schema"),
    ):
        run.prepare(url)
    assert schema(url) == before


def test_where_nothing_is_missing_nobody_is_waited_for(url: str, short_of_patience: None) -> None:
    run.upgrade(url)
    with holding(url, f"SELECT pg_advisory_lock({LOCK})"):
        assert run.prepare(url).is_current


def test_a_step_that_cannot_lock_its_tables_gives_up_without_harm(url: str, short_of_patience: None) -> None:
    run.upgrade(url)
    before = schema(url)
    with (
        holding(url, "BEGIN", "LOCK TABLE schema_floor IN ACCESS SHARE MODE"),
        pytest.raises(run.Refused, match="could not lock what it changes, in 8 attempts"),
    ):
        run.downgrade(url)
    assert schema(url) == before
    assert run.downgrade(url).current == STEPS[-2]


def test_a_step_is_tried_again_until_its_tables_are_free(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(turn, "PAUSE_SECONDS", 0.2)
    run.upgrade(url)
    with (
        holding(url, "BEGIN", "LOCK TABLE schema_floor IN ACCESS SHARE MODE") as other,
        sessions() as session_at,
        ThreadPoolExecutor(1) as thread,
    ):
        looker = session_at(url)
        down = thread.submit(run.downgrade, url)
        refused = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = 'ROLLBACK;'"
        eventually(lambda: looker.value(refused) or down.done())
        other.execute("COMMIT")
        assert down.result(SECONDS).current == STEPS[-2]


def test_others_wait_behind_a_step_no_longer_than_a_request_does() -> None:
    assert turn.LOCK_SECONDS < 3, "a statement of the API gives up a lock after three seconds"
