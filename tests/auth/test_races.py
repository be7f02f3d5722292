"""A log-in and what ends sessions at the same moment: no session may survive."""

from collections.abc import Callable

import httpx
import pytest
from argon2 import PasswordHasher

from tests.auth.at_once import at_once, in_this_order
from tests.conftest import Sql
from tests.people import Client

Work = Callable[[], httpx.Response]
NEW = "an entirely new password"


def log_in(ada: Client) -> httpx.Response:
    """Try the old password."""
    return ada.post("/api/auth/login", json={"email": ada.email, "password": ada.password})


def changed(ada: Client) -> httpx.Response:
    """Give ada a new password."""
    return ada.put("/api/auth/password", json={"currentPassword": ada.password, "newPassword": NEW})


def removed(ada: Client) -> httpx.Response:
    """Remove ada."""
    return ada.request("DELETE", "/api/auth/me", json={"password": ada.password})


@pytest.fixture(params=["password changed", "removed", "disabled", "demoted"])
def what(request: pytest.FixtureRequest) -> str:
    """What happens to ada that ends her sessions."""
    return str(request.param)


@pytest.fixture
def ending(what: str, ada: Client, admin: Client, sql: Sql) -> Work:
    """Does it."""
    path = f"/api/users/{ada.id}"
    if what == "demoted":
        sql("UPDATE users SET role = 'admin' WHERE id = $1::text::uuid", ada.id)
    works: dict[str, Work] = {
        "password changed": lambda: changed(ada),
        "removed": lambda: removed(ada),
        "disabled": lambda: admin.patch(path, json={"disabled": True}),
        "demoted": lambda: admin.patch(path, json={"role": "user"}),
    }
    return works[what]


def opens(ada: Client, answer: httpx.Response) -> tuple[int, str]:
    """Return what the token of a log-in opens now, and as whom."""
    me = ada.get("/api/auth/me", headers={"Authorization": f"Bearer {answer.json()['token']}"})
    return me.status_code, me.json()["user"]["role"] if me.status_code == 200 else ""


def test_a_session_that_was_just_begun_ends_too(ada: Client, ending: Work, sql: Sql) -> None:
    begun, ended = in_this_order(sql, ada.id, [lambda: log_in(ada), ending])
    assert begun.status_code == 200
    assert ended.status_code in {200, 204}
    assert opens(ada, begun) == (401, "")


def test_a_log_in_that_comes_just_too_late_sees_what_happened(ada: Client, what: str, ending: Work, sql: Sql) -> None:
    ended, late = in_this_order(sql, ada.id, [ending, lambda: log_in(ada)])
    assert ended.status_code in {200, 204}
    if what == "demoted":
        assert opens(ada, late) == (200, "user")
    else:
        refused = "account-disabled" if what == "disabled" else "credentials-wrong"
        assert late.json()["code"] == refused


def test_no_interleaving_leaves_a_session_of_the_old_password(ada: Client) -> None:
    for _ in range(15):
        begun, ended = at_once(lambda: log_in(ada), lambda: changed(ada))
        assert ended.status_code == 204
        assert begun.status_code in {200, 401}
        if begun.status_code == 200:
            assert opens(ada, begun) == (401, "")
        ada.password, renewed = NEW, ada.password
        assert ada.put("/api/auth/password", json={"currentPassword": NEW, "newPassword": renewed}).status_code == 204
        ada.password = renewed


def test_no_interleaving_leaves_a_session_of_somebody_disabled(ada: Client, admin: Client) -> None:
    for _ in range(15):
        begun, ended = at_once(
            lambda: log_in(ada), lambda: admin.patch(f"/api/users/{ada.id}", json={"disabled": True})
        )
        assert ended.status_code == 200
        assert begun.status_code in {200, 403}
        if begun.status_code == 200:
            assert opens(ada, begun) == (401, "")
        assert admin.patch(f"/api/users/{ada.id}", json={"disabled": False}).status_code == 200


def test_two_password_changes_at_once_are_one_change(ada: Client) -> None:
    for number in range(5):
        news = [f"left password {number}", f"right password {number}"]
        answers = at_once(
            *[
                lambda new=new: ada.put(
                    "/api/auth/password", json={"currentPassword": ada.password, "newPassword": new}
                )
                for new in news
            ]
        )
        assert sorted(answer.status_code for answer in answers) == [204, 403]
        ada.password = news[[answer.status_code for answer in answers].index(204)]
        assert log_in(ada).status_code == 200


def test_two_log_ins_that_both_renew_the_hash_both_come_in(ada: Client, sql: Sql) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(ada.password)
    for _ in range(5):
        sql("UPDATE credentials SET password_hash = $2 WHERE user_id = $1::text::uuid", ada.id, weak)
        assert {answer.status_code for answer in at_once(*[lambda: log_in(ada)] * 4)} == {200}


@pytest.mark.parametrize("late", [removed, changed, lambda ada: ada.patch("/api/auth/me", json={"name": "x"})])
def test_what_comes_just_after_a_removal_is_nobodys(
    ada: Client, late: Callable[[Client], httpx.Response], sql: Sql
) -> None:
    gone, refused = in_this_order(sql, ada.id, [lambda: removed(ada), lambda: late(ada)])
    assert gone.status_code == 204
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
