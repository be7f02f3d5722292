"""`task-api users create`, `seed`, `worker --once` and `openapi`."""

import asyncio
import json
import os
import pty
import re
import subprocess
import sys
from typing import Any

import asyncpg
import pytest

from tests.cli.conftest import Call


def rows(url: str, query: str) -> list[Any]:
    """Run a query on a database."""

    async def asked() -> list[Any]:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetch(query)
        finally:
            await connection.close()

    return asyncio.run(asked())


def test_an_administrator_is_made_with_a_password_from_a_pipe(call: Call, database: str) -> None:
    result = call("users", "create", "ada@example.org", "--name", "Ada", "--admin", input="a-long-password-7\n")
    assert result.exit_code == 0, result.output
    assert "a-long-password-7" not in result.output
    assert [tuple(row) for row in rows(database, "SELECT email, name, role FROM users")] == [
        ("ada@example.org", "Ada", "admin")
    ]


def test_without_the_option_it_is_a_user_named_like_the_address(call: Call, database: str) -> None:
    assert call("users", "create", "grace@example.org", input="a-long-password-7\n").exit_code == 0
    assert [tuple(row) for row in rows(database, "SELECT name, role FROM users")] == [("grace@example.org", "user")]


@pytest.mark.parametrize(
    ("email", "password", "reason"),
    [("ada@example.org", "short", "/password"), ("nobody", "a-long-password-7", "/email")],
)
def test_what_the_api_refuses_the_command_line_refuses(
    call: Call, database: str, email: str, password: str, reason: str
) -> None:
    result = call("users", "create", email, input=f"{password}\n")
    assert result.exit_code == 1
    assert reason in result.output
    assert not rows(database, "SELECT FROM users")


def test_an_address_in_use_is_explained(call: Call) -> None:
    assert call("users", "create", "ada@example.org", input="a-long-password-7\n").exit_code == 0
    result = call("users", "create", "ADA@example.org", input="a-long-password-7\n")
    assert result.exit_code == 1
    assert "e-mail" in result.output


def test_seed_plants_people_and_their_tasks(call: Call, database: str) -> None:
    result = call("seed", "--users", "2", "--tasks", "120")
    assert result.exit_code == 0, result.output
    assert "password of all" in result.output
    counts = rows(database, "SELECT count(*) FROM tasks GROUP BY user_id")
    assert [row[0] for row in counts] == [120, 120]


def test_the_worker_does_what_there_is_to_do_and_says_so(call: Call, database: str) -> None:
    call("seed", "--users", "1", "--tasks", "3")
    rows(database, "UPDATE outbox SET created_at = now() - interval '8 days'")
    old = len(rows(database, "SELECT FROM outbox"))
    result = call("worker", "--once")
    assert result.exit_code == 0, result.output
    assert f"purge_outbox: {old}" in result.output
    assert not rows(database, "SELECT FROM outbox")


def test_openapi_prints_the_document(call: Call) -> None:
    result = call("openapi")
    assert json.loads(result.output)["openapi"].startswith("3.1")


def test_version_is_printed(call: Call) -> None:
    assert call("--version").output.startswith("task-api ")


def test_an_unknown_setting_is_explained(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASK_API_TYPO", "1")
    result = call("seed")
    assert result.exit_code == 1
    assert "TASK_API_TYPO" in result.output


def test_at_a_terminal_a_password_is_made_and_shown(database: str, environment: dict[str, str]) -> None:
    terminal, own_end = pty.openpty()
    command = [sys.executable, "-m", "taskapi", "users", "create", "ada@example.org"]
    done = subprocess.run(
        command, stdin=own_end, capture_output=True, text=True, env=os.environ | environment, timeout=60, check=True
    )
    for end in (terminal, own_end):
        os.close(end)
    (password,) = re.findall(r"^password: (\S{15,})$", done.stdout, re.MULTILINE)
    assert [row["email"] for row in rows(database, "SELECT email FROM users")] == ["ada@example.org"]
    assert password not in done.stderr


def test_a_worker_works_until_it_is_stopped(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "taskapi", "worker"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment) as worker:
        assert worker.stdout is not None
        assert "background jobs run in this process" in worker.stdout.readline()
        worker.terminate()
        rest, _ = worker.communicate(timeout=60)
    assert "worker stopped" in rest
    assert worker.returncode == 0
