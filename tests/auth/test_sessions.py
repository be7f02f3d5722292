"""Sessions: their list, their end, their time."""

import time
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from taskapi.auth.model import SESSIONS_PER_PERSON
from taskapi.config import Settings
from tests.auth.at_once import at_once
from tests.conftest import Sql
from tests.house import SettableClock, serving
from tests.people import Client
from tests.waiting import eventually


def alive(client: Client) -> bool:
    """Say whether the client's session is alive."""
    answer = client.get("/api/auth/me")
    assert answer.status_code in {200, 401}
    if answer.status_code == 401:
        assert answer.json()["code"] == "unauthenticated"
    return answer.status_code == 200


def test_the_list_shows_where_and_when_the_newest_first(ada: Client) -> None:
    phone = ada.elsewhere()
    first, second = ada.get("/api/auth/sessions").json()["items"]
    assert first.keys() == {"id", "device", "address", "createdAt", "lastSeenAt", "current"}
    assert (first["address"], second["address"]) == (phone.address, ada.address)
    assert (first["current"], second["current"]) == (False, True)
    assert first["device"] == second["device"] == "pytest"


def test_the_list_has_pages(ada: Client) -> None:
    for _ in range(4):
        ada.elsewhere()
    everything = ada.get("/api/auth/sessions").json()
    assert everything["nextCursor"] is None
    paged, cursor = [], None
    while True:
        page = ada.get("/api/auth/sessions", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        paged += page["items"]
        if (cursor := page["nextCursor"]) is None:
            break
    assert paged == everything["items"]
    assert len(paged) == 5


def test_a_cursor_is_worth_nothing_to_a_stranger(ada: Client, grace: Client) -> None:
    ada.elsewhere()
    cursor = ada.get("/api/auth/sessions", params={"limit": 1}).json()["nextCursor"]
    assert grace.get("/api/auth/sessions", params={"cursor": cursor}).status_code == 422


@pytest.mark.parametrize(
    ("agent", "shown"),
    [("A" * 300, "A" * 200), ("curl/8.5", "curl/8.5"), ("", ""), ("naïve\u0081\u00adagent", "naïveagent")],
)
def test_the_device_is_what_the_client_calls_itself(ada: Client, agent: str, shown: str) -> None:
    body = {"email": ada.email, "password": ada.password}
    headers = {"User-Agent": agent.encode("latin-1")}
    assert ada.post("/api/auth/login", json=body, headers=headers).status_code == 200  # type: ignore[arg-type]
    assert ada.get("/api/auth/sessions").json()["items"][0]["device"] == shown


def test_log_out_ends_this_session_and_no_other(ada: Client) -> None:
    phone = ada.elsewhere()
    answer = ada.post("/api/auth/logout")
    assert (answer.status_code, answer.content) == (204, b"")
    assert not alive(ada)
    assert alive(phone)


def test_all_sessions_end_at_once_this_one_too(ada: Client, grace: Client) -> None:
    phone = ada.elsewhere()
    assert ada.delete("/api/auth/sessions").status_code == 204
    assert not alive(ada)
    assert not alive(phone)
    assert alive(grace)


def test_one_session_can_be_ended_from_another(ada: Client, sql: Sql) -> None:
    phone = ada.elsewhere()
    phones = ada.get("/api/auth/sessions").json()["items"][0]["id"]
    assert ada.delete(f"/api/auth/sessions/{phones}").status_code == 204
    assert not alive(phone)
    assert alive(ada)
    again = ada.delete(f"/api/auth/sessions/{phones}")
    assert (again.status_code, again.json()["code"]) == (404, "session-not-found")
    events = sql(
        "SELECT fields, payload FROM outbox WHERE user_id = $1::text::uuid AND event = 'SessionsEnded'", ada.id
    )
    assert [row["fields"] for row in events] == [["sessions"]]
    assert phones in events[0]["payload"]


def test_a_strangers_session_is_a_404_and_lives_on(ada: Client, grace: Client) -> None:
    session = ada.get("/api/auth/sessions").json()["items"][0]["id"]
    assert grace.delete(f"/api/auth/sessions/{session}").status_code == 404
    assert alive(ada)


def test_the_end_is_immediate_on_every_process(settings: Settings, ada: Client) -> None:
    with serving(settings) as another, Client(another.url) as elsewhere:
        elsewhere.headers["Authorization"] = ada.headers["Authorization"]
        for _ in range(20):
            assert alive(elsewhere)
            ada.post("/api/auth/logout")
            assert not alive(elsewhere)
            ada.log_in()
            elsewhere.headers["Authorization"] = ada.headers["Authorization"]


def fill(sql: Sql, person: Client, number: int) -> None:
    """Give a person so many older sessions."""
    sql(
        """INSERT INTO sessions (user_id, id, role, device, address, created_at, last_seen_at, expires_at)
        SELECT user_id, overlay(id::text placing lpad(number::text, 8, '0') from 1 for 8)::uuid,
               role, device, address, created_at, last_seen_at, expires_at
        FROM sessions, generate_series(1, $2::int) AS number WHERE user_id = $1::text::uuid""",
        person.id,
        number,
    )


def test_a_log_in_beyond_a_hundred_ends_the_oldest(ada: Client, sql: Sql) -> None:
    fill(sql, ada, SESSIONS_PER_PERSON - 1)
    phone = ada.elsewhere()
    count = "SELECT count(*), min(id::text) FROM sessions WHERE user_id = $1::text::uuid"
    assert sql(count, ada.id)[0]["count"] == SESSIONS_PER_PERSON
    assert sql(count, ada.id)[0]["min"].startswith("00000002")
    assert alive(ada)
    assert alive(phone)


def test_not_even_log_ins_at_once_get_beyond_a_hundred(ada: Client, sql: Sql) -> None:
    fill(sql, ada, SESSIONS_PER_PERSON - 1)
    body = {"email": ada.email, "password": ada.password}
    for _ in range(5):
        answers = at_once(*[partial(ada.post, "/api/auth/login", json=body) for _ in range(4)])
        assert {answer.status_code for answer in answers} == {200}
        assert sql("SELECT count(*) FROM sessions WHERE user_id = $1::text::uuid", ada.id)[0][0] == 100


def use(person: Client, clock: SettableClock, sql: Sql) -> None:
    """Use a session; returns when that is noted, which happens off the request's way."""
    assert alive(person)
    seen = "SELECT max(last_seen_at) FROM sessions WHERE user_id = $1::text::uuid"
    eventually(lambda: clock() - sql(seen, person.id)[0][0] < timedelta(minutes=1))


def test_a_session_left_alone_for_seven_days_is_over(ada: Client, clock: SettableClock, sql: Sql) -> None:
    clock.offset = timedelta(days=7, minutes=-2)
    use(ada, clock, sql)
    clock.offset += timedelta(days=7, minutes=-2)
    assert alive(ada), "each use starts the seven days anew"
    clock.offset += timedelta(days=7)
    assert not alive(ada)


def test_a_session_is_over_after_thirty_days_however_much_it_is_used(
    ada: Client, clock: SettableClock, sql: Sql
) -> None:
    for _ in range(5):
        clock.offset += timedelta(days=5, hours=23)
        use(ada, clock, sql)
    clock.offset = timedelta(days=30, minutes=-2)
    assert alive(ada)
    clock.offset = timedelta(days=30)
    assert not alive(ada)


def test_the_row_ends_a_session_even_if_the_token_says_longer(ada: Client, sql: Sql) -> None:
    sql("UPDATE sessions SET expires_at = now() WHERE user_id = $1::text::uuid", ada.id)
    assert not alive(ada), "no request of this session has been answered before, so no copy of it is about"


def test_a_dead_session_is_not_listed(ada: Client, sql: Sql) -> None:
    for column in ("expires_at", "last_seen_at"):
        ada.elsewhere()
        newest = ada.get("/api/auth/sessions").json()["items"][0]["id"]
        moved = {"expires_at": "now()", "last_seen_at": "now() - interval '7 days'"}[column]
        sql(f"UPDATE sessions SET {column} = {moved} WHERE id = $1::text::uuid", newest)
        assert newest not in {item["id"] for item in ada.get("/api/auth/sessions").json()["items"]}


def test_the_last_use_is_noted_once_a_minute(ada: Client, clock: SettableClock, sql: Sql) -> None:
    def noted() -> tuple[Any, str]:
        row = sql("SELECT last_seen_at, xmin::text FROM sessions WHERE user_id = $1::text::uuid", ada.id)[0]
        return row["last_seen_at"], row["xmin"]

    first = noted()
    clock.offset = timedelta(seconds=50)
    assert alive(ada)
    assert noted() == first
    clock.offset = timedelta(seconds=61)
    assert alive(ada)
    eventually(lambda: noted() != first)
    second = noted()
    assert alive(ada)
    clock.offset = timedelta(seconds=100)
    assert alive(ada)
    clock.offset = timedelta(seconds=130)
    assert alive(ada)
    eventually(lambda: noted() != second)
    assert noted()[0] - second[0] > timedelta(seconds=60), "what came between was not noted"


def test_nobody_waits_to_note_a_use(ada: Client, clock: SettableClock, sql: Sql) -> None:
    clock.offset = timedelta(minutes=2)
    sql("BEGIN")
    sql("SELECT id FROM sessions WHERE user_id = $1::text::uuid FOR UPDATE", ada.id)
    started = time.monotonic()
    try:
        assert alive(ada)
    finally:
        sql("COMMIT")
    assert time.monotonic() - started < 2.5, "a lock is waited for for three seconds"
