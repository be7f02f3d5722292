"""Clock, identifiers and outbox rows: times in UTC to the millisecond, ids that sort by them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import example, given
from hypothesis import strategies as st

from taskapi.kit import outbox
from taskapi.kit.clock import system_clock
from taskapi.kit.ids import new_id

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST = (datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
times = st.integers(0, LAST).map(lambda milliseconds: EPOCH + timedelta(milliseconds=milliseconds))


class Made(outbox.Event, frozen=True, kw_only=True):
    """Something is new."""

    big_number: int


def millisecond_of(identifier: UUID) -> datetime:
    return EPOCH + timedelta(milliseconds=identifier.int >> 80)


@given(times)
@example(EPOCH + timedelta(milliseconds=1001))  # 1.001 s × 1000 is not 1001 in floating point
def test_an_identifier_carries_its_time_exactly(time: datetime) -> None:
    identifier = new_id(time)
    assert millisecond_of(identifier) == time
    assert identifier.version == 7
    assert identifier.variant == "specified in RFC 4122"


@given(times, times)
def test_identifiers_sort_by_time(one: datetime, other: datetime) -> None:
    if one != other:
        assert (new_id(one) < new_id(other)) == (one < other)


def test_identifiers_of_one_moment_differ() -> None:
    now = system_clock()
    assert len({new_id(now) for _ in range(10_000)}) == 10_000


def test_the_clock_tells_utc_to_the_millisecond() -> None:
    now = system_clock()
    assert now.tzinfo is UTC
    assert now.microsecond % 1000 == 0
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


def test_an_outbox_row_tells_the_event_and_what_its_user_should_forget() -> None:
    ada, grace = UUID(int=1), UUID(int=2)
    touched = {ada: frozenset({"tasks", "task:1"}), grace: frozenset({"user"})}
    ids, users, names, payloads, fields = outbox.rows([Made(user_id=ada, big_number=7)], touched, system_clock())
    assert len(set(ids)) == 2
    assert users == [ada, grace]
    assert names == ["Made", outbox.TOUCHED]
    assert payloads == [f'{{"userId":"{ada}","bigNumber":7}}', "{}"]
    assert fields == ["task:1,tasks", "user"]


def test_an_event_that_outdates_nothing_has_no_fields_and_nothing_at_all_makes_no_row() -> None:
    *_, fields = outbox.rows([Made(user_id=UUID(int=1), big_number=1)], {}, system_clock())
    assert fields == [""]
    assert outbox.rows([], {}, system_clock()) == ([], [], [], [], [])
