"""The command line as a person uses it, against the servers of the test process."""

from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from taskapi.__main__ import app
from tests.servers import Servers

Call = Callable[..., Result]


@pytest.fixture
def database(servers: Servers) -> str:
    """The address of a migrated database of its own."""
    return servers.create_migrated_database()


@pytest.fixture
def environment(servers: Servers, database: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables that name servers and secret."""
    variables = {"DATABASE_URL": database, "REDIS_URL": servers.redis_url, "JWT_SECRET": "0123456789abcdef" * 3}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def call(environment: dict[str, str]) -> Call:
    """Calls a command and returns what it did."""
    runner = CliRunner()
    return lambda *arguments, **options: runner.invoke(app, list(arguments), **options)
