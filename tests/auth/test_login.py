"""Log-in."""

import statistics
import time
from collections.abc import Callable

import msgspec
import pytest
from argon2 import PasswordHasher

from taskapi.config import AuthSettings, Settings
from tests.conftest import Sql
from tests.house import House, serving
from tests.people import Client, unique_address


def test_the_answer_holds_a_token_and_the_person(ada: Client) -> None:
    answer = ada.post("/api/auth/login", json={"email": ada.email.upper(), "password": ada.password})
    assert answer.status_code == 200
    assert answer.json().keys() == {"token", "user"}
    assert answer.json()["user"] == ada.get("/api/auth/me").json()["user"]


@pytest.mark.parametrize("of", ["a known address", "an unknown address"])
def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(ada: Client, anonymous: Client, of: str) -> None:
    email = ada.email if of == "a known address" else f"nobody.{ada.email}"
    answer = anonymous.post("/api/auth/login", json={"email": email, "password": "wrong password"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    body = answer.json()
    body.pop("requestId")
    assert body == {
        "type": "urn:task-api:problem:credentials-wrong",
        "title": "Unauthorized",
        "status": 401,
        "code": "credentials-wrong",
        "detail": "There is no account with this e-mail address and password.",
    }


def test_both_take_the_same_statements_and_about_the_same_time(
    ada: Client, anonymous: Client, house: House, quiet: Callable[[], None]
) -> None:
    quiet()

    def attempt(email: str) -> tuple[int, float]:
        statements, started = house.rooms.database.statements.count, time.perf_counter()
        anonymous.headers["X-Forwarded-For"] = unique_address()
        answer = anonymous.post("/api/auth/login", json={"email": email, "password": "wrong password"})
        assert answer.status_code == 401
        return house.rooms.database.statements.count - statements, time.perf_counter() - started

    pairs = [(attempt(ada.email), attempt(f"nobody.{ada.email}")) for _ in range(8)]
    known, unknown = zip(*pairs, strict=True)
    assert {count for count, _ in known} == {count for count, _ in unknown}
    ratio = statistics.median(time for _, time in known) / statistics.median(time for _, time in unknown)
    assert 0.4 < ratio < 2.5


def test_a_disabled_person_learns_so_only_with_the_right_password(
    ada: Client, admin: Client, anonymous: Client
) -> None:
    assert admin.patch(f"/api/users/{ada.id}", json={"disabled": True}).status_code == 200
    right = anonymous.post("/api/auth/login", json={"email": ada.email, "password": ada.password})
    wrong = anonymous.post("/api/auth/login", json={"email": ada.email, "password": "wrong password"})
    assert (right.status_code, right.json()["code"]) == (403, "account-disabled")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "credentials-wrong")


def test_a_hash_with_weaker_parameters_is_renewed_at_the_next_log_in(ada: Client, sql: Sql, house: House) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(ada.password)
    sql("UPDATE credentials SET password_hash = $2 WHERE user_id = $1::text::uuid", ada.id, weak)
    stored = "SELECT password_hash, changed_at FROM credentials WHERE user_id = $1::text::uuid"
    before = sql(stored, ada.id)[0]
    ada.elsewhere()
    after = sql(stored, ada.id)[0]
    assert after["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert after["changed_at"] == before["changed_at"]
    ada.elsewhere()
    assert sql(stored, ada.id)[0] == after


def test_stronger_parameters_renew_hashes_too(settings: Settings, ada: Client, sql: Sql) -> None:
    auth = msgspec.structs.replace(settings.auth, argon2_iterations=3)
    with serving(msgspec.structs.replace(settings, auth=auth)) as stronger, Client(stronger.url) as client:
        client.email, client.password = ada.email, ada.password
        client.log_in()
    stored = sql("SELECT password_hash FROM credentials WHERE user_id = $1::text::uuid", ada.id)[0][0]
    assert stored.startswith("$argon2id$v=19$m=19456,t=3,p=1$")


def test_a_full_queue_before_the_hashing_is_a_503_and_no_failed_attempt(settings: Settings, ada: Client) -> None:
    auth = AuthSettings(jwt_secret=settings.auth.jwt_secret, password_threads=1, password_queue=1)
    with serving(msgspec.structs.replace(settings, auth=auth)) as narrow:
        narrow.rooms.passwords._places = 0
        with Client(narrow.url) as client:
            body = {"email": ada.email, "password": ada.password}
            answers = [client.post("/api/auth/login", json=body) for _ in range(15)]
            assert {answer.status_code for answer in answers} == {503}
            assert {answer.headers["Retry-After"] for answer in answers} == {"2"}
            narrow.rooms.passwords._places = 2
            assert client.post("/api/auth/login", json=body).status_code == 200


@pytest.mark.parametrize("body", [{}, {"email": "ada@example.org"}, {"email": "ada", "password": "x"}, []])
def test_what_is_no_log_in_is_refused(anonymous: Client, body: object) -> None:
    assert anonymous.post("/api/auth/login", json=body).status_code == 422
