"""Which tables a backup holds. A new table has to be entered here, which a test makes sure of.

The names are the only ones that a backup can name, so nothing that a file says gets into SQL.
"""

SESSIONS = "sessions"
"""Who is logged in: in the backup, but not restored unless asked for, as it may hold sessions that have ended since."""

SAVED = (
    "users",
    "credentials",
    SESSIONS,
    "known_addresses",
    "attempts",
    "tasks",
    "task_counts",
    "idempotency_keys",
    "outbox",
)
GATE = "gate_state"
"""What processes may serve. It belongs to the running system and not to its data: a restored one begins anew."""

NEVER_SAVED = (GATE, "alembic_version", "schema_floor")
