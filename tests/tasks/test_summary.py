"""The counts are right after every kind of change, and they cost nothing when nothing changes."""

from datetime import timedelta
from typing import Any

from tests.conftest import Sql
from tests.house import SettableClock
from tests.people import Client

COUNTS = "SELECT todo, in_progress, done, xmin::text FROM task_counts WHERE user_id = $1::text::uuid"


def summary(person: Client) -> tuple[int, ...]:
    found: dict[str, int] = person.get("/api/tasks/summary").json()
    assert list(found) == ["todo", "inProgress", "done", "total", "overdue"]
    return tuple(found.values())


def counts(sql: Sql, person: Client) -> tuple[int, ...]:
    """Return what is stored; whoever writes past the application cannot expect it to answer anew."""
    (row,) = sql(COUNTS, person.id)
    return row["todo"], row["in_progress"], row["done"]


def row_version(sql: Sql, person: Client) -> Any:
    return sql(COUNTS, person.id)[0]["xmin"]


def test_counts_follow_every_change(ada: Client, grace: Client) -> None:
    grace.task()
    assert summary(ada) == (0, 0, 0, 0, 0)
    one, two = ada.task(), ada.task(status="in_progress")
    path = f"/api/tasks/{one['id']}"
    assert summary(ada) == (1, 1, 0, 2, 0)
    ada.put(f"{path}/completion")
    assert summary(ada) == (0, 1, 1, 2, 0)
    ada.delete(path)
    assert summary(ada) == (0, 1, 0, 1, 0)
    ada.put(f"{path}/restoration")
    assert summary(ada) == (0, 1, 1, 2, 0)
    ada.delete(f"{path}/completion")
    assert summary(ada) == (1, 1, 0, 2, 0)
    operations: list[dict[str, Any]] = [
        {"op": "create", "task": {"title": "x", "status": "done"}},
        {"op": "patch", "id": two["id"], "patch": {"status": "todo"}},
        {"op": "delete", "id": one["id"]},
    ]
    ada.post("/api/tasks/batch", json={"operations": operations})
    assert summary(ada) == (1, 0, 1, 2, 0)
    assert summary(grace) == (1, 0, 0, 1, 0)


def test_overdue_is_open_and_past_and_moves_with_the_clock(ada: Client, clock: SettableClock) -> None:
    ada.task(dueAt="2020-01-01T00:00:00Z")
    ada.task(dueAt="2020-01-01T00:00:00Z", status="in_progress")
    ada.task(dueAt="2020-01-01T00:00:00Z", status="done")
    ada.delete(f"/api/tasks/{ada.task(dueAt='2020-01-01T00:00:00Z')['id']}")
    ada.task()
    later = ada.task(dueAt=(clock() + timedelta(hours=1)).isoformat())
    assert summary(ada) == (3, 1, 1, 5, 2)
    clock.offset = timedelta(hours=2)
    assert summary(ada)[-1] == 3
    ada.put(f"/api/tasks/{later['id']}/completion")
    assert summary(ada)[-1] == 2


def test_nothing_is_written_when_no_count_changes(ada: Client, sql: Sql) -> None:
    task = ada.task()
    path = f"/api/tasks/{task['id']}"
    version = row_version(sql, ada)
    ada.patch(path, json={"title": "y", "labels": ["a"], "dueAt": "2027-01-01T00:00:00Z"})
    sql("UPDATE tasks SET status = status WHERE user_id = $1::text::uuid", ada.id)
    sql("DELETE FROM tasks WHERE false")
    assert row_version(sql, ada) == version
    ada.delete(path)
    trashed = row_version(sql, ada)
    assert trashed != version
    sql("DELETE FROM tasks WHERE user_id = $1::text::uuid", ada.id)
    assert row_version(sql, ada) == trashed


def test_a_removed_person_leaves_no_count_behind(ada: Client, sql: Sql) -> None:
    for status in ("todo", "done"):
        ada.task(status=status)
    assert ada.request("DELETE", "/api/auth/me", json={"password": ada.password}).status_code == 204
    assert sql(COUNTS, ada.id) == []
    assert sql("SELECT 1 FROM tasks WHERE user_id = $1::text::uuid", ada.id) == []


def test_rows_of_many_people_in_one_statement_are_counted_for_each(ada: Client, grace: Client, sql: Sql) -> None:
    for person in (ada, grace):
        person.task()
        person.task(status="in_progress")
    people = [ada.id, grace.id]
    sql("UPDATE tasks SET status = 1 WHERE status = 0 AND user_id = ANY($1::text[]::uuid[])", people)
    assert counts(sql, ada) == counts(sql, grace) == (0, 2, 0)
    sql("DELETE FROM tasks WHERE user_id = ANY($1::text[]::uuid[])", people)
    assert counts(sql, ada) == counts(sql, grace) == (0, 0, 0)
