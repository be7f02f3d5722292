"""Runs the SQL file of a migration step, statement by statement."""

from pathlib import Path

from alembic import op

FOLDER = Path(__file__).parent / "sql"
SEPARATOR = "\n-- statement\n"
"""A line of its own between statements; functions contain semicolons, so these cannot tell."""


def apply(name: str) -> None:
    """Run every statement of `sql/<name>` in the step's transaction."""
    for statement in (FOLDER / name).read_text(encoding="utf-8").split(SEPARATOR):
        op.execute(statement.strip().rstrip(";").replace(":", r"\:"))
