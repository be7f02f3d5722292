"""People, their passwords and sessions, and how often someone tried. Runs before the deploy (`pre`).

The way down leaves the extension pg_trgm, which others may use by then.
"""

from taskapi.migrations.script import apply

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    apply("0002_accounts.up.sql")


def downgrade() -> None:
    """Drop the tables."""
    apply("0002_accounts.down.sql")
