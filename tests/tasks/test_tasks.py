"""One task: created, read, patched, completed, reopened, deleted – with what is told of it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Sql
from tests.house import House, SettableClock
from tests.people import Client
from tests.tasks.events import outdated, told

FULL: dict[str, Any] = {
    "title": "Buy milk",
    "description": "Two litres,\n\tthe blue one.",
    "status": "in_progress",
    "priority": "high",
    "labels": ["home", "shop"],
    "dueAt": "2026-12-24T18:00:00Z",
}


def test_a_new_task_has_what_was_given_and_sensible_rest(ada: Client, sql: Sql) -> None:
    answer = ada.post("/api/tasks", json={"title": "Buy milk"})
    task = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/tasks/{task['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert task == {
        "id": task["id"],
        "title": "Buy milk",
        "description": "",
        "status": "todo",
        "priority": "none",
        "labels": [],
        "dueAt": None,
        "completedAt": None,
        "createdAt": task["createdAt"],
        "updatedAt": task["createdAt"],
        "version": 1,
    }
    assert told(sql, ada) == [("TaskCreated", task["id"], 1)]


@pytest.mark.parametrize(("headers", "expected"), [({}, 1), ({"Idempotency-Key": "k"}, 2)], ids=["plain", "keyed"])
def test_a_new_task_costs_one_statement_and_its_key_another(
    house: House, ada: Client, quiet: Callable[[], None], headers: dict[str, str], expected: int
) -> None:
    headers = dict(headers)

    def statements() -> int:
        before = house.rooms.database.statements.count
        assert ada.post("/api/tasks", json={"title": "Buy milk"}, headers=headers).status_code == 201
        return house.rooms.database.statements.count - before

    statements()  # Redis has a copy of the session from now on
    quiet()
    headers |= {"Idempotency-Key": "another"} if headers else {}
    assert statements() == expected


def test_what_is_created_is_what_is_read(ada: Client) -> None:
    made = ada.post("/api/tasks", json=FULL)
    assert {name: made.json()[name] for name in FULL} == FULL
    read = ada.get(made.headers["Location"])
    assert (read.status_code, read.json(), read.headers["ETag"]) == (200, made.json(), made.headers["ETag"])


def test_a_task_may_be_done_from_the_start(ada: Client) -> None:
    task = ada.task(status="done")
    assert task["completedAt"] == task["createdAt"]


def test_null_clears_what_can_be_cleared_and_absent_fields_stay(ada: Client) -> None:
    task = ada.task(**FULL)
    path = f"/api/tasks/{task['id']}"
    assert ada.patch(path, json={"title": "Buy bread"}).json() | {"updatedAt": 0} == task | {
        "title": "Buy bread",
        "version": 2,
        "updatedAt": 0,
    }
    cleared = ada.patch(path, json={"description": None, "labels": None, "dueAt": None}).json()
    assert (cleared["description"], cleared["labels"], cleared["dueAt"]) == ("", [], None)
    assert (cleared["title"], cleared["priority"], cleared["version"]) == ("Buy bread", "high", 3)
    made = ada.post("/api/tasks", json={"title": "x", "description": None, "labels": None, "dueAt": None})
    assert made.status_code == 201


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"title": None}, "/title"),
        ({"status": None}, "/status"),
        ({"priority": None}, "/priority"),
        ({"titel": "x"}, "/titel"),
        ({"id": str(uuid4())}, "/id"),
        ({"version": 3}, "/version"),
        ({"completedAt": "2026-01-01T00:00:00Z"}, "/completedAt"),
        ({"status": "Done"}, "/status"),
        ({"priority": 1}, "/priority"),
        ({"title": 5}, "/title"),
        ({"title": ["x"]}, "/title"),
        ({"labels": "home"}, "/labels"),
        ({"labels": [None]}, "/labels/0"),
    ],
)
def test_a_field_that_is_wrong_is_named_and_nothing_changes(ada: Client, body: dict[str, Any], pointer: str) -> None:
    task = ada.task()
    patched = ada.patch(f"/api/tasks/{task['id']}", json=body)
    assert (patched.status_code, patched.json()["errors"][0]["pointer"]) == (422, pointer)
    created = ada.post("/api/tasks", json={"title": "x"} | body)
    assert (created.status_code, created.json()["errors"][0]["pointer"]) == (422, pointer)
    assert ada.get("/api/tasks").json()["items"] == [task]


def test_a_patch_without_effect_changes_and_tells_nothing(ada: Client, sql: Sql) -> None:
    task = ada.task(**FULL)
    path = f"/api/tasks/{task['id']}"
    same = {
        "title": "Buy milk",
        "status": "in_progress",
        "labels": ["home", "shop"],
        "dueAt": "2026-12-24T19:00:00+01:00",
    }
    for body in ({}, same):
        answer = ada.patch(path, json=body)
        assert (answer.status_code, answer.json(), answer.headers["ETag"]) == (200, task, '"1"')
    assert [event for event, _, _ in told(sql, ada)] == ["TaskCreated"]
    assert ada.patch(path, json={"labels": ["shop", "home"]}).json()["labels"] == ["shop", "home"]


def test_completion_follows_the_status_whichever_way_it_changes(ada: Client, sql: Sql) -> None:
    task = ada.task()
    path = f"/api/tasks/{task['id']}"
    done = ada.put(f"{path}/completion")
    assert (done.status_code, done.json()["status"], done.headers["ETag"]) == (200, "done", '"2"')
    assert done.json()["completedAt"] == done.json()["updatedAt"]
    assert ada.put(f"{path}/completion").json() == done.json()
    assert ada.patch(path, json={"title": "x"}).json()["completedAt"] == done.json()["completedAt"]
    open_again = ada.delete(f"{path}/completion")
    assert (open_again.status_code, open_again.json()["status"], open_again.json()["completedAt"]) == (
        200,
        "todo",
        None,
    )
    assert ada.delete(f"{path}/completion").json() == open_again.json()
    started = ada.patch(path, json={"status": "in_progress"}).json()
    assert ada.delete(f"{path}/completion").json() == started
    patched = ada.patch(path, json={"status": "done", "title": "y"}).json()
    assert patched["completedAt"] == patched["updatedAt"]
    assert ada.patch(path, json={"status": "todo"}).json()["completedAt"] is None
    assert [(event, version) for event, _, version in told(sql, ada)] == [
        ("TaskCreated", 1),
        ("TaskCompleted", 2),
        ("TaskUpdated", 3),
        ("TaskReopened", 4),
        ("TaskUpdated", 5),
        ("TaskCompleted", 6),
        ("TaskUpdated", 6),
        ("TaskReopened", 7),
    ]


def test_every_change_outdates_the_task_and_the_lists(ada: Client, sql: Sql) -> None:
    task = ada.task()
    path = f"/api/tasks/{task['id']}"
    for answer in (
        ada.patch(path, json={"title": "x"}),
        ada.put(f"{path}/completion"),
        ada.delete(f"{path}/completion"),
        ada.delete(path),
        ada.put(f"{path}/restoration"),
    ):
        assert answer.is_success
    assert outdated(sql, ada) == [{"tasks", f"task:{task['id']}"}] * 6


def test_a_clock_that_is_set_back_does_not_make_a_change_older(ada: Client, clock: SettableClock) -> None:
    task = ada.task()
    clock.offset = timedelta(hours=-1)
    changed = ada.patch(f"/api/tasks/{task['id']}", json={"title": "x"}).json()
    assert (changed["version"], changed["updatedAt"]) == (2, task["updatedAt"])


def test_a_deleted_task_is_gone_for_everything_but_the_trash(ada: Client, sql: Sql) -> None:
    task = ada.task()
    path = f"/api/tasks/{task['id']}"
    answer = ada.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert ada.get(path).json()["code"] == "task-not-found"
    for gone in (
        ada.get(path),
        ada.patch(path, json={}),
        ada.delete(path),
        ada.put(f"{path}/completion"),
        ada.delete(f"{path}/completion"),
    ):
        assert gone.status_code == 404
    assert ada.get("/api/tasks").json()["items"] == []
    assert [event for event, _, _ in told(sql, ada)] == ["TaskCreated", "TaskTrashed"]


def test_what_is_no_id_is_not_found(ada: Client) -> None:
    for path in ("/api/tasks/7", "/api/tasks/nobody", f"/api/tasks/{uuid4()}", f"/api/tasks/{uuid4()}/completion"):
        assert ada.put(path).status_code in {404, 405}
        assert ada.get(path).status_code in {404, 405}
    assert ada.get(f"/api/tasks/{uuid4()}").status_code == 404


def test_a_stranger_sees_404_not_403(ada: Client, grace: Client) -> None:
    task = ada.task()
    path = f"/api/tasks/{task['id']}"
    for answer in (
        grace.get(path),
        grace.patch(path, json={"title": "mine"}),
        grace.delete(path),
        grace.put(f"{path}/completion"),
        grace.delete(f"{path}/completion"),
        grace.put(f"{path}/restoration"),
    ):
        assert answer.status_code == 404
    assert grace.get("/api/tasks").json()["items"] == []
    assert ada.get(path).json() == task


def test_who_has_no_account_any_more_creates_nothing(ada: Client, sql: Sql) -> None:
    ada.task()
    assert ada.request("DELETE", "/api/auth/me", json={"password": ada.password}).status_code == 204
    assert ada.post("/api/tasks", json={"title": "x"}).status_code == 401
    for table in ("tasks", "task_counts"):
        assert sql(f"SELECT count(*) FROM {table} WHERE user_id = $1::text::uuid", ada.id)[0][0] == 0
