"""What is fuzzed: the program as it is served, on servers of its own, with every limit switched off."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.fuzz.people import People
from tests.servers import data_folder, test_servers
from tests.system.launch import Launched, started


@contextmanager
def running_target() -> Iterator[tuple[Launched, People]]:
    """Start the program and register the people for the length of the block."""
    secret = secrets.token_urlsafe(48)
    with test_servers() as servers, data_folder() as folder:
        database_url = servers.create_database()
        settings = {
            "DATABASE_URL": database_url,
            "REDIS_URL": servers.redis_url,
            "JWT_SECRET": secret,
            "TASK_API_RATE_LIMIT": "0",
            "TASK_API_LOG_FORMAT": "json",
        }
        with started(folder / "data", **settings) as program, People(program.url, database_url, secret) as people:
            yield program, people


def failures(program: Launched) -> list[dict[str, Any]]:
    """Return the lines of the program's log about answers of 500 and more, and about errors."""
    lines = [json.loads(line) for line in program.out.splitlines()]
    return [line for line in lines if line.get("status", 0) >= 500 or line["level"] in {"error", "critical"}]


def answers(program: Launched) -> int:
    """Return how many answers the program's log tells of."""
    return sum(json.loads(line)["event"] == "request" for line in program.out.splitlines())
