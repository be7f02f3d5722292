"""Limits of log-in and registration, and that they lock nobody out who should come in."""

import math
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import msgspec
import pytest

from taskapi.config import LimitSettings, Settings
from tests.auth.at_once import at_once
from tests.conftest import Sql
from tests.house import House, SettableClock, serving
from tests.people import Client

ACCOUNT, ADDRESS, REGISTRATIONS = 3, 8, 4
EVERYWHERE = 5 * ACCOUNT
QUARTER = 900


def guess(client: Client, email: str, password: str = "a wrong password") -> httpx.Response:
    """Try a password."""
    return client.post("/api/auth/login", json={"email": email, "password": password})


def nobody() -> str:
    """Return an address of nobody that no other test uses."""
    return f"nobody-{secrets.token_hex(6)}@example.org"


def statuses(client: Client, email: str, times: int) -> list[int]:
    """Guess several times."""
    return [guess(client, email).status_code for _ in range(times)]


@pytest.fixture(scope="module")
def house(settings: Settings) -> Iterator[House]:
    """A house with narrow limits, for hashing passwords takes its time."""
    limits = LimitSettings(login_per_account=ACCOUNT, login_per_address=ADDRESS, register_per_address=REGISTRATIONS)
    with serving(msgspec.structs.replace(settings, limits=limits)) as running:
        yield running


@pytest.fixture
def stranger(house: House) -> Callable[[], Client]:
    """Makes people at addresses that nobody has logged in from."""
    return lambda: Client(house.url)


def test_one_address_may_fail_so_often_at_one_account(ada: Client, anonymous: Client) -> None:
    assert statuses(anonymous, ada.email, ACCOUNT + 3) == [401] * ACCOUNT + [429] * 3
    assert guess(anonymous, ada.email.upper(), ada.password).status_code == 429, "not even with the right password"


def test_an_unknown_account_is_limited_like_any_other(anonymous: Client) -> None:
    assert statuses(anonymous, nobody(), ACCOUNT + 1) == [401] * ACCOUNT + [429]


def test_the_owner_comes_in_from_a_usual_address_whatever_others_do(
    ada: Client, stranger: Callable[[], Client]
) -> None:
    for _ in range(8):
        statuses(stranger(), ada.email, ACCOUNT)
    assert guess(stranger(), ada.email, ada.password).status_code == 429, "all unknown addresses together tried enough"
    assert guess(ada, ada.email, ada.password).status_code == 200


def test_all_unknown_addresses_together_may_try_one_account_five_times_as_often(
    ada: Client, stranger: Callable[[], Client]
) -> None:
    answers = [status for _ in range(6) for status in statuses(stranger(), ada.email, ACCOUNT)]
    assert answers == [401] * EVERYWHERE + [429] * ACCOUNT


def test_the_address_of_the_registration_is_a_usual_one(anonymous: Client, stranger: Callable[[], Client]) -> None:
    anonymous.register("ada")
    for _ in range(5):
        statuses(stranger(), anonymous.email, ACCOUNT)
    assert guess(stranger(), anonymous.email, anonymous.password).status_code == 429
    assert guess(anonymous, anonymous.email, anonymous.password).status_code == 200


def test_one_address_may_fail_so_often_at_all_accounts_together(anonymous: Client, ada: Client) -> None:
    assert [guess(anonymous, nobody()).status_code for _ in range(ADDRESS + 2)] == [401] * ADDRESS + [429] * 2
    assert guess(anonymous, ada.email, ada.password).status_code == 429


def test_somebody_who_fails_a_lot_locks_no_neighbour_out(ada: Client, house: House) -> None:
    neighbour = Client(house.url, ada.address)
    for _ in range(ADDRESS):
        guess(neighbour, nobody())
    assert guess(neighbour, nobody()).status_code == 429
    assert guess(ada, ada.email, ada.password).status_code == 200


def test_a_success_does_not_count(ada: Client) -> None:
    assert {guess(ada, ada.email, ada.password).status_code for _ in range(ACCOUNT + 5)} == {200}
    assert statuses(ada, ada.email, ACCOUNT + 1) == [401] * ACCOUNT + [429]


def test_parallel_guesses_do_not_slip_through(ada: Client, house: House, stranger: Callable[[], Client]) -> None:
    guesser = stranger()
    places = [Client(house.url, guesser.address) for _ in range(20)]
    answers = at_once(*[lambda place=place: guess(place, ada.email).status_code for place in places])
    assert sorted(answers) == [401] * ACCOUNT + [429] * 17


def test_parallel_guesses_from_many_addresses_do_not_either(ada: Client, stranger: Callable[[], Client]) -> None:
    places = [stranger() for _ in range(12)]
    answers = at_once(*[lambda place=place: statuses(place, ada.email, 2) for place in places])
    assert sorted(status for pair in answers for status in pair) == [401] * EVERYWHERE + [429] * (24 - EVERYWHERE)


def test_retry_after_is_exact(anonymous: Client, clock: SettableClock) -> None:
    email = nobody()
    statuses(anonymous, email, ACCOUNT)
    answer = guess(anonymous, email)
    seconds = int(answer.headers["Retry-After"])
    assert answer.json()["code"] == "rate-limited"
    assert math.ceil(QUARTER / ACCOUNT) - 10 < seconds <= QUARTER / ACCOUNT
    clock.offset = timedelta(seconds=seconds - 10)
    assert guess(anonymous, email).status_code == 429
    clock.offset = timedelta(seconds=seconds)
    assert statuses(anonymous, email, 2) == [401, 429]
    clock.offset = timedelta(seconds=seconds + QUARTER)
    assert statuses(anonymous, email, ACCOUNT + 1) == [401] * ACCOUNT + [429]


def test_an_ipv6_network_counts_as_one_address(house: House) -> None:
    email = nobody()
    places = [Client(house.url, f"2001:db8:0:7::{number:x}") for number in range(1, ACCOUNT + 2)]
    assert [guess(place, email).status_code for place in places] == [401] * ACCOUNT + [429]
    assert guess(Client(house.url, "2001:db8:0:8::1"), email).status_code == 401


def test_registrations_are_limited_by_address(anonymous: Client, stranger: Callable[[], Client]) -> None:
    answers = [anonymous.register(f"p{number}") for number in range(REGISTRATIONS + 1)]
    assert [answer.status_code for answer in answers] == [201] * REGISTRATIONS + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 3600 / REGISTRATIONS
    assert stranger().register("somebody").status_code == 201


def test_trying_addresses_by_registering_them_counts(ada: Client, anonymous: Client) -> None:
    answers = [anonymous.register("x", ada.email).status_code for _ in range(REGISTRATIONS + 1)]
    assert answers == [409] * REGISTRATIONS + [429]


def test_trying_addresses_by_moving_to_them_counts(ada: Client, grace: Client, stranger: Callable[[], Client]) -> None:
    mover = stranger()
    mover.email, mover.password = ada.email, ada.password
    mover.log_in()
    body = {"email": grace.email, "password": ada.password}
    answers = [mover.patch("/api/auth/me", json=body).status_code for _ in range(REGISTRATIONS + 1)]
    assert answers == [409] * REGISTRATIONS + [429]


def refusals(house: House) -> dict[str, float]:
    """Return what the metrics of a house say of refusals, by limit."""
    (family,) = [it for it in house.app.measures.instruments.snapshot() if it.name == "rate_limit_refusals"]
    return {limit: number for (limit,), number in family.values.items()}


def passwords(house: House) -> int:
    """Return how many passwords were hashed."""
    return house.rooms.passwords.durations.family().histograms[()].count


def test_who_is_refused_is_counted_under_each_limit_that_had_no_room(ada: Client, house: House) -> None:
    with serving(house.rooms.settings) as counting:

        def grown(work: Callable[[Client], object]) -> dict[str, float]:
            before = refusals(counting)
            work(Client(counting.url))
            return {name: value - before[name] for name, value in refusals(counting).items() if value > before[name]}

        assert set(refusals(counting).values()) == {0}
        assert grown(lambda it: statuses(it, ada.email, ACCOUNT + 2)) == {"login pair": 2}
        assert grown(lambda it: [guess(it, nobody()) for _ in range(ADDRESS + 3)]) == {"login from": 3}
        for _ in range(EVERYWHERE // ACCOUNT - 1):
            assert grown(lambda it: statuses(it, ada.email, ACCOUNT)) == {}
        assert grown(lambda it: statuses(it, ada.email, ACCOUNT)) == {"login to": ACCOUNT}
        assert grown(lambda it: [it.register("x", ada.email) for _ in range(REGISTRATIONS + 1)]) == {"register from": 1}


def test_a_wrong_password_of_somebody_logged_in_is_counted_as_one_of_a_log_in(ada: Client, house: House) -> None:
    body = {"name": "Ada", "email": "new@example.org", "password": "a wrong password"}
    before, hashed = refusals(house)["login pair"], passwords(house)
    answers = [ada.patch("/api/auth/me", json=body).status_code for _ in range(ACCOUNT + 1)]
    assert answers[-1] == 429
    assert refusals(house)["login pair"] == before + 1
    assert passwords(house) == hashed + ACCOUNT, "who is refused costs none"


def test_zero_switches_all_of_them_off(settings: Settings, ada: Client) -> None:
    with serving(msgspec.structs.replace(settings, limits=LimitSettings(rate_limit=0))) as free:
        client = Client(free.url)
        assert statuses(client, ada.email, ACCOUNT + 5) == [401] * (ACCOUNT + 5)
        assert guess(client, ada.email, ada.password).status_code == 200
        answers = [client.register(f"p{number}").status_code for number in range(REGISTRATIONS + 3)]
        assert answers == [201] * (REGISTRATIONS + 3)


def test_the_table_names_neither_people_nor_addresses(ada: Client, sql: Sql) -> None:
    guess(ada, ada.email)
    kept = sql("SELECT encode(key, 'escape') AS key, octet_length(key) AS size FROM attempts")
    assert kept
    assert {row["size"] for row in kept} == {32}
    assert not any(ada.address in row["key"] or ada.email in row["key"] for row in kept)


def test_usual_addresses_are_bounded_and_the_least_used_goes(ada: Client, sql: Sql) -> None:
    mine = "SELECT address FROM known_addresses WHERE user_id = $1::text::uuid ORDER BY last_used_at"
    oldest = sql(mine, ada.id)[0]["address"]
    sql(
        """INSERT INTO known_addresses (user_id, address, last_used_at)
        SELECT $1::text::uuid, int8send(n), now() + n * interval '1 second' FROM generate_series(1, 19) AS n""",
        ada.id,
    )
    sql("UPDATE known_addresses SET last_used_at = now() - interval '1 day' WHERE address = $1", oldest)
    assert len(sql(mine, ada.id)) == 20
    ada.elsewhere()
    kept = [row["address"] for row in sql(mine, ada.id)]
    assert len(kept) == 20
    assert oldest not in kept
