"""Where a database stands, and whether this release can use it: asked at every start, beside older and newer ones.

A step says in its docstring whether it may run while older releases serve (`pre`) or only once none does (`post`). A
database that is ahead of the code says itself, in `schema_floor`, which releases can still use it.
"""

from typing import NamedTuple

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

AFTER_DEPLOY = "(`post`)"


class Status(NamedTuple):
    """Where the database stands and where the code wants it; steps are numbers of four digits."""

    current: str | None
    head: str
    """The newest step of this release."""

    before_deploy: str
    """The newest step that may run while older releases serve."""

    floor: str | None = None
    """The step that a release must have to use this database; None if the database does not say."""

    @property
    def is_current(self) -> bool:
        """Whether nothing is left to do."""
        return self.current == self.head

    @property
    def is_ahead(self) -> bool:
        """Whether a newer release has been here."""
        return self.current is not None and self.current > self.head

    @property
    def is_usable(self) -> bool:
        """Whether this release can work on it."""
        if self.is_ahead:
            return self.floor is not None and self.floor <= self.head
        return self.current is not None and self.current >= self.before_deploy

    def __str__(self) -> str:
        """Say it to a person."""
        state = f"database at step {self.current or 'none'}"
        if self.is_current:
            return f"{state}: up to date"
        if not self.is_ahead and not self.is_usable:
            return f"{state}: the newest step is {self.head}; run `task-api migrate up`"
        if not self.is_ahead:
            return f"{state}: ready; once no older release runs, `task-api migrate up head` goes on to {self.head}"
        if self.is_usable:
            return f"{state}: ahead of this release, whose newest is {self.head} and which can still use it"
        told = f"releases need step {self.floor}" if self.floor else "it does not say which releases can use it"
        return f"{state}: too new for this release, whose newest is {self.head} ({told}); start a newer release"


def look(connection: Connection, scripts: ScriptDirectory) -> Status:
    """Return where the database stands."""
    head = scripts.get_current_head() or ""
    early = (step.revision for step in scripts.walk_revisions() if AFTER_DEPLOY not in step.longdoc)
    current = MigrationContext.configure(connection).get_current_revision()
    floor = None
    if connection.scalar(text("SELECT to_regclass('schema_floor')")) is not None:
        floor = connection.scalar(text("SELECT step FROM schema_floor"))
    return Status(current, head, next(early, ""), floor)
