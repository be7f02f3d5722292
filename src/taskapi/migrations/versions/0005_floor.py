"""Which releases can use the database: lets an older one start beside a newer one. Runs before the deploy (`pre`)."""

from taskapi.migrations.script import apply

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table and its row."""
    apply("0005_floor.up.sql")


def downgrade() -> None:
    """Drop the table."""
    apply("0005_floor.down.sql")
