"""`task-api doctor` finds what is wrong and says what to do."""

import re
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.cli.conftest import Call
from tests.pgbouncer import pgbouncer
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
    assert "FIX  replicas: number 1 is a primary" in result.output


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"TASK_API_DATABASE_POOL": "500"}, "1 × (500 + 2) = 502 wanted"),
        ({"TASK_API_INSTANCES": "5", "TASK_API_WORKERS": "4"}, "20 × (10 + 2) = 240 wanted"),
    ],
)
def test_pools_that_are_together_larger_than_the_server_are_found(
    call: Call, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], told: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    result = call("doctor")
    assert result.exit_code == 1
    assert f"FIX  connections: {told}" in result.output
    advice = re.search(r"Lower TASK_API_DATABASE_POOL to (\d+)", result.output)
    assert advice is not None
    monkeypatch.setenv("TASK_API_DATABASE_POOL", advice[1])
    assert "ok   connections" in call("doctor").output


def test_more_processes_than_any_pool_allows_are_found(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASK_API_INSTANCES", "100")
    assert "Put PgBouncer between" in call("doctor").output


def test_a_pool_that_the_address_sizes_is_advised_about_there(
    call: Call, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", environment["DATABASE_URL"] + "&connection_limit=400")
    assert "Lower ?connection_limit= in DATABASE_URL" in call("doctor").output


def test_pgbouncer_is_looked_at_and_wants_a_way_past_it(
    call: Call, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    direct = environment["DATABASE_URL"]
    with pgbouncer(direct, size=2) as pooled:
        monkeypatch.setenv("DATABASE_URL", pooled)
        without = call("doctor")
        assert "FIX  pgbouncer: and no way past it" in without.output
        monkeypatch.setenv("DATABASE_DIRECT_URL", direct)
        result = call("doctor")
        assert result.exit_code == 0, result.output
        assert "max_client_conn has to be at least 12" in result.output
        assert call("migrate", "down").exit_code == 0
        assert call("migrate", "up").exit_code == 0


@pytest.mark.parametrize("command", [("doctor",), ("migrate", "status"), ("worker", "--once"), ("seed",)], ids=" ".join)
@pytest.mark.parametrize(
    ("variable", "address"),
    [
        ("DATABASE_URL", "hidden"),
        ("DATABASE_URL", "postgresql://u:hid/den@127.0.0.1/x"),
        ("DATABASE_URL", "postgresql://u:hidden@127.0.0.1:99999/x"),
        ("DATABASE_READ_URL", "mysql://hidden"),
        ("DATABASE_DIRECT_URL", "mysql://hidden"),
        ("REDIS_URL", "hidden"),
        ("REDIS_URL", "redis://:hid/den@127.0.0.1:6379/0"),
    ],
)
def test_an_address_that_cannot_be_read_is_named_and_not_quoted(
    call: Call, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], variable: str, address: str
) -> None:
    monkeypatch.setenv(variable, address)
    result = call(*command)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert result.output.startswith(f"{variable}: ")
    assert "hid" not in result.output


def test_a_database_that_does_not_exist_is_a_finding_like_others(
    call: Call, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = urlsplit(environment["DATABASE_URL"])
    monkeypatch.setenv("DATABASE_URL", urlunsplit(parts._replace(path="/nosuch")))
    result = call("doctor")
    assert result.exit_code == 1
    assert 'FIX  migrations: cannot look: database "nosuch" does not exist' in result.output
    assert "ok   redis" in result.output


@pytest.mark.parametrize("command", [("seed",), ("worker", "--once")], ids=" ".join)
def test_a_command_on_an_empty_database_says_what_to_do(
    call: Call, servers: Servers, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("DATABASE_URL", servers.create_database())
    result = call(*command)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "task-api migrate up" in result.output


def test_a_step_that_does_not_exist_is_said_in_a_sentence(call: Call) -> None:
    result = call("migrate", "sql", "0001", "nosuch")
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
