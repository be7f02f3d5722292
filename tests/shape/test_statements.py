"""Every SQL statement bears a name of its own, by which the server's views and our metrics tell it from others."""

import ast
import re
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.shape.source import modules

STATEMENT = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|EXPLAIN|SAVEPOINT|ROLLBACK TO)\s")
"""In capitals, as all our SQL is."""

NAME = re.compile(r"\s*[A-Z]+ /\* ([a-z_]+(?:\.[a-z_]+)?) \*/\s")
MADE_NAME = re.compile(r"\s*[A-Z]+ /\* \Z")
"""Is followed by a value."""

ELSEWHERE = (
    "src/taskapi/backup/",
    "src/taskapi/cli/doctor.py",
    "src/taskapi/kit/database/bulk.py",
    "src/taskapi/kit/embedded/",
    *(f"src/taskapi/migrations/{name}" for name in ("env", "run", "steps", "turn", "versions", "walk")),
)
"""What commands do, each on a connection that bears the command's process in its name."""

PARTS = {"src/taskapi/kit/database/limits.py", "src/taskapi/tasks/pages.py"}
"""Where a text may be a part of a statement, or of what begins a transaction."""


def texts(tree: ast.Module) -> Iterator[str]:
    """Yield the texts that begin as a statement does; of those with values in them, what comes before the first."""
    later = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values[1:]}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and node not in later else None
        if isinstance(text, str) and STATEMENT.match(text):
            yield text


def in_requests() -> Iterator[tuple[str, str]]:
    """Yield file and text of all statements that requests and jobs run."""
    for module in modules():
        if not module.name.startswith(ELSEWHERE):
            yield from ((module.name, text) for text in texts(module.tree))


def test_every_statement_has_a_name() -> None:
    unnamed = [(file, text) for file, text in in_requests() if not NAME.match(text) and not MADE_NAME.match(text)]
    assert [(file, text) for file, text in unnamed if file not in PARTS] == []
    assert {file for file, _ in unnamed} == PARTS


def test_no_two_statements_have_the_same_name() -> None:
    names = Counter(found[1] for _, text in in_requests() if (found := NAME.match(text)))
    assert [name for name, count in names.items() if count > 1] == []
    assert len(names) > 60


@pytest.mark.parametrize("text", ["SELECT 1 ", "\nUPDATE tasks SET", "WITH a AS (", "/* tasks.find */ SELECT 1"])
def test_one_without_a_name_would_be_found(text: str) -> None:
    assert not NAME.match(text)
    assert STATEMENT.match(text) or text.startswith("/*")


def test_texts_with_values_are_looked_at_too() -> None:
    tree = ast.parse('A = f"""\nSELECT {b} FROM c"""\nD = f"SELECT /* e.f */ {g}"\nH = "DELETE FROM i"\n"SELECT"')
    assert sorted(texts(tree)) == ["\nSELECT ", "DELETE FROM i", "SELECT /* e.f */ "]
