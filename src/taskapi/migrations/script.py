"""Runs the SQL file of a migration step, statement by statement."""

from contextlib import nullcontext
from pathlib import Path

from alembic import op

FOLDER = Path(__file__).parent / "sql"
SEPARATOR = "\n-- statement\n"
"""A line of its own between statements; functions contain semicolons, so these cannot tell."""


def apply(name: str, *, outside: bool = False) -> None:
    """Run every statement of `sql/<name>` in the step's transaction.

    `outside`: each by itself in no transaction, as CREATE INDEX CONCURRENTLY has to be. What fails part way through
    leaves the rest behind then, so each statement must bear to be run again.
    """
    with op.get_context().autocommit_block() if outside else nullcontext():
        for statement in (FOLDER / name).read_text(encoding="utf-8").split(SEPARATOR):
            op.execute(statement.strip().rstrip(";").replace(":", r"\:"))
