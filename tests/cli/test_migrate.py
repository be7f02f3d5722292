"""`task-api migrate`."""

import pytest

from taskapi.migrations import run
from tests.cli.conftest import Call
from tests.servers import Servers


def test_status_says_that_the_database_is_up_to_date(call: Call) -> None:
    result = call("migrate", "status")
    assert result.exit_code == 0
    assert "up to date" in result.output


def test_status_of_an_empty_database_says_what_to_do(
    call: Call, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", servers.create_database())
    result = call("migrate", "status")
    assert result.exit_code == 1
    assert "at step none" in result.output
    assert "task-api migrate up" in result.output


def test_down_and_up_again_leads_back(call: Call, database: str) -> None:
    assert call("migrate", "down").exit_code == 0
    assert not run.status(database).is_current
    assert call("migrate", "up").exit_code == 0
    assert run.status(database).is_current


def test_sql_needs_no_database(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    result = call("migrate", "sql")
    assert result.exit_code == 0
    assert "CREATE TABLE outbox" in result.output


@pytest.mark.parametrize("command", ["up", "down", "status"])
def test_a_database_that_is_away_is_explained_in_a_sentence(
    call: Call, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    result = call("migrate", command)
    assert result.exit_code == 1
    assert "Traceback" not in result.output


def test_an_unknown_step_is_explained_in_a_sentence(call: Call) -> None:
    result = call("migrate", "up", "9999")
    assert result.exit_code == 1
    assert "9999" in result.output
