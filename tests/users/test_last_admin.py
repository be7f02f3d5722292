"""There is always an administrator who can come in."""

from collections.abc import Callable, Iterator
from functools import partial

import httpx
import pytest

from tests.auth.at_once import at_once, in_this_order
from tests.conftest import Sql
from tests.people import Client

COUNT = "SELECT count(*) FROM users WHERE role = 'admin' AND disabled_at IS NULL"


@pytest.fixture
def only(sql: Sql) -> Iterator[None]:
    """Before the test there is no administrator."""
    sql("UPDATE users SET role = 'user' WHERE role = 'admin'")
    yield
    sql("UPDATE users SET role = 'user' WHERE role = 'admin'")


@pytest.fixture
def sole(only: None, admin: Client) -> Client:
    """The only administrator."""
    return admin


@pytest.mark.parametrize("change", [{"role": "user"}, {"disabled": True}])
def test_the_last_one_stays(sole: Client, sql: Sql, change: dict[str, object]) -> None:
    answer = sole.patch(f"/api/users/{sole.id}", json=change)
    assert (answer.status_code, answer.json()["code"]) == (409, "last-admin")
    assert sole.get("/api/users").status_code == 200
    assert sql(COUNT)[0][0] == 1


def test_the_last_one_is_not_removed(sole: Client) -> None:
    answer = sole.request("DELETE", "/api/auth/me", json={"password": sole.password})
    assert (answer.status_code, answer.json()["code"]) == (409, "last-admin")
    assert sole.get("/api/auth/me").status_code == 200


def test_a_disabled_administrator_does_not_count(sole: Client, ada: Client) -> None:
    assert sole.patch(f"/api/users/{ada.id}", json={"role": "admin", "disabled": True}).status_code == 200
    assert sole.patch(f"/api/users/{sole.id}", json={"role": "user"}).status_code == 409
    assert sole.patch(f"/api/users/{ada.id}", json={"disabled": False}).status_code == 200
    assert sole.patch(f"/api/users/{sole.id}", json={"role": "user"}).status_code == 200
    assert sole.get("/api/auth/me").status_code == 401


def test_a_disabled_administrator_may_be_demoted_by_the_last_one(sole: Client, ada: Client) -> None:
    assert sole.patch(f"/api/users/{ada.id}", json={"role": "admin", "disabled": True}).status_code == 200
    assert sole.patch(f"/api/users/{ada.id}", json={"role": "user"}).status_code == 200


def promote(sql: Sql, *people: Client) -> None:
    """Make people administrators who are enabled and logged in."""
    for person in people:
        sql("UPDATE users SET role = 'admin', disabled_at = NULL WHERE id = $1::text::uuid", person.id)
        person.log_in()
        assert person.get("/api/users", params={"limit": 1}).status_code == 200


def left(sql: Sql, answers: list[httpx.Response]) -> None:
    """Check that one went and one stayed."""
    codes = [answer.status_code if answer.status_code < 300 else answer.json()["code"] for answer in answers]
    assert sum(isinstance(code, int) for code in codes) == 1, codes
    assert {code for code in codes if isinstance(code, str)} <= {"last-admin", "admin-only", "unauthenticated"}
    assert sql(COUNT)[0][0] == 1


@pytest.mark.parametrize("change", [{"role": "user"}, {"disabled": True}])
def test_two_who_put_each_other_out_leave_one(
    only: None, ada: Client, grace: Client, sql: Sql, change: dict[str, object]
) -> None:
    for _ in range(15):
        promote(sql, ada, grace)
        answers = at_once(
            lambda: ada.patch(f"/api/users/{grace.id}", json=change),
            lambda: grace.patch(f"/api/users/{ada.id}", json=change),
        )
        left(sql, answers)


def test_two_who_both_step_down_leave_one(only: None, ada: Client, grace: Client, sql: Sql) -> None:
    for _ in range(15):
        promote(sql, ada, grace)
        answers = at_once(
            lambda: ada.patch(f"/api/users/{ada.id}", json={"role": "user"}),
            lambda: grace.patch(f"/api/users/{grace.id}", json={"disabled": True}),
        )
        left(sql, answers)


def test_one_who_leaves_while_the_other_steps_down_leaves_one(
    only: None, make_person: Callable[[str], Client], grace: Client, sql: Sql
) -> None:
    for _ in range(5):
        ada = make_person("ada")
        promote(sql, ada, grace)
        answers = at_once(
            partial(ada.request, "DELETE", "/api/auth/me", json={"password": ada.password}),
            partial(grace.patch, f"/api/users/{grace.id}", json={"role": "user"}),
        )
        left(sql, answers)
        sql("UPDATE users SET role = 'user' WHERE role = 'admin'")


def test_three_in_a_circle_leave_at_least_one(
    only: None, ada: Client, grace: Client, make_person: Callable[[str], Client], sql: Sql
) -> None:
    mary = make_person("mary")
    for _ in range(15):
        promote(sql, ada, grace, mary)
        circle = [(ada, grace), (grace, mary), (mary, ada)]
        answers = at_once(*[partial(by.patch, f"/api/users/{of.id}", json={"role": "user"}) for by, of in circle])
        assert not [answer for answer in answers if answer.status_code >= 500]
        assert sql(COUNT)[0][0] >= 1


def test_a_demotion_is_not_undone_by_a_request_that_had_come_in_before(
    only: None, ada: Client, grace: Client, sql: Sql
) -> None:
    promote(sql, ada, grace)
    demoted, undone = in_this_order(
        sql,
        grace.id,
        [
            partial(ada.patch, f"/api/users/{grace.id}", json={"role": "user"}),
            partial(grace.patch, f"/api/users/{grace.id}", json={"role": "admin", "disabled": False}),
        ],
    )
    assert demoted.status_code == 200
    assert (undone.status_code, undone.json()["code"]) == (403, "admin-only")


def test_two_who_put_each_other_out_wait_for_each_other_and_do_not_deadlock(
    only: None, ada: Client, grace: Client, sql: Sql
) -> None:
    promote(sql, ada, grace)
    first, second = in_this_order(
        sql,
        min(ada.id, grace.id),
        [
            partial(ada.patch, f"/api/users/{grace.id}", json={"role": "user"}),
            partial(grace.patch, f"/api/users/{ada.id}", json={"role": "user"}),
        ],
    )
    assert (first.status_code, second.status_code) == (200, 403)
