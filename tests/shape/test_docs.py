"""The documents say what the code does: each list in docs/ is compared with what it lists."""

import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from inspect import getmembers, isclass
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

import taskapi
from taskapi import errors
from taskapi.__main__ import app as program
from taskapi.auth.policy import REFUSALS
from taskapi.contracts import audit, events
from taskapi.gate.counts import LIMITS
from taskapi.http.edge import RequestLine
from taskapi.http.problems import EDGE_CODES
from taskapi.kit.outbox import TOUCHED
from tests.shape import log_tables, metrics_table
from tests.shape.settings_table import EXAMPLE, PAGE, render_example, render_page
from tests.shape.source import ROOT

DOCS = ROOT / "docs"
ROW = re.compile(r"^\|\s*`([^`]+)`\s*\|", re.MULTILINE)
"""A row of a table whose first cell is one name."""

for _module in pkgutil.walk_packages(taskapi.__path__, "taskapi."):
    if not _module.name.startswith("taskapi.migrations.") and _module.name != "taskapi.__main__":
        import_module(_module.name)


def documented(page: str) -> set[str]:
    """Return the names in the first cells of the page's tables."""
    return set(ROW.findall((DOCS / page).read_text(encoding="utf-8")))


def subclasses(kind: type[errors.Error]) -> Iterator[type[errors.Error]]:
    """Yield all that descend from `kind`."""
    for child in kind.__subclasses__():
        if child.__module__.startswith("taskapi."):  # other tests define errors of their own
            yield child
        yield from subclasses(child)


def leaves(command: object, path: str = "") -> Iterator[str]:
    """Yield the full names of the commands that do something."""
    if not isinstance(command, TyperGroup):
        yield path
        return
    commands: Mapping[str, Any] = command.commands
    for name, child in commands.items():
        if not child.hidden:
            yield from leaves(child, f"{path} {name}".strip())


def compare(page: str, expected: set[str], found: set[str]) -> None:
    """Fail with what the page lacks and what it has too much."""
    missing, surplus = sorted(expected - found), sorted(found - expected)
    assert not missing, f"docs/{page} has no row for {missing}"
    assert not surplus, f"docs/{page} has rows for what the code does not know: {surplus}"


@pytest.mark.parametrize(("file", "render"), [(PAGE, render_page), (EXAMPLE, render_example)])
def test_the_settings_are_documented_as_they_are(file: Path, render: Callable[[], str]) -> None:
    assert file.read_text(encoding="utf-8") == render(), "run: python -m tests.shape.settings_table"


def test_every_metric_is_documented_as_it_is() -> None:
    assert metrics_table.render_table() in metrics_table.PAGE.read_text(), "run: python -m tests.shape.metrics_table"


def test_every_limit_that_metrics_name_is_documented() -> None:
    rows = re.findall(r"^\| (`(?:user|login|register)[^|]*) \|", metrics_table.PAGE.read_text(), re.MULTILINE)
    found = {name for row in rows for name in re.findall("`([a-z ]+)`", row)}
    compare("metrics.md", {*LIMITS, *REFUSALS.values()}, found)


@pytest.mark.parametrize("command", sorted(leaves(get_command(program))))
def test_every_command_is_documented(command: str) -> None:
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert re.search(rf"task-api {re.escape(command)}\b", text), f"docs/cli.md does not mention `task-api {command}`"


def test_every_error_code_is_documented() -> None:
    codes = {kind.code for kind in subclasses(errors.Error)}
    compare("errors.md", codes | set(EDGE_CODES.values()), documented("errors.md"))


def test_every_line_of_the_audit_trail_is_documented() -> None:
    compare("logs.md", {kind.value for kind in audit.Kind}, set(log_tables.rows("audit")))


def test_every_field_of_the_access_line_is_documented() -> None:
    compare("logs.md", set(RequestLine.__struct_fields__), set(log_tables.rows("access")))


def test_every_event_is_documented() -> None:
    defined = {kind for _, kind in getmembers(events, isclass) if kind.__module__ == events.__name__}
    told = {kind.__name__ for kind in defined if not kind.__subclasses__()}
    compare("events.md", told, documented("events.md") - {TOUCHED})
