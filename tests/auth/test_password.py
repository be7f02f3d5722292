"""Another password."""

import pytest

from tests.conftest import Sql
from tests.people import Client

NEW = "an entirely new password"


def change(client: Client, current: str, new: str = NEW, key: str | None = None) -> tuple[int, str]:
    """Change the password and return status and code."""
    body = {"currentPassword": current, "newPassword": new}
    headers = {"Idempotency-Key": key} if key else {}
    answer = client.put("/api/auth/password", json=body, headers=headers)
    return answer.status_code, answer.json()["code"] if answer.content else ""


def status(client: Client) -> int:
    """Return whether the session lives."""
    return client.get("/api/auth/me").status_code


def test_a_new_password_ends_all_other_sessions(ada: Client, sql: Sql) -> None:
    phone, laptop = ada.elsewhere(), ada.elsewhere()
    assert change(ada, ada.password) == (204, "")
    assert [status(client) for client in (ada, phone, laptop)] == [200, 401, 401]
    old = ada.post("/api/auth/login", json={"email": ada.email, "password": ada.password})
    assert old.status_code == 401
    ada.password = NEW
    ada.log_in()
    rows = sql("SELECT event, fields FROM outbox WHERE user_id = $1::text::uuid ORDER BY id", ada.id)
    assert ("PasswordChanged", ["sessions"]) in [(row["event"], row["fields"]) for row in rows]


def test_a_wrong_password_changes_nothing(ada: Client) -> None:
    phone = ada.elsewhere()
    assert change(ada, "not the password") == (403, "password-wrong")
    assert status(phone) == 200
    ada.log_in()


@pytest.mark.parametrize("new", ["short", "iloveyou1", "p" * 129])
def test_a_poor_password_is_refused(ada: Client, new: str) -> None:
    answer = ada.put("/api/auth/password", json={"currentPassword": ada.password, "newPassword": new})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/newPassword"


def test_a_repeated_key_repeats_the_answer_although_the_old_password_is_wrong_by_now(ada: Client) -> None:
    assert change(ada, ada.password, key="k") == (204, "")
    assert change(ada, ada.password, key="k") == (204, "")
    assert change(ada, ada.password) == (403, "password-wrong")
    assert change(ada, ada.password, new="yet another password", key="k") == (422, "idempotency-key-reused")


def test_wrong_passwords_with_keys_are_counted_too(ada: Client) -> None:
    thief = Client(str(ada.base_url))
    thief.headers["Authorization"] = ada.headers["Authorization"]
    answers = [change(thief, "not the password", key=f"k{number}") for number in range(12)]
    assert answers == [(403, "password-wrong")] * 10 + [(429, "rate-limited")] * 2
