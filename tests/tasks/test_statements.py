"""A request that waits in the database is found there by its statement's name, and in our log by its id."""

from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from taskapi.config import Settings
from tests.conftest import Sql
from tests.house import serving
from tests.kit.log_lines import logged
from tests.people import Client
from tests.waiting import eventually

WAITING = """
SELECT 1 FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%SELECT /* tasks.hold */ %'
    AND query_start < clock_timestamp() - interval '50 milliseconds'
"""


ANEW = "SELECT pg_stat_clear_snapshot()"
"""Within a transaction the server shows what it showed first."""


def rename(person: Client, task_id: str) -> int:
    """Change a task's title and return the status."""
    headers = {"X-Request-Id": "mine"}
    return person.patch(f"/api/tasks/{task_id}", json={"title": "Buy bread"}, headers=headers).status_code


def test_who_waits_for_a_task_is_seen_and_told_of(settings: Settings, sql: Sql) -> None:
    watched = replace(settings, database=replace(settings.database, slow_statement_ms=20))
    with logged() as lines, serving(watched) as house, Client(house.url) as ada, ThreadPoolExecutor(1) as thread:
        assert ada.register("ada").status_code == 201
        task = ada.log_in().task()
        sql("BEGIN")
        sql("SELECT FROM tasks WHERE id = $1::text::uuid FOR UPDATE", task["id"])
        try:
            answer = thread.submit(rename, ada, task["id"])
            eventually(lambda: sql(ANEW) and sql(WAITING))
        finally:
            sql("COMMIT")
        assert answer.result(30) == 200

        def told() -> list[dict[str, object]]:
            return [line for line in lines.events("slow statement") if line["statement"] == "tasks.hold"]

        (line,) = eventually(told)
    assert (line["request_id"], line["rows"], bool(line["plan"])) == ("mine", 1, True)
