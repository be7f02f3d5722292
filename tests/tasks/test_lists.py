"""The list of tasks over HTTP: its envelope, its parameters, its cursor, and what it never does."""

from collections.abc import Iterator
from typing import Any

import httpx

from tests.people import Client
from tests.tasks.at_once import together


def pages(person: Client, **params: Any) -> Iterator[list[dict[str, Any]]]:
    """Yield the pages of a list."""
    cursor = None
    while True:
        answer = person.get("/api/tasks", params=params | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        yield answer.json()["items"]
        cursor = answer.json()["nextCursor"]
        if cursor is None:
            return


def titles(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [task["title"] for task in answer.json()["items"]]


def test_nobody_has_tasks_at_first(ada: Client) -> None:
    assert ada.get("/api/tasks").json() == {"items": [], "nextCursor": None}


def test_the_newest_come_first_in_pages_of_fifty(ada: Client) -> None:
    operations = [{"op": "create", "task": {"title": str(number)}} for number in range(60)]
    assert ada.post("/api/tasks/batch", json={"operations": operations}).status_code == 200
    first, second = pages(ada)
    assert [task["title"] for task in first + second] == [str(number) for number in range(59, -1, -1)]
    assert (len(first), len(second)) == (50, 10)
    whole = ada.get("/api/tasks?limit=60").json()
    assert (len(whole["items"]), whole["nextCursor"]) == (60, None)


def test_one_parameter_repeated_is_any_and_several_are_all(ada: Client) -> None:
    ada.task("a", status="todo", priority="high", labels=["x"])
    ada.task("b", status="done", priority="high", labels=["x", "y"])
    ada.task("c", status="in_progress", priority="low", labels=["y"])
    ada.task("d", status="todo", priority="low", labels=["z"])
    for query, expected in {
        "status=todo": "da",
        "status=todo&status=done": "dba",
        "priority=high": "ba",
        "label=x&label=z": "dba",
        "label=x&label=x": "ba",
        "status=todo&label=x": "a",
        "status=done&status=done&priority=high&priority=low&label=y": "b",
        "status=done&priority=low": "",
        "label=X": "",
        "q=A&status=todo": "a",
    }.items():
        assert titles(ada.get(f"/api/tasks?{query}")) == list(expected), query


def test_priorities_sort_by_what_they_mean(ada: Client) -> None:
    for priority in ("high", "none", "urgent", "low", "medium"):
        ada.task(priority, priority=priority)
    order = ["none", "low", "medium", "high", "urgent"]
    assert titles(ada.get("/api/tasks?sort=priority")) == order
    assert titles(ada.get("/api/tasks?sort=-priority")) == order[::-1]


def test_undated_tasks_come_last_either_way(ada: Client) -> None:
    ada.task("undated")
    ada.task("late", dueAt="2030-01-01T00:00:00Z")
    ada.task("soon", dueAt="2027-01-01T00:00:00Z")
    assert titles(ada.get("/api/tasks?sort=due")) == ["soon", "late", "undated"]
    assert titles(ada.get("/api/tasks?sort=-due")) == ["late", "soon", "undated"]


def test_what_is_wrong_with_a_query_is_named(ada: Client) -> None:
    for query, name in {
        "status=open": "status",
        "status=": "status",
        "priority=5": "priority",
        "sort=title": "sort",
        "sort=created&sort=-created": "sort",
        "limit=0": "limit",
        "limit=201": "limit",
        "limit=ten": "limit",
        "limit=5&limit=5": "limit",
        "cursor=": "cursor",
        "cursor=abc": "cursor",
        "cursor=a&cursor=b": "cursor",
        "q=": "q",
        "q=%20": "q",
        "q=a%00b": "q",
        "q=" + "a" * 201: "q",
        "q=a&q=b": "q",
        "label=": "label",
        "label=a%0Ab": "label",
        "label=" + "a" * 51: "label",
        "&".join(f"label={number}" for number in range(21)): "label",
        "dueBefore=2027-01-01T00:00:00Z&dueBefore=2027-01-01T00:00:00Z": "dueBefore",
        "due_before=2027-01-01T00:00:00Z": "due_before",
        "Status=todo": "Status",
        "offset=5": "offset",
        "caller=x": "caller",
        "rooms=x": "rooms",
        "data=x": "data",
    }.items():
        answer = ada.get(f"/api/tasks?{query}")
        assert answer.status_code == 422, query
        assert {part["parameter"] for part in answer.json()["errors"]} == {name}, query


def test_other_routes_know_no_such_parameters_either(ada: Client) -> None:
    task = ada.task()
    path = f"/api/tasks/{task['id']}"
    for answer in (
        ada.get(f"{path}?task_id=x"),
        ada.get("/api/tasks/summary?status=todo"),
        ada.get("/api/trash?status=todo"),
        ada.post("/api/tasks?dry=1", json={"title": "x"}),
        ada.delete(f"{path}?force=true"),
    ):
        assert answer.status_code == 422
    assert ada.get("/api/tasks").json()["items"] == [task]


def test_a_cursor_is_worth_nothing_anywhere_else(ada: Client, grace: Client) -> None:
    for person in (ada, grace):
        for number in range(3):
            person.task(str(number), labels=["x"])
    cursor = ada.get("/api/tasks?limit=1&status=todo").json()["nextCursor"]
    again = {"cursor": cursor, "status": "todo"}
    assert titles(ada.get("/api/tasks", params=again | {"limit": 2})) == ["1", "0"]
    for person, params in (
        (grace, again),
        (ada, {"cursor": cursor}),
        (ada, again | {"status": "done"}),
        (ada, again | {"sort": "created"}),
        (ada, again | {"label": "x"}),
        (ada, again | {"cursor": cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]}),
        (ada, again | {"cursor": cursor + "AAAA"}),
    ):
        answer = person.get("/api/tasks", params=params)
        assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "cursor")
    assert ada.get("/api/trash", params={"cursor": cursor}).status_code == 422


def test_the_order_of_repeated_values_does_not_matter_to_a_cursor(ada: Client) -> None:
    for number in range(2):
        ada.task(str(number), labels=["a"])
    cursor = ada.get("/api/tasks?limit=1&label=a&label=b&status=todo&status=done").json()["nextCursor"]
    answer = ada.get(f"/api/tasks?limit=1&status=done&label=b&label=a&label=b&status=todo&cursor={cursor}")
    assert titles(answer) == ["0"]


def test_pages_neither_repeat_nor_miss_a_task_while_others_insert(ada: Client) -> None:
    operations = [{"op": "create", "task": {"title": "old", "priority": "low"}} for _ in range(60)]
    made = ada.post("/api/tasks/batch", json={"operations": operations}).json()["results"]
    old = {result["task"]["id"] for result in made}
    phone = ada.elsewhere()

    def read() -> None:
        for sort in ("created", "-created", "updated", "-updated", "due", "-due", "priority", "-priority"):
            found = [task["id"] for page in pages(ada, sort=sort, limit=7) for task in page]
            assert len(found) == len(set(found)), sort
            assert old <= set(found), sort

    def insert() -> None:
        for number in range(60):
            phone.task(str(number), priority="low", dueAt="2027-01-01T00:00:00Z" if number % 2 else None)

    together(read, insert)
