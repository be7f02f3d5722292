"""The audit trail of what happens to accounts can be read in the log, whatever its level, and names nobody."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from taskapi.auth.jobs import purge_expired_sessions
from taskapi.config import LogSettings, Settings
from taskapi.contracts.audit import TRAIL
from tests.house import House, serving
from tests.kit.log_lines import LogLines, logged
from tests.people import Client
from tests.privacy import assert_private
from tests.shape.log_tables import rows

QUIET = LogSettings(level="error", log_format="json")
COMMON = {"event", "timestamp", "level", "logger", "request_id", "by", "address"}
Make = Callable[[str], Client]
WRONG = "wrong password"


@pytest.fixture
def lines() -> Iterator[LogLines]:
    """What is logged meanwhile by a server that writes nothing but errors, and the audit trail."""
    with logged(QUIET) as found:
        yield found
        assert_private(found.text)


def trail(lines: LogLines, person: Client) -> list[dict[str, Any]]:
    """Return the lines about a person, without what every log line has."""
    return [entry for entry in lines.entries if entry["logger"] == TRAIL and entry.get("user_id") == person.id]


def short(entries: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    """Return what happened, and who did it."""
    return [(entry["event"], entry["by"]) for entry in entries]


def attempt(person: Client, password: str) -> int:
    """Try to log in and return the status."""
    body = {"email": person.email, "password": password}
    return person.post("/api/auth/login", json=body, headers={"Authorization": ""}).status_code


def test_a_life_can_be_read_in_it(lines: LogLines, admin: Client, make_person: Make) -> None:
    ada = make_person("ada")
    assert attempt(ada, WRONG) == 401
    ada.elsewhere()
    assert ada.put("/api/auth/password", json={"currentPassword": WRONG, "newPassword": WRONG}).status_code == 403
    ada.put("/api/auth/password", json={"currentPassword": ada.password, "newPassword": "another password"})
    ada.password = "another password"
    ada.patch("/api/auth/me", json={"name": "Ada L."})
    admin.patch(f"/api/users/{ada.id}", json={"role": "admin"})
    admin.patch(f"/api/users/{ada.id}", json={"disabled": True})
    assert attempt(ada, ada.password) == 403
    admin.patch(f"/api/users/{ada.id}", json={"disabled": False})
    ada.log_in().post("/api/auth/logout")
    ada.log_in().delete("/api/auth/sessions")
    assert ada.log_in().request("DELETE", "/api/auth/me", json={"password": ada.password}).status_code == 204

    entries = trail(lines, ada)
    assert short(entries) == [
        ("account made", None),
        ("log-in succeeded", None),
        ("log-in failed", None),
        ("log-in succeeded", None),
        ("password refused", ada.id),
        ("all sessions ended", ada.id),
        ("password changed", ada.id),
        ("account changed", ada.id),
        ("all sessions ended", admin.id),
        ("role changed", admin.id),
        ("account disabled", admin.id),
        ("log-in failed", None),
        ("account enabled", admin.id),
        ("log-in succeeded", None),
        ("session ended", ada.id),
        ("log-in succeeded", None),
        ("all sessions ended", ada.id),
        ("log-in succeeded", None),
        ("all sessions ended", ada.id),
        ("account removed", ada.id),
    ]
    assert [entry["reason"] for entry in entries if "reason" in entry] == ["credentials-wrong", "account-disabled"]
    assert next(entry["role"] for entry in entries if "role" in entry) == "admin"
    assert {entry["level"] for entry in entries} == {"info"}
    assert {entry["address"] for entry in entries if entry["by"] == admin.id} == {admin.address}
    documented = rows("audit")
    for entry in entries:
        assert entry.keys() == COMMON | documented[entry["event"]]


def test_what_one_request_does_has_one_request_id(lines: LogLines, ada: Client) -> None:
    ada.elsewhere()
    body = {"currentPassword": ada.password, "newPassword": "another password"}
    ada.put("/api/auth/password", json=body, headers={"X-Request-Id": "mine"})
    ended, changed = [entry for entry in trail(lines, ada) if entry["request_id"] == "mine"]
    assert (ended["event"], changed["event"]) == ("all sessions ended", "password changed")
    assert len(ended["session_ids"]) == 1


def test_attempts_at_nobodys_account_can_be_counted_and_the_limit_is_told(lines: LogLines, anonymous: Client) -> None:
    anonymous.email = f"nobody-{anonymous.address}@example.org"
    statuses = [attempt(anonymous, WRONG) for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    entries = [entry for entry in lines.entries if entry.get("address") == anonymous.address]
    assert [entry["event"] for entry in entries] == ["log-in failed"] * 10 + ["attempts limited"]
    assert len({entry["account"] for entry in entries}) == 1
    assert {entry["user_id"] for entry in entries} == {None}
    assert entries[-1]["limits"] == ["login"]
    assert anonymous.email not in lines.text


def test_an_account_has_one_pseudonym_and_another_account_another(lines: LogLines, ada: Client, grace: Client) -> None:
    attempt(ada, WRONG)
    attempt(grace, WRONG)
    ada.email = ada.email.upper()
    attempt(ada, WRONG)
    first, second, third = [entry["account"] for entry in lines.events("log-in failed")]
    assert first == third != second


def test_a_limit_of_an_address_is_told_too(settings: Settings) -> None:
    limits = msgspec.structs.replace(settings.limits, rate_limit_login=3, rate_limit_register=1)
    with (
        serving(msgspec.structs.replace(settings, limits=limits)) as strict,
        Client(strict.url) as ada,
        logged(QUIET) as lines,
    ):
        assert ada.register("ada").status_code == 201
        assert ada.register("ada").status_code == 429
        assert [attempt(ada, ada.password) for _ in range(4)] == [401, 401, 401, 429]
        limited = lines.events("attempts limited")
    assert [entry["limits"] for entry in limited] == [["register a minute"], ["login a minute"]]
    assert {entry["address"] for entry in limited} == {ada.address}


def test_a_session_that_ended_by_age_was_ended_by_nobody(
    lines: LogLines, ada: Client, house: House, clock: Any
) -> None:
    clock.offset = timedelta(days=31)
    while house.run(purge_expired_sessions(house.rooms)):
        pass
    (entry,) = [entry for entry in trail(lines, ada) if entry["event"] == "session ended"]
    assert (entry["by"], entry["address"]) == (None, None)


def test_what_changes_nothing_and_what_is_rolled_back_is_not_told(ada: Client, admin: Client, lines: LogLines) -> None:
    admin.patch(f"/api/users/{ada.id}", json={"role": "user"})
    ada.patch("/api/auth/me", json={"name": ada.name})
    ada.patch("/api/auth/me", json={"email": admin.email, "password": ada.password})
    assert trail(lines, ada) == []
