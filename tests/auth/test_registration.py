"""Registration."""

import unicodedata
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest

from taskapi.auth.common_passwords import LIST
from taskapi.auth.registration import create_user
from taskapi.contracts.identity import Role
from taskapi.errors import Invalid
from tests.auth.at_once import at_once
from tests.conftest import Sql
from tests.house import House
from tests.people import Client

Register = Callable[..., httpx.Response]
PASSWORD = "a rather long password"


@pytest.fixture
def register(anonymous: Client) -> Register:
    """Registers with a body that is fine but for what a test says, at an address of the test's own."""

    def send(client: Client = anonymous, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
        body = {"email": f"{anonymous.address}@example.org", "password": PASSWORD, "name": "Ada"} | fields
        return client.post("/api/auth/register", json=body, headers=headers)

    return send


def test_a_new_person_is_answered_with_what_they_are(register: Register) -> None:
    answer = register(email="Ada.Lovelace@Example.org", name="Ada Lovelace")
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/auth/me"
    person = answer.json()
    assert person.keys() == {"id", "email", "name", "role", "createdAt"}
    assert (person["email"], person["name"], person["role"]) == ("Ada.Lovelace@Example.org", "Ada Lovelace", "user")
    assert person["createdAt"].endswith("Z")


def test_user_password_event_and_outbox_come_together(register: Register, sql: Sql) -> None:
    person = register().json()
    rows = sql("SELECT event, fields FROM outbox WHERE user_id = $1::text::uuid", person["id"])
    assert [(row["event"], row["fields"]) for row in rows] == [("UserRegistered", ["user"])]
    hashes = sql("SELECT password_hash FROM credentials WHERE user_id = $1::text::uuid", person["id"])
    assert hashes[0][0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "ada"),
        ("email", "ada@"),
        ("email", "@example.org"),
        ("email", "ada@example@org"),
        ("email", "ada@example..org"),
        ("email", "ada@.org"),
        ("email", "ada@example.org."),
        ("email", "ada lovelace@example.org"),
        ("email", "ada\u2003@example.org"),
        ("email", "ada\u0007@example.org"),
        ("email", "ada@example.org\n"),
        ("email", "a" * 243 + "@example.org"),
        ("email", None),
        ("email", 7),
        ("name", ""),
        ("name", " "),
        ("name", "a" * 101),
        ("name", "Ada\u0000"),
        ("name", "Ada\n"),
        ("name", "Ada\u009f"),
        ("password", "seven77"),
        ("password", "p" * 129),
        ("password", "e\u0301" * 4),
        ("password", "password1"),
        ("password", "PassWord1"),
    ],
)
def test_what_is_not_acceptable_is_named(register: Register, field: str, value: object) -> None:
    answer = register(**{field: value})
    assert answer.status_code == 422, answer.text
    assert [part["pointer"] for part in answer.json()["errors"]] == [f"/{field}"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "a" * 242 + "@example.org"),
        ("email", "ada+tasks@localhost"),
        ("email", "адá@пример.испытание"),
        ("name", "a" * 100),
        ("name", "👩‍🚀"),
        ("password", "eight888"),
        ("password", "🔑" * 128),
        ("password", "        "),
        ("password", "e\u0301" * 128),
    ],
)
def test_what_is_unusual_but_fine_is_taken(register: Register, field: str, value: str) -> None:
    assert register(**{field: value}).status_code == 201


def test_a_lone_surrogate_is_no_text(register: Register, anonymous: Client) -> None:
    body = b'{"email": "ada@example.org", "password": "\\ud800aaaaaaaa", "name": "Ada"}'
    answer = anonymous.post("/api/auth/register", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


def test_an_unknown_field_is_refused(register: Register) -> None:
    answer = register(role="admin")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/role"


def test_text_is_kept_in_composed_form_and_lets_in_in_either(register: Register, anonymous: Client) -> None:
    decomposed = unicodedata.normalize("NFD", "Zoë@example.org")
    person = register(email=decomposed, name=unicodedata.normalize("NFD", "Zoë"), password="pässwörter sind gut")
    assert (person.json()["email"], person.json()["name"]) == ("Zoë@example.org", "Zoë")
    body = {"email": decomposed, "password": unicodedata.normalize("NFD", "pässwörter sind gut")}
    assert anonymous.post("/api/auth/login", json=body).status_code == 200


def test_an_address_is_taken_in_any_case(register: Register) -> None:
    assert register(email="Grace@example.net").status_code == 201
    answer = register(email="gRACE@EXAMPLE.NET")
    assert (answer.status_code, answer.json()["code"]) == (409, "email-taken")


def test_two_who_want_one_address_at_once_are_one_person_and_one_refusal(
    house: House, register: Register, sql: Sql
) -> None:
    for number in range(5):
        email = f"twice-{number}@example.org"
        answers = at_once(*[partial(register, Client(house.url), email=email) for _ in range(4)])
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
        assert sql("SELECT count(*) FROM users WHERE email = $1", email)[0][0] == 1


def test_a_repeated_key_repeats_the_answer_and_not_the_effect(register: Register, sql: Sql) -> None:
    key = {"Idempotency-Key": "first"}
    answers = [register(headers=key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert len({answer.content for answer in answers}) == 1
    assert {answer.headers["Location"] for answer in answers} == {"/api/auth/me"}
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, "true", "true"]
    assert len({answer.headers["Content-Type"] for answer in answers}) == 1


def test_a_key_with_another_body_is_refused(register: Register) -> None:
    key = {"Idempotency-Key": "first"}
    assert register(headers=key).status_code == 201
    answer = register(headers=key, name="Somebody else")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-key-reused")


def test_another_key_does_not_open_the_account(register: Register) -> None:
    assert register(headers={"Idempotency-Key": "first"}).status_code == 201
    assert register(headers={"Idempotency-Key": "second"}).json()["code"] == "email-taken"
    assert register().json()["code"] == "email-taken"


def test_a_malformed_key_is_refused(register: Register) -> None:
    assert register(headers={"Idempotency-Key": "a b"}).status_code == 422


def test_two_first_times_of_one_key_make_one_person(house: House, register: Register) -> None:
    for number in range(5):
        email, key = f"key-{number}@example.org", {"Idempotency-Key": "k"}
        answers = at_once(*[partial(register, Client(house.url), key, email=email) for _ in range(4)])
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1


def test_what_is_kept_under_a_key_tells_nothing_of_the_password(register: Register, sql: Sql) -> None:
    person = register(headers={"Idempotency-Key": "first"}).json()
    kept = sql("SELECT to_jsonb(k)::text FROM idempotency_keys AS k WHERE user_id = $1::text::uuid", person["id"])
    assert len(kept) == 1
    assert PASSWORD not in kept[0][0]


def test_the_list_of_common_passwords_is_sorted_and_in_the_form_it_is_compared_in() -> None:
    lines = LIST.read_text(encoding="utf-8").splitlines()
    assert lines == sorted(set(lines))
    assert len(lines) == 8354
    assert all(len(line) >= 8 and line == unicodedata.normalize("NFC", line).casefold() for line in lines)


def test_the_command_line_makes_administrators_by_the_same_rules(house: House, anonymous: Client) -> None:
    person = house.run(create_user(house.rooms, "root@example.org", "Root", PASSWORD, Role.ADMIN))
    assert person.role is Role.ADMIN
    anonymous.email, anonymous.password = person.email, PASSWORD
    assert anonymous.log_in().get("/api/users").status_code == 200
    with pytest.raises(Invalid):
        house.run(create_user(house.rooms, "root@example.org", "Root", "password1", Role.ADMIN))
