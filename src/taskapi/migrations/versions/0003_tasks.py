"""Tasks, how many there are, and how their words are found. Runs before the deploy (`pre`).

The way down leaves the extension unaccent, which others may use by then.
"""

from taskapi.migrations.script import apply

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    apply("0003_tasks.up.sql")


def downgrade() -> None:
    """Drop the tables."""
    apply("0003_tasks.down.sql")
