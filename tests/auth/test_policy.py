"""The arithmetic of limits, for all limits."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from taskapi.auth.policy import Limit, login_limits, registration_limits, seconds_to_wait
from taskapi.config import LimitSettings

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
limits = st.builds(
    Limit,
    st.just(("x",)),
    st.integers(1, 100_000),
    st.sampled_from([timedelta(minutes=15), timedelta(hours=1)]),
)


class Meter:
    """What the database keeps, in memory."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.paid = NOW

    def charge(self, now: datetime) -> int:
        """Make an attempt; a refused one costs nothing."""
        paid = max(self.paid, now) + self.limit.price
        wait = seconds_to_wait([self.limit], [paid], now)
        if not wait:
            self.paid = paid
        return wait


@given(limits.filter(lambda limit: limit.attempts <= 500))
def test_exactly_the_attempts_come_through_at_once(limit: Limit) -> None:
    meter = Meter(limit)
    assert [meter.charge(NOW) for _ in range(limit.attempts)] == [0] * limit.attempts
    assert meter.charge(NOW) > 0


@given(limits, st.lists(st.floats(0, 600), max_size=60))
def test_never_more_than_twice_the_attempts_in_any_window(limit: Limit, pauses: list[float]) -> None:
    meter, now, times = Meter(limit), NOW, []
    for pause in pauses:
        now += timedelta(seconds=pause)
        if not meter.charge(now):
            times.append(now)
    for first in times:
        within = [time for time in times if first <= time < first + limit.window]
        assert len(within) <= 2 * limit.attempts


@given(limits, st.floats(0, 3000))
def test_who_waits_as_long_as_told_comes_through(limit: Limit, ahead: float) -> None:
    meter = Meter(limit)
    meter.paid = NOW + timedelta(seconds=ahead)
    if wait := meter.charge(NOW):
        assert meter.charge(NOW + timedelta(seconds=wait)) == 0


@given(limits, st.floats(1, 3000))
def test_who_waits_a_second_less_does_not(limit: Limit, ahead: float) -> None:
    meter = Meter(limit)
    meter.paid = NOW + timedelta(seconds=ahead)
    if (wait := meter.charge(NOW)) > 1:
        assert meter.charge(NOW + timedelta(seconds=wait - 1)) > 0


def test_the_strictest_limit_decides_how_long_to_wait() -> None:
    both = [Limit(("a",), 1, timedelta(minutes=1)), Limit(("b",), 1, timedelta(minutes=1))]
    paid = [NOW + timedelta(seconds=70), NOW + timedelta(seconds=95.2)]
    assert seconds_to_wait(both, paid, NOW) == 36


def test_at_a_usual_address_only_the_pair_counts() -> None:
    settings = LimitSettings(login_per_account=3, login_per_address=7)
    usual = login_limits(settings, "Ada@Example.org", "10.0.0.1", known=True)
    unusual = login_limits(settings, "ada@example.ORG", "10.0.0.1", known=False)
    assert [limit.attempts for limit in usual] == [3]
    assert [limit.attempts for limit in unusual] == [3, 7, 15]
    assert usual[0] == unusual[0]
    assert len({limit.subject for limit in unusual}) == 3


def test_what_is_documented_is_what_holds_without_settings() -> None:
    defaults = login_limits(LimitSettings(), "ada@example.org", "10.0.0.1", known=False)
    assert [(limit.attempts, limit.window) for limit in defaults] == [
        (10, timedelta(minutes=15)),
        (50, timedelta(minutes=15)),
        (50, timedelta(minutes=15)),
    ]
    (registration,) = registration_limits(LimitSettings(), "10.0.0.1")
    assert (registration.attempts, registration.window) == (20, timedelta(hours=1))
