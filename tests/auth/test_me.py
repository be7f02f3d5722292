"""The own account: read and changed."""

from functools import partial

import pytest

from tests.auth.at_once import at_once, in_this_order
from tests.conftest import Sql
from tests.people import Client

ME = "/api/auth/me"


def test_a_reader_who_knows_this_version_gets_no_body(ada: Client) -> None:
    answer = ada.get(ME)
    assert answer.json()["user"]["email"] == ada.email
    again = ada.get(ME, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", answer.headers["ETag"])
    assert ada.get(ME, headers={"If-None-Match": '"0"'}).status_code == 200


def test_a_change_is_a_merge_and_a_new_version(ada: Client, sql: Sql) -> None:
    before = ada.get(ME)
    answer = ada.patch(ME, json={"name": "Ada Lovelace"})
    assert answer.json()["user"] == before.json()["user"] | {"name": "Ada Lovelace"}
    assert answer.headers["ETag"] != before.headers["ETag"]
    assert ada.get(ME).json() == answer.json()
    assert ada.get(ME).headers["ETag"] == answer.headers["ETag"]
    rows = sql("SELECT fields FROM outbox WHERE user_id = $1::text::uuid AND event = 'UserUpdated'", ada.id)
    assert [row["fields"] for row in rows] == [["user"]]


@pytest.mark.parametrize("same", [{}, {"name": "ada"}])
def test_a_change_that_changes_nothing_is_no_new_version(ada: Client, same: dict[str, str]) -> None:
    before = ada.get(ME)
    after = ada.patch(ME, json=same | {"email": ada.email})
    assert (after.status_code, after.headers["ETag"]) == (200, before.headers["ETag"])


@pytest.mark.parametrize(
    "change",
    [{"name": None}, {"name": ""}, {"name": "a\tb"}, {"email": "x"}, {"email": None}, {"role": "admin"}, {"id": "x"}],
)
def test_what_cannot_be_is_refused(ada: Client, change: dict[str, object]) -> None:
    before = ada.get(ME).content
    answer = ada.patch(ME, json=change)
    assert answer.status_code == 422
    assert [part["pointer"] for part in answer.json()["errors"]] == [f"/{next(iter(change))}"]
    assert ada.get(ME).content == before


def test_a_writer_with_an_old_version_is_told_so(ada: Client) -> None:
    old = ada.get(ME).headers["ETag"]
    assert ada.patch(ME, json={"name": "first"}, headers={"If-Match": old}).status_code == 200
    answer = ada.patch(ME, json={"name": "second"}, headers={"If-Match": old})
    assert (answer.status_code, answer.json()["code"]) == (412, "precondition-failed")
    assert ada.get(ME).json()["user"]["name"] == "first"
    assert ada.patch(ME, json={"name": "x"}, headers={"If-Match": "nonsense"}).status_code == 422


def test_of_two_writers_with_one_version_one_wins(ada: Client) -> None:
    for number in range(20):
        match = {"If-Match": ada.get(ME).headers["ETag"]}
        bodies = [{"name": f"left {number}"}, {"name": f"right {number}"}]
        answers = at_once(*[partial(ada.patch, ME, json=body, headers=match) for body in bodies])
        assert sorted(answer.status_code for answer in answers) == [200, 412]


def test_another_address_takes_the_password(ada: Client) -> None:
    for proof in ({}, {"password": "not the password"}):
        answer = ada.patch(ME, json={"email": "new@example.org"} | proof)
        assert (answer.status_code, answer.json()["code"]) == (403, "password-wrong")
    assert ada.get(ME).json()["user"]["email"] == ada.email
    answer = ada.patch(ME, json={"email": f"New.{ada.email}", "password": ada.password})
    assert answer.json()["user"]["email"] == f"New.{ada.email}"
    old = ada.post("/api/auth/login", json={"email": ada.email, "password": ada.password})
    assert old.status_code == 401
    ada.email = f"New.{ada.email}"
    ada.log_in()


def test_another_case_of_the_own_address_is_another_address_but_not_taken(ada: Client) -> None:
    answer = ada.patch(ME, json={"email": ada.email.upper(), "password": ada.password})
    assert answer.json()["user"]["email"] == ada.email.upper()


def test_somebody_elses_address_is_taken(ada: Client, grace: Client) -> None:
    answer = ada.patch(ME, json={"email": grace.email.upper(), "password": ada.password})
    assert (answer.status_code, answer.json()["code"]) == (409, "email-taken")


def test_without_the_password_the_address_stays_even_if_it_was_another_a_moment_ago(ada: Client, sql: Sql) -> None:
    """A thief names the present address, which needs no password, while the owner moves to a new one."""
    old = ada.email
    ada.email = f"new.{old}"
    moved, thief = in_this_order(
        sql,
        ada.id,
        [
            lambda: ada.patch(ME, json={"email": f"new.{old}", "password": ada.password}),
            lambda: ada.patch(ME, json={"email": old}),
        ],
    )
    assert moved.status_code == 200
    assert (thief.status_code, thief.json()["code"]) == (403, "password-wrong")
    assert ada.get(ME).json()["user"]["email"] == f"new.{old}"


def test_a_repeated_key_repeats_the_answer(ada: Client) -> None:
    body, key = {"email": f"new.{ada.email}", "password": ada.password}, {"Idempotency-Key": "k"}
    first, second = (ada.patch(ME, json=body, headers=key) for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert (first.content, first.headers["ETag"]) == (second.content, second.headers["ETag"])
    assert second.headers["Idempotency-Replayed"] == "true"
