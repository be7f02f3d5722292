"""Administrators look at people and change their standing; nobody else does."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Sql
from tests.people import Client


def test_nobody_else_gets_anywhere(ada: Client, grace: Client, anonymous: Client) -> None:
    paths: list[tuple[str, str, Any]] = [
        ("GET", "/api/users", None),
        ("GET", f"/api/users/{ada.id}", None),
        ("GET", f"/api/users/{uuid4()}", None),
        ("PATCH", f"/api/users/{ada.id}", {"role": "admin"}),
        ("PATCH", f"/api/users/{ada.id}", {"disabled": True}),
        ("PATCH", f"/api/users/{grace.id}", {}),
        ("PATCH", f"/api/users/{uuid4()}", {}),
    ]
    for method, path, body in paths:
        answer = grace.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "admin-only"), path
        assert anonymous.request(method, path, json=body).status_code == 401, path
    assert ada.get("/api/auth/me").json()["user"]["role"] == "user"


def test_an_administrator_sees_a_person(admin: Client, ada: Client) -> None:
    answer = admin.get(f"/api/users/{ada.id}")
    me = ada.get("/api/auth/me").json()["user"]
    assert answer.json() == me | {"disabled": False}
    again = admin.get(f"/api/users/{ada.id}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    for method, body in (("GET", None), ("PATCH", {"disabled": True})):
        missing = admin.request(method, f"/api/users/{uuid4()}", json=body)
        assert (missing.status_code, missing.json()["code"]) == (404, "user-not-found")
    assert admin.get("/api/users/nobody").status_code == 404


def test_another_role_ends_the_sessions_and_holds_from_the_next_on(admin: Client, ada: Client, sql: Sql) -> None:
    answer = admin.patch(f"/api/users/{ada.id}", json={"role": "admin"})
    assert (answer.status_code, answer.json()["role"]) == (200, "admin")
    assert ada.get("/api/auth/me").status_code == 401
    assert ada.log_in().get("/api/users").status_code == 200
    events = sql("SELECT event, payload, fields FROM outbox WHERE user_id = $1::text::uuid ORDER BY id", ada.id)
    told = {row["event"]: row for row in events}
    assert set(told["RoleChanged"]["fields"]) == {"sessions", "user"}
    assert admin.id in told["RoleChanged"]["payload"]
    assert "SessionsEnded" in told
    assert admin.patch(f"/api/users/{ada.id}", json={"role": "user"}).status_code == 200
    assert ada.get("/api/users").status_code == 401
    assert ada.log_in().get("/api/users").status_code == 403


def test_who_is_disabled_is_out_at_once_and_comes_in_again_when_enabled(admin: Client, ada: Client, sql: Sql) -> None:
    phone = ada.elsewhere()
    answer = admin.patch(f"/api/users/{ada.id}", json={"disabled": True})
    assert answer.json()["disabled"] is True
    assert ada.get("/api/auth/me").status_code == phone.get("/api/auth/me").status_code == 401
    body = {"email": ada.email, "password": ada.password}
    assert ada.post("/api/auth/login", json=body).json()["code"] == "account-disabled"
    assert admin.patch(f"/api/users/{ada.id}", json={"disabled": False}).json()["disabled"] is False
    assert ada.get("/api/auth/me").status_code == 401
    ada.log_in()
    names = sql("SELECT event FROM outbox WHERE user_id = $1::text::uuid ORDER BY id", ada.id)
    events = [row["event"] for row in names]
    assert events.index("UserDisabled") < events.index("UserEnabled")


@pytest.mark.parametrize("same", [{}, {"role": "user"}, {"disabled": False}, {"role": "user", "disabled": False}])
def test_a_change_that_changes_nothing_ends_nothing(admin: Client, ada: Client, same: dict[str, Any]) -> None:
    before = admin.get(f"/api/users/{ada.id}").headers["ETag"]
    answer = admin.patch(f"/api/users/{ada.id}", json=same)
    assert (answer.status_code, answer.headers["ETag"]) == (200, before)
    assert ada.get("/api/auth/me").status_code == 200


@pytest.mark.parametrize(
    ("change", "pointer"),
    [({"role": "root"}, "/role"), ({"role": None}, "/role"), ({"disabled": 1}, "/disabled"), ({"name": "x"}, "/name")],
)
def test_what_cannot_be_is_refused(admin: Client, ada: Client, change: dict[str, Any], pointer: str) -> None:
    answer = admin.patch(f"/api/users/{ada.id}", json=change)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


def test_a_writer_with_an_old_version_is_told_so(admin: Client, ada: Client) -> None:
    path, old = f"/api/users/{ada.id}", admin.get(f"/api/users/{ada.id}").headers["ETag"]
    ada.patch("/api/auth/me", json={"name": "Ada Lovelace"})
    answer = admin.patch(path, json={"disabled": True}, headers={"If-Match": old})
    assert (answer.status_code, answer.json()["code"]) == (412, "precondition-failed")
    assert ada.get("/api/auth/me").status_code == 200
    fresh = admin.get(path).headers["ETag"]
    assert admin.patch(path, json={"disabled": True}, headers={"If-Match": fresh}).status_code == 200


def test_a_repeated_key_repeats_the_answer(admin: Client, ada: Client) -> None:
    key = {"Idempotency-Key": "k"}
    first, second = (admin.patch(f"/api/users/{ada.id}", json={"disabled": True}, headers=key) for _ in range(2))
    assert (first.content, first.headers["ETag"]) == (second.content, second.headers["ETag"])
    assert second.headers["Idempotency-Replayed"] == "true"


def everybody(admin: Client, **query: Any) -> list[dict[str, Any]]:
    """Return all pages of a list of people."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        answer = admin.get("/api/users", params=query | cursor)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if answer.json()["nextCursor"] is None:
            return found
        cursor = {"cursor": answer.json()["nextCursor"]}


def test_the_list_has_everybody_once_the_newest_first(
    admin: Client, make_person: Callable[[str], Client], sql: Sql
) -> None:
    made = [make_person(f"p{number}").id for number in range(5)]
    found = [person["id"] for person in everybody(admin, limit=2)]
    assert len(found) == len(set(found)) == sql("SELECT count(*) FROM users")[0][0]
    assert [one for one in found if one in made] == made[::-1]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize(
    ("name", "search"),
    [
        ("Ada Lovelace", "lovelace"),
        ("Zoë Ångström", "ångSTR"),
        ("Zoë Ångström", "a\u030angstr"),
        ("王伟", "王"),
        ("100 % sure_thing", "% sure_"),
        ("back\\slash", "\\"),
    ],
)
def test_people_are_found_by_any_part_of_their_name(admin: Client, anonymous: Client, name: str, search: str) -> None:
    anonymous.register(name, f"{anonymous.address}@example.org")
    found = everybody(admin, q=search)
    assert anonymous.id in {person["id"] for person in found}
    assert all(person["name"] == name for person in found)


def test_people_are_found_by_any_part_of_their_address(admin: Client, anonymous: Client) -> None:
    anonymous.register("x", f"Some.{anonymous.address}.Body@Example.org")
    assert [person["id"] for person in everybody(admin, q=f"E.{anonymous.address}.b")] == [anonymous.id]
    assert everybody(admin, q=f"{anonymous.address}%") == []


def test_address_and_name_are_two_things(admin: Client, anonymous: Client) -> None:
    anonymous.register("first", f"{anonymous.address}@example.org")
    assert everybody(admin, q=f"{anonymous.address}@example.orgfirst") == []


@pytest.mark.parametrize(
    "query", [{"q": ""}, {"q": "a\u0000"}, {"q": "x" * 101}, {"limit": 0}, {"limit": 201}, {"cursor": "x"}]
)
def test_a_query_that_cannot_be_is_refused(admin: Client, query: dict[str, Any]) -> None:
    assert admin.get("/api/users", params=query).status_code == 422


def test_a_cursor_belongs_to_its_search(admin: Client, ada: Client, grace: Client) -> None:
    cursor = admin.get("/api/users", params={"limit": 1}).json()["nextCursor"]
    assert admin.get("/api/users", params={"limit": 1, "cursor": cursor}).status_code == 200
    assert admin.get("/api/users", params={"limit": 1, "cursor": cursor, "q": "a"}).status_code == 422
