"""Permission to serve what is kept: the gate's one row. Runs before the deploy (`pre`)."""

from taskapi.migrations.script import apply

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table and its row."""
    apply("0004_gate.up.sql")


def downgrade() -> None:
    """Drop the table."""
    apply("0004_gate.down.sql")
