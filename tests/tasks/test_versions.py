"""Entity tags: what is read can be revalidated, and a change can be bound to the version that was read."""

from typing import Any

import httpx

from tests.people import Client

CHANGES: list[tuple[str, str, Any]] = [
    ("PATCH", "", {"title": "Buy bread"}),
    ("PATCH", "", {}),
    ("PUT", "/completion", None),
    ("DELETE", "/completion", None),
    ("PUT", "/restoration", None),
    ("DELETE", "", None),
]


def change(person: Client, task: dict[str, Any], method: str, tail: str, body: Any, tag: str) -> httpx.Response:
    return person.request(method, f"/api/tasks/{task['id']}{tail}", json=body, headers={"If-Match": tag})


def test_who_holds_the_version_gets_304(ada: Client) -> None:
    path = f"/api/tasks/{ada.task()['id']}"
    for tag in ('"1"', 'W/"1"', '"0", "1"', "*"):
        answer = ada.get(path, headers={"If-None-Match": tag})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", '"1"')
    for tag in ('"2"', '"11"', '"1x"'):
        assert ada.get(path, headers={"If-None-Match": tag}).status_code == 200
    ada.patch(path, json={"title": "x"})
    assert ada.get(path, headers={"If-None-Match": '"1"'}).status_code == 200
    assert ada.get(path, headers={"If-None-Match": "1"}).status_code == 422


def test_a_change_of_another_version_is_refused(ada: Client) -> None:
    task = ada.task()
    for method, tail, body in CHANGES:
        for tag in ('"2"', 'W/"1"', '"0", "3"'):
            answer = change(ada, task, method, tail, body, tag)
            assert (answer.status_code, answer.json()["code"]) == (412, "precondition-failed")
        assert change(ada, task, method, tail, body, "1").status_code == 422
    assert ada.get(f"/api/tasks/{task['id']}").json() == task


def test_a_change_of_the_current_version_is_made(ada: Client) -> None:
    for tag in ('"1"', "*", '"9", "1"'):
        for method, tail, body in CHANGES:
            assert change(ada, ada.task(), method, tail, body, tag).is_success


def test_a_condition_on_what_is_not_there_is_404(ada: Client) -> None:
    task = ada.task()
    ada.delete(f"/api/tasks/{task['id']}")
    assert change(ada, task, "PATCH", "", {}, '"1"').status_code == 404


def test_every_change_has_a_tag_of_its_own(ada: Client) -> None:
    task = ada.task()
    path = f"/api/tasks/{task['id']}"
    tags = [ada.patch(path, json={"title": str(number)}).headers["ETag"] for number in range(3)]
    tags.append(ada.put(f"{path}/completion").headers["ETag"])
    ada.delete(path)
    tags.append(ada.put(f"{path}/restoration").headers["ETag"])
    assert tags == ['"2"', '"3"', '"4"', '"5"', '"7"']
    assert ada.get(path).headers["ETag"] == '"7"'
