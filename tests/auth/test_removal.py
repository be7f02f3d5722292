"""The removal of the own account."""

import pytest

from taskapi.auth.account import REMOVAL_SECONDS
from taskapi.config import ServerSettings
from tests.conftest import Sql
from tests.people import Client

OWNED = ("credentials", "sessions", "known_addresses", "idempotency_keys")


def remove(client: Client, password: str, key: str | None = None) -> tuple[int, str]:
    """Remove the account and return status and code."""
    headers = {"Idempotency-Key": key} if key else {}
    answer = client.request("DELETE", "/api/auth/me", json={"password": password}, headers=headers)
    return answer.status_code, answer.json()["code"] if answer.content else ""


def rows(sql: Sql, client: Client) -> int:
    """Return how many rows the database has of a person."""
    tables = [("users", "id"), *((table, "user_id") for table in OWNED)]
    return sum(len(sql(f"SELECT FROM {table} WHERE {column} = $1::text::uuid", client.id)) for table, column in tables)


@pytest.mark.parametrize("key", [None, "k"])
def test_everything_of_the_person_goes_and_nothing_of_others(
    ada: Client, grace: Client, sql: Sql, key: str | None
) -> None:
    phone = ada.elsewhere()
    assert ada.patch("/api/auth/me", json={"name": "x"}, headers={"Idempotency-Key": "earlier"}).status_code == 200
    kept = rows(sql, grace)
    assert rows(sql, ada) > 4
    assert remove(ada, ada.password, key) == (204, "")
    assert rows(sql, ada) == 0
    assert rows(sql, grace) == kept
    assert [client.get("/api/auth/me").status_code for client in (ada, phone, grace)] == [401, 401, 200]
    events = sql("SELECT event, fields FROM outbox WHERE user_id = $1::text::uuid ORDER BY id", ada.id)
    assert {row["event"] for row in events[-2:]} == {"SessionsEnded", "UserRemoved"}
    assert set(events[-1]["fields"]) == {"sessions", "tasks", "user"}


def test_the_address_is_free_again(ada: Client) -> None:
    assert remove(ada, ada.password) == (204, "")
    assert ada.register("ada", ada.email).status_code == 201


def test_it_takes_the_password(ada: Client) -> None:
    assert remove(ada, "not the password") == (403, "password-wrong")
    assert ada.get("/api/auth/me").status_code == 200


def test_ten_thousand_tasks_and_kept_answers_go_with_their_owner(ada: Client, sql: Sql) -> None:
    sql(
        """INSERT INTO tasks
            (user_id, id, version, status, priority, created_at, updated_at, title, description, labels)
        SELECT $1::text::uuid, gen_random_uuid(), 1, 0, 0, now(), now(), 'Task ' || n, 'Some words', ARRAY['label']
        FROM generate_series(1, 10000) AS n""",
        ada.id,
    )
    sql(
        """INSERT INTO idempotency_keys (user_id, key, fingerprint, status, headers, body)
        SELECT $1::text::uuid, 'k' || n, '', 201, '[]', '' FROM generate_series(1, 10000) AS n""",
        ada.id,
    )
    assert remove(ada, ada.password) == (204, "")
    assert rows(sql, ada) == 0
    assert sql("SELECT count(*) FROM tasks WHERE user_id = $1::text::uuid", ada.id)[0][0] == 0


def test_a_removal_ends_within_the_time_of_a_request() -> None:
    assert ServerSettings().request_timeout > REMOVAL_SECONDS + 2
