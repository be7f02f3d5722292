"""The pool spares the reset of a connection, so no statement of ours may leave anything behind on one."""

import ast
import re
from collections.abc import Iterator

import pytest

from taskapi.kit.database import Database
from tests.shape.source import modules

LEAVES_SOMETHING = re.compile(
    r"(?:\A|;)\s*(?:SET(?!\s+LOCAL)|RESET|LISTEN|PREPARE|DECLARE|DISCARD|LOAD|CREATE\s+TEMP)\b|pg_(?:try_)?advisory_lock\("
)
"""In capitals, as all our SQL is."""

ON_PURPOSE = "SET transaction_timeout"
"""What the pool itself sets on each new connection."""


def statements() -> Iterator[tuple[str, str]]:
    """Every text in the code that runs on pooled connections."""
    for module in modules():
        if not module.name.startswith(("src/taskapi/migrations/", "src/taskapi/kit/embedded/")):
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield module.name, node.value


def test_no_statement_changes_its_session() -> None:
    found = [(name, text) for name, text in statements() if LEAVES_SOMETHING.search(text)]
    assert [(name, text) for name, text in found if not text.startswith(ON_PURPOSE)] == []
    assert len(found) == 1


@pytest.mark.parametrize(
    "text", ["SET work_mem = 1", "SELECT 1; SET role x", "SELECT pg_advisory_lock(1)", "LISTEN x", " RESET ALL"]
)
def test_such_a_statement_would_be_found(text: str) -> None:
    assert LEAVES_SOMETHING.search(text)


@pytest.mark.parametrize(
    "text", ["SET LOCAL work_mem = 1", "UPDATE t\nSET a = 1", "SELECT pg_try_advisory_xact_lock(1)", "Set it."]
)
def test_a_harmless_one_would_not(text: str) -> None:
    assert not LEAVES_SOMETHING.search(text)


@pytest.mark.anyio
async def test_a_connection_is_as_good_as_new_after_a_transaction(database: Database) -> None:
    settings = "SELECT array_agg(name || '=' || setting ORDER BY name) FROM pg_settings"
    async with database.read() as connection:
        before = await connection.fetch_value(settings)
    async with database.transaction() as transaction:
        await transaction.execute("SET LOCAL work_mem = '77MB'")
        await transaction.fetch_value("SELECT pg_try_advisory_xact_lock(7)")
    async with database.read() as connection:
        assert await connection.fetch_value(settings) == before
        assert await connection.fetch_value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
