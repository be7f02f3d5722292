"""What is cleaned up, and what is not."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from taskapi.auth import jobs
from taskapi.resources import Resources
from tests.conftest import Sql
from tests.house import House, SettableClock
from tests.people import Client

Drain = Callable[[Callable[[Resources], Coroutine[Any, Any, int]]], int]


@pytest.fixture
def drain(house: House) -> Drain:
    """Runs a job until it finds nothing more."""

    def run(job: Callable[[Resources], Coroutine[Any, Any, int]]) -> int:
        total = 0
        while done := house.run(job(house.rooms)):
            total += done
        return total

    return run


def sessions(sql: Sql, person: Client) -> int:
    """Return how many rows there are."""
    count: int = sql("SELECT count(*) FROM sessions WHERE user_id = $1::text::uuid", person.id)[0][0]
    return count


def test_sessions_past_their_absolute_end_go_and_their_versions_change(
    ada: Client, grace: Client, sql: Sql, drain: Drain
) -> None:
    ada.elsewhere()
    sql("UPDATE sessions SET expires_at = now() WHERE user_id = $1::text::uuid", ada.id)
    sql("DELETE FROM outbox WHERE user_id = $1::text::uuid", ada.id)
    assert drain(jobs.purge_expired_sessions) >= 2
    assert (sessions(sql, ada), sessions(sql, grace)) == (0, 1)
    rows = sql("SELECT event, fields FROM outbox WHERE user_id = $1::text::uuid", ada.id)
    assert [(row["event"], row["fields"]) for row in rows] == [("SessionsEnded", ["sessions"])] * 2


def test_idle_sessions_go_a_day_later_at_the_latest(ada: Client, grace: Client, sql: Sql, drain: Drain) -> None:
    sql("UPDATE sessions SET last_seen_at = now() - interval '8 days' WHERE user_id = $1::text::uuid", ada.id)
    sql("UPDATE sessions SET last_seen_at = now() - interval '6 days' WHERE user_id = $1::text::uuid", grace.id)
    assert drain(jobs.purge_idle_sessions) >= 1
    assert (sessions(sql, ada), sessions(sql, grace)) == (0, 1)
    assert grace.get("/api/auth/me").status_code == 200


def test_a_batch_is_bounded(ada: Client, house: House, sql: Sql) -> None:
    sql(
        """INSERT INTO sessions (user_id, id, role, device, address, created_at, last_seen_at, expires_at)
        SELECT $1::text::uuid, gen_random_uuid(), 'user', '', '', now(), now(), now() - interval '1 year'
        FROM generate_series(1, 250)""",
        ada.id,
    )
    assert [house.run(jobs.purge_expired_sessions(house.rooms)) for _ in range(4)] == [100, 100, 50, 0]
    assert sessions(sql, ada) == 1


def test_attempts_that_are_paid_for_are_forgotten_and_others_are_not(
    anonymous: Client, clock: SettableClock, drain: Drain, sql: Sql
) -> None:
    sql("DELETE FROM attempts")  # some may be of a later time, to which another test set the clock
    body = {"email": f"{anonymous.address}@example.info", "password": "a wrong password"}
    answers = [anonymous.post("/api/auth/login", json=body).status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]
    drain(jobs.purge_attempts)
    assert anonymous.post("/api/auth/login", json=body).status_code == 429
    clock.offset = timedelta(hours=1)
    assert drain(jobs.purge_attempts) >= 3
    assert sql("SELECT count(*) FROM attempts")[0][0] == 0


def test_addresses_that_were_left_long_ago_are_forgotten(ada: Client, sql: Sql, drain: Drain) -> None:
    ada.elsewhere()
    count = "SELECT count(*) FROM known_addresses WHERE user_id = $1::text::uuid"
    assert sql(count, ada.id)[0][0] == 2
    sql(
        """UPDATE known_addresses SET last_used_at = now() - interval '91 days' WHERE (user_id, address) =
        (SELECT user_id, address FROM known_addresses WHERE user_id = $1::text::uuid LIMIT 1)""",
        ada.id,
    )
    assert drain(jobs.purge_known_addresses) == 1
    assert sql(count, ada.id)[0][0] == 1


def test_kept_answers_go_after_a_day(ada: Client, clock: SettableClock, sql: Sql, drain: Drain) -> None:
    key = {"Idempotency-Key": "k"}
    assert ada.patch("/api/auth/me", json={"name": "x"}, headers=key).status_code == 200
    count = "SELECT count(*) FROM idempotency_keys WHERE user_id = $1::text::uuid"
    clock.offset = timedelta(hours=23)
    drain(jobs.purge_kept_answers)
    assert sql(count, ada.id)[0][0] == 1
    clock.offset = timedelta(hours=25)
    drain(jobs.purge_kept_answers)
    assert sql(count, ada.id)[0][0] == 0


@pytest.mark.parametrize("job", jobs.JOBS)
def test_a_job_without_work_says_so(job: Callable[[Resources], Coroutine[Any, Any, int]], drain: Drain) -> None:
    drain(job)
    assert drain(job) == 0
