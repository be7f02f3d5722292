"""`task-api doctor` finds what is wrong and says what to do."""

import pytest

from tests.cli.conftest import Call
from tests.servers import Servers


def test_all_is_well(call: Call) -> None:
    result = call("doctor")
    assert result.exit_code == 0, result.output
    assert "FIX" not in result.output
    for subject in ("secret", "migrations", "database", "clock", "connections", "redis"):
        assert f"{subject}:" in result.output


def test_a_weak_secret_is_found(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
    result = call("doctor")
    assert result.exit_code == 1
    assert "FIX  secret: weak" in result.output
    assert "openssl rand" in result.output


def test_missing_migrations_are_found(call: Call, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", servers.create_database())
    result = call("doctor")
    assert result.exit_code == 1
    assert "task-api migrate up" in result.output


def test_servers_that_are_away_are_found(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    result = call("doctor")
    assert result.exit_code == 1
    for subject in ("migrations", "database", "redis"):
        assert f"FIX  {subject}: cannot look" in result.output


def test_a_replica_that_is_none_is_found(
    call: Call, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_READ_URL", environment["DATABASE_URL"])
    result = call("doctor")
    assert result.exit_code == 1
    assert "FIX  replica: is a primary" in result.output


def test_a_pool_larger_than_the_server_allows_is_found(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASK_API_DATABASE_POOL", "500")
    result = call("doctor")
    assert result.exit_code == 1
    assert "FIX  connections" in result.output
