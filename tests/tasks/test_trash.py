"""The trash: what lies there, how it comes back, and how it ends."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from taskapi.services import jobs
from taskapi.tasks.trash import purge_trash
from tests.conftest import Sql
from tests.house import House, SettableClock
from tests.people import Client
from tests.tasks.events import outdated, told

DAYS = timedelta(days=30)


def deleted(person: Client, title: str = "x", **fields: Any) -> dict[str, Any]:
    task = person.task(title, **fields)
    assert person.delete(f"/api/tasks/{task['id']}").status_code == 204
    return task


def trash(person: Client) -> list[str]:
    return [task["title"] for task in person.get("/api/trash").json()["items"]]


def test_a_deleted_task_lies_in_the_trash_as_it_was(ada: Client, grace: Client) -> None:
    task = deleted(ada, "one", labels=["x"], dueAt="2026-12-24T18:00:00Z", status="done")
    (found,) = ada.get("/api/trash").json()["items"]
    changed = {"version": 2, "updatedAt": found["trashedAt"], "trashedAt": found["trashedAt"]}
    assert found == task | changed
    assert grace.get("/api/trash").json() == {"items": [], "nextCursor": None}


def test_what_was_deleted_last_comes_first_page_by_page(ada: Client) -> None:
    for number in range(5):
        deleted(ada, str(number))
    operations = [{"op": "delete", "id": ada.task("same moment")["id"]} for _ in range(5)]
    assert ada.post("/api/tasks/batch", json={"operations": operations}).status_code == 200
    found: list[dict[str, Any]] = []
    cursor = None
    while not found or cursor:
        page = ada.get("/api/trash", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        found, cursor = found + page["items"], page["nextCursor"]
    assert [task["title"] for task in found] == ["same moment"] * 5 + ["4", "3", "2", "1", "0"]
    assert len({task["id"] for task in found}) == 10


def test_a_cursor_of_the_trash_belongs_to_its_owner(ada: Client, grace: Client) -> None:
    for number in range(2):
        deleted(ada, str(number))
    cursor = ada.get("/api/trash?limit=1").json()["nextCursor"]
    assert ada.get("/api/trash", params={"cursor": cursor}).json()["items"][0]["title"] == "0"
    assert grace.get("/api/trash", params={"cursor": cursor}).status_code == 422
    for query in ("limit=0", "limit=201", "cursor=x", "sort=due"):
        assert ada.get(f"/api/trash?{query}").status_code == 422


def test_a_restored_task_is_what_it_was(ada: Client, sql: Sql) -> None:
    task = deleted(ada, labels=["x"], status="done")
    path = f"/api/tasks/{task['id']}"
    answer = ada.put(f"{path}/restoration")
    restored = answer.json()
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"3"')
    assert restored == task | {"version": 3, "updatedAt": restored["updatedAt"]}
    assert ada.get(path).json() == restored
    assert trash(ada) == []
    again = ada.put(f"{path}/restoration")
    assert (again.status_code, again.json()) == (200, restored)
    assert told(sql, ada) == [
        ("TaskCreated", task["id"], 1),
        ("TaskTrashed", task["id"], 2),
        ("TaskRestored", task["id"], 3),
    ]


def test_restoration_minds_the_version(ada: Client) -> None:
    task = deleted(ada)
    path = f"/api/tasks/{task['id']}/restoration"
    assert ada.put(path, headers={"If-Match": '"1"'}).status_code == 412
    assert trash(ada) == ["x"]
    assert ada.put(path, headers={"If-Match": '"2"'}).status_code == 200
    missing = ada.put(f"/api/tasks/{uuid4()}/restoration")
    assert (missing.status_code, missing.json()["code"]) == (404, "trashed-task-not-found")


def test_after_thirty_days_a_task_is_gone_for_good(house: House, ada: Client, clock: SettableClock, sql: Sql) -> None:
    kept, old = ada.task("kept"), deleted(ada, "old")
    clock.offset = timedelta(days=1)
    deleted(ada, "young")
    clock.offset = DAYS - timedelta(seconds=30)
    house.run(purge_trash(house.rooms))
    ada.log_in()
    assert "old" in trash(ada)
    clock.offset = DAYS + timedelta(seconds=1)
    while house.run(purge_trash(house.rooms)):
        pass
    assert trash(ada) == ["young"]
    assert ada.put(f"/api/tasks/{old['id']}/restoration").status_code == 404
    assert told(sql, ada)[-1] == ("TaskPurged", old["id"], 2)
    assert outdated(sql, ada)[-1] == {"tasks", f"task:{old['id']}"}
    assert [task["id"] for task in ada.get("/api/tasks").json()["items"]] == [kept["id"]]
    assert ada.get("/api/tasks/summary").json()["total"] == 1


def test_a_purge_takes_a_hundred_at_a_time_and_passes_over_what_is_held(
    house: House, ada: Client, clock: SettableClock, sql: Sql
) -> None:
    tasks = [ada.task(str(number))["id"] for number in range(3)]
    for half in range(2):
        creates = [{"op": "create", "task": {"title": "x"}} for _ in range(75)]
        made = ada.post("/api/tasks/batch", json={"operations": creates}).json()["results"]
        tasks += [result["task"]["id"] for result in made]
        ids = tasks[-75:] + (tasks[:3] if half else [])
        for task_id in ids:
            ada.delete(f"/api/tasks/{task_id}")
    clock.offset = 2 * DAYS
    sql("BEGIN")
    sql("SELECT id FROM tasks WHERE id = $1::text::uuid FOR UPDATE", tasks[0])
    try:
        purged = [house.run(purge_trash(house.rooms)) for _ in range(4)]
    finally:
        sql("COMMIT")
    assert max(purged) <= 100
    assert purged[-1] == 0
    ada.log_in()
    assert trash(ada) == ["0"]
    house.run(purge_trash(house.rooms))
    assert trash(ada) == []


def test_the_purge_is_a_job_of_every_process() -> None:
    assert purge_trash in jobs()
