"""Batches: many changes in one transaction, all or none, one result for each."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import Sql
from tests.house import House
from tests.people import Client
from tests.tasks.events import outdated, told


def run(person: Client, *operations: dict[str, Any]) -> httpx.Response:
    return person.post("/api/tasks/batch", json={"operations": operations})


def pointers(answer: httpx.Response) -> list[str]:
    return [part["pointer"] for part in answer.json()["errors"]]


def everything(person: Client) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = person.get("/api/tasks?limit=200&sort=created").json()["items"]
    return tasks


def test_each_operation_has_its_result_in_order(ada: Client, sql: Sql) -> None:
    one, two = ada.task("one"), ada.task("two")
    answer = run(
        ada,
        {"op": "create", "task": {"title": "three", "labels": ["x"]}},
        {"op": "patch", "id": one["id"], "patch": {"status": "done"}, "ifMatch": '"1"'},
        {"op": "delete", "id": two["id"]},
        {"op": "patch", "id": one["id"], "patch": {"title": "uno"}, "ifMatch": '"2"'},
        {"op": "patch", "id": one["id"], "patch": {}},
    )
    assert answer.status_code == 200
    created, done, deleted, renamed, same = answer.json()["results"]
    assert [result["status"] for result in answer.json()["results"]] == [201, 200, 204, 200, 200]
    assert (created["task"]["title"], created["task"]["labels"]) == ("three", ["x"])
    assert (done["task"]["status"], done["task"]["version"]) == ("done", 2)
    assert deleted == {"status": 204}
    assert (renamed["task"]["title"], renamed["task"]["version"]) == ("uno", 3)
    assert same == renamed
    assert everything(ada) == [renamed["task"], created["task"]]
    assert told(sql, ada)[2:] == [
        ("TaskCreated", created["task"]["id"], 1),
        ("TaskCompleted", one["id"], 2),
        ("TaskTrashed", two["id"], 2),
        ("TaskUpdated", one["id"], 3),
    ]
    ids = (one["id"], two["id"], created["task"]["id"])
    assert outdated(sql, ada)[2:] == [{"tasks", *(f"task:{task_id}" for task_id in ids)}] * 4


def test_what_is_patched_and_then_deleted_lies_in_the_trash_as_patched(ada: Client) -> None:
    task = ada.task("one")
    operations = [{"op": "patch", "id": task["id"], "patch": {"title": "two"}}, {"op": "delete", "id": task["id"]}]
    assert run(ada, *operations).status_code == 200
    (trashed,) = ada.get("/api/trash").json()["items"]
    assert (trashed["title"], trashed["version"]) == ("two", 3)


def test_one_failure_undoes_everything_and_every_failure_is_named(ada: Client, grace: Client, sql: Sql) -> None:
    mine, hers, gone = ada.task("mine"), grace.task("hers"), ada.task("gone")
    ada.delete(f"/api/tasks/{gone['id']}")
    before = (everything(ada), told(sql, ada), ada.get("/api/tasks/summary").json())
    answer = run(
        ada,
        {"op": "create", "task": {"title": "new"}},
        {"op": "patch", "id": mine["id"], "patch": {"title": "changed"}},
        {"op": "patch", "id": hers["id"], "patch": {"title": "changed"}},
        {"op": "delete", "id": mine["id"], "ifMatch": '"1"'},
        {"op": "delete", "id": gone["id"]},
        {"op": "delete", "id": str(uuid4())},
        {"op": "delete", "id": mine["id"]},
        {"op": "delete", "id": mine["id"]},
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "task-not-found")
    places = ["2/id", "3/ifMatch", "4/id", "5/id", "7/id"]
    assert pointers(answer) == [f"/operations/{place}" for place in places]
    assert (everything(ada), told(sql, ada), ada.get("/api/tasks/summary").json()) == before
    assert everything(grace) == [hers]


def test_another_version_undoes_everything(ada: Client) -> None:
    task = ada.task()
    answer = run(
        ada,
        {"op": "create", "task": {"title": "new"}},
        {"op": "patch", "id": task["id"], "patch": {"title": "x"}, "ifMatch": '"2"'},
    )
    assert (answer.status_code, answer.json()["code"]) == (412, "precondition-failed")
    assert pointers(answer) == ["/operations/1/ifMatch"]
    assert everything(ada) == [task]


@pytest.mark.parametrize(
    ("operation", "pointer"),
    [
        ({"op": "create", "task": {"title": ""}}, "/task/title"),
        ({"op": "create", "task": {"title": "x", "labels": ["a", "a"]}}, "/task/labels/1"),
        ({"op": "create", "task": {}}, "/task"),
        ({"op": "create"}, ""),
        ({"op": "create", "task": {"title": "x"}, "id": str(uuid4())}, ""),
        ({"op": "patch", "id": str(uuid4()), "patch": {"dueAt": "1066-10-14T00:00:00Z"}}, "/patch/dueAt"),
        ({"op": "patch", "id": str(uuid4()), "patch": {"title": None}}, "/patch/title"),
        ({"op": "patch", "id": "x", "patch": {}}, "/id"),
        ({"op": "patch", "id": str(uuid4()), "patch": {}, "ifMatch": "1"}, "/ifMatch"),
        ({"op": "delete", "id": None}, "/id"),
        ({"op": "complete", "id": str(uuid4())}, "/op"),
        ({"task": {"title": "x"}}, ""),
        ("create", ""),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_done(ada: Client, operation: Any, pointer: str) -> None:
    answer = run(ada, {"op": "create", "task": {"title": "fine"}}, operation)
    assert (answer.status_code, pointers(answer)) == (422, [f"/operations/1{pointer}"])
    assert everything(ada) == []


def test_a_batch_has_one_to_a_hundred_operations(ada: Client) -> None:
    create = {"op": "create", "task": {"title": "x"}}
    for number in (0, 101):
        answer = run(ada, *[create] * number)
        assert (answer.status_code, pointers(answer)) == (422, ["/operations"])
    assert ada.post("/api/tasks/batch", json={}).status_code == 422
    assert run(ada, *[create] * 100).status_code == 200
    assert len(everything(ada)) == 100


def test_new_tasks_are_listed_in_the_order_of_the_batch(ada: Client) -> None:
    titles = [str(number) for number in range(100)]
    run(ada, *({"op": "create", "task": {"title": title}} for title in titles))
    assert [task["title"] for task in everything(ada)] == titles


def test_a_batch_is_a_few_statements_however_long_it_is(house: House, ada: Client, quiet: Callable[[], None]) -> None:
    tasks = [ada.task(str(number)) for number in range(60)]
    patches = [{"op": "patch", "id": task["id"], "patch": {"title": f"{task['title']}!"}} for task in tasks[:30]]
    deletes = [{"op": "delete", "id": task["id"]} for task in tasks[30:]]
    creates = [{"op": "create", "task": {"title": "x"}} for _ in range(30)]

    def cost(*operations: dict[str, Any]) -> int:
        quiet()
        before = house.rooms.database.statements.count
        assert run(ada, *operations).status_code == 200
        return house.rooms.database.statements.count - before

    few = cost(creates[0], patches[0], deletes[0])
    assert cost(*creates[1:], *patches[1:], *deletes[1:]) == few


def test_a_batch_repeated_under_its_key_happens_once(ada: Client) -> None:
    body = {"operations": [{"op": "create", "task": {"title": "x"}}] * 3}
    first, second = (ada.post("/api/tasks/batch", json=body, headers={"Idempotency-Key": "once"}) for _ in range(2))
    assert second.json() == first.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(everything(ada)) == 3
