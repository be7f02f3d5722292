"""The outbox and the kept answers of idempotent requests. Runs before the deploy (`pre`)."""

from taskapi.migrations.script import apply

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    apply("0001_foundation.up.sql")


def downgrade() -> None:
    """Drop the tables."""
    apply("0001_foundation.down.sql")
