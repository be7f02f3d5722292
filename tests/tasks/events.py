"""What the outbox says happened to somebody."""

from typing import Any

import msgspec

from tests.conftest import Sql
from tests.people import Client

EVENTS = """
SELECT event, payload, fields FROM outbox
WHERE user_id = $1::text::uuid AND event LIKE 'Task%' ORDER BY created_at, id
"""


def told(sql: Sql, person: Client) -> list[tuple[str, str, int]]:
    """Return event, task and version of everything that happened to a person's tasks, in order."""
    payloads: list[tuple[str, Any]] = [
        (row["event"], msgspec.json.decode(row["payload"])) for row in sql(EVENTS, person.id)
    ]
    return [(event, payload["taskId"], payload["version"]) for event, payload in payloads]


def outdated(sql: Sql, person: Client) -> list[set[str]]:
    """Return, for each of these events, the version fields that its transaction outdated."""
    return [set(row["fields"]) for row in sql(EVENTS, person.id)]
