"""The whole program behind PgBouncer in transaction mode, with fewer connections than it has workers' pools."""

from pathlib import Path
from typing import Any

from taskapi.migrations import run
from tests.people import Client
from tests.pgbouncer import pgbouncer
from tests.servers import Servers
from tests.system.launch import Launched, started


def test_a_start_migrates_past_it_and_serves_through_it(fresh: Path, servers: Servers) -> None:
    direct = servers.create_database()
    with pgbouncer(direct, size=2) as pooled:
        settings: dict[str, Any] = {
            "DATABASE_URL": pooled,
            "DATABASE_DIRECT_URL": direct,
            "REDIS_URL": servers.redis_url,
        }
        with started(fresh, TASK_API_WORKERS="2", **settings) as program, Client(program.url) as ada:
            assert run.status(direct).is_current
            assert ada.register("ada").status_code == 201
            ada.log_in()
            for number in range(20):
                assert ada.post("/api/tasks", json={"title": f"Task {number}"}).status_code == 201
                assert len(ada.get("/api/tasks").json()["items"]) == number + 1
            assert program.end() == 0


def test_a_start_that_may_not_migrate_says_what_is_missing(fresh: Path, servers: Servers) -> None:
    direct = servers.create_database()
    with pgbouncer(direct, size=2) as pooled:
        settings: dict[str, Any] = {"DATABASE_URL": pooled, "REDIS_URL": servers.redis_url}
        with Launched(fresh, **settings) as program:
            assert program.process.wait(60) == 2
            assert "set DATABASE_DIRECT_URL to the address of PostgreSQL itself" in program.err
        run.upgrade(direct)
        with started(fresh, **settings) as program:
            assert program.status("/api/health") == 200
