"""A newer release's migrations: this one's and further steps, in a folder of their own."""

import shutil
from pathlib import Path

from taskapi.migrations import run

STEP = '''"""A step of a newer release. Runs {side} the deploy (`{phase}`)."""

from contextlib import nullcontext

from alembic import op

revision = "{number}"
down_revision = "{before}"


def upgrade() -> None:
    """Go up."""
    run({up!r})


def downgrade() -> None:
    """Go down."""
    run({down!r})


def run(statements) -> None:
    """Run statements in the step's transaction, or outside of it as CREATE INDEX CONCURRENTLY has to be."""
    outside = any("CONCURRENTLY" in statement for statement in statements)
    with op.get_context().autocommit_block() if outside else nullcontext():
        for statement in statements:
            op.execute(statement)
'''
EXPAND = (["ALTER TABLE tasks ADD COLUMN colour text"], ["ALTER TABLE tasks DROP COLUMN colour"])


def newer_release(folder: Path, *steps: tuple[str, list[str], list[str]]) -> Path:
    """Return a folder with `steps` after those of this release: phase, SQL up, SQL down."""
    newer = folder / "migrations"
    shutil.copytree(run.FOLDER, newer, ignore=shutil.ignore_patterns("__pycache__"))
    last = max(path.name[:4] for path in (newer / "versions").glob("0*.py"))
    for number, (phase, up, down) in enumerate(steps, int(last) + 1):
        text = STEP.format(
            side="before" if phase == "pre" else "after",
            phase=phase,
            number=f"{number:04}",
            before=f"{number - 1:04}",
            up=up,
            down=down,
        )
        (newer / "versions" / f"{number:04}_newer.py").write_text(text)
    return newer
