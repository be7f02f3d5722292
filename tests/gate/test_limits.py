"""The limiter against a second implementation of another kind: a bucket of tokens, in exact fractions.

Time is put into the scripts' text for these tests; the arithmetic is that of the files.
"""

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from taskapi.gate import scripts
from taskapi.gate.admission import Allowance, Counter, Question, Verdict
from taskapi.gate.local_limits import LocalLimits
from taskapi.gate.rates import rate
from taskapi.gate.tally import read_verdicts
from tests.gate.processes import Process, Somebody
from tests.gate.valkey import Valkey, running_valkey
from tests.kit.patience import until

COUNT = (
    scripts.COUNT.text.decode()
    .replace("call('TIME')", "{ 0, call('GET', 'clock') }")
    .replace("'PX', math.ceil(ahead / 1000) + 1", "'EX', 1000")
)
START = 1_790_000_000_000_000
_subjects = itertools.count()

ALLOWANCES = st.builds(
    Allowance, st.sampled_from(["read", "write", "batch"]), st.integers(1, 50), st.sampled_from([1, 7, 60, 900])
)
STEPS = st.lists(st.integers(0, 20_000_000), min_size=1, max_size=60)


class Bucket:
    """Holds as many tokens as an allowance has requests; one comes back each interval."""

    def __init__(self, allowance: Allowance) -> None:
        self._interval = rate(allowance)[0]
        self._size = allowance.requests
        self._tokens = Fraction(self._size)
        self._at = START

    def tokens(self, now: int) -> Fraction:
        self._tokens = min(Fraction(self._size), self._tokens + Fraction(now - self._at, self._interval))
        self._at = now
        return self._tokens

    def take(self) -> None:
        self._tokens -= 1

    def verdict(self, counter: Counter, tokens: Fraction, waits: bool) -> Verdict:
        reset = (self._size - tokens) * self._interval
        wait = (1 - tokens) * self._interval if waits and tokens < 1 else 0
        return Verdict(counter, int(tokens), int(reset), int(wait))


def expected(buckets: dict[Counter, Bucket], now: int) -> tuple[Verdict, ...]:
    """Take one token of each bucket if every one has one."""
    is_accepted = all(bucket.tokens(now) >= 1 for bucket in buckets.values())
    if is_accepted:
        for bucket in buckets.values():
            bucket.take()
    return tuple(bucket.verdict(counter, bucket.tokens(now), not is_accepted) for counter, bucket in buckets.items())


@pytest.fixture(scope="module")
def shared_valkey() -> Iterator[Valkey]:
    with running_valkey() as server:
        yield server


def _counters(allowances: Sequence[Allowance]) -> list[Counter]:
    subject = f"subject-{next(_subjects)}"
    return [Counter(subject, allowance) for allowance in allowances]


@given(st.lists(ALLOWANCES, min_size=1, max_size=3, unique_by=lambda each: each.name), STEPS)
@hypothesis_settings(deadline=None, max_examples=60)
def test_redis_counts_as_a_bucket_of_tokens_does(
    shared_valkey: Valkey, allowances: list[Allowance], steps: list[int]
) -> None:
    counters = _counters(allowances)
    buckets = {counter: Bucket(counter.allowance) for counter in counters}
    names = [f"ratelimit:{{{counter.subject}}}:{counter.allowance.name}" for counter in counters]
    rates = [part for counter in counters for part in rate(counter.allowance)]
    now = START
    for step in steps:
        now += step
        shared_valkey.client.set("clock", now, ex=1000)
        reply = shared_valkey.client.eval(COUNT, len(names), *names, *rates)
        assert read_verdicts(counters, reply, 0) == expected(buckets, now)


@given(st.lists(ALLOWANCES, min_size=1, max_size=3, unique_by=lambda each: each.name), STEPS)
def test_the_local_limiter_counts_as_a_bucket_of_tokens_does(allowances: list[Allowance], steps: list[int]) -> None:
    now = START
    limits = LocalLimits(1, lambda: now * 1000)
    counters = _counters(allowances)
    buckets = {counter: Bucket(counter.allowance) for counter in counters}
    for step in steps:
        now += step
        assert limits.count(counters) == expected(buckets, now)


def test_a_clock_that_was_set_back_locks_nobody_out(shared_valkey: Valkey) -> None:
    interval, burst = rate(Allowance("read", 10))

    def count(now: int) -> object:
        shared_valkey.client.set("clock", now, ex=1000)
        return shared_valkey.client.eval(COUNT, 1, "ratelimit:{back}:read", interval, burst)

    count(START)
    reply = count(START - 3_600_000_000)
    assert isinstance(reply, list)
    assert reply[1] <= burst
    assert 0 < reply[2] <= interval


def test_a_process_alone_counts_its_share() -> None:
    limits = LocalLimits(4, lambda: 0)
    counter = Counter("x", Allowance("read", 10))
    accepted = [limits.count([counter])[0].wait == 0 for _ in range(5)]
    assert accepted == [True, True, False, False, False]


def test_what_the_local_limiter_remembers_is_bounded() -> None:
    limits = LocalLimits(1, lambda: 0)
    allowance = Allowance("read", 1)
    for number in range(20_000):
        limits.count([Counter(str(number), allowance)])
    assert limits.count([Counter("19999", allowance)])[0].wait > 0
    assert limits.count([Counter("0", allowance)])[0].wait == 0


@pytest.mark.anyio
async def test_a_request_counts_against_all_its_counters_in_one_trip(process: Process, ada: Somebody) -> None:
    own, other = Counter(str(ada.user_id), Allowance("read", 10)), Counter("address", Allowance("login", 5))
    question = Question(user_id=ada.user_id, session_id=ada.session_id, counters=(own, other))
    await process.admit(question)
    trips = process.gate.counts.trips
    verdicts = (await process.admit(question)).verdicts
    assert [(verdict.counter, verdict.remaining) for verdict in verdicts] == [(own, 8), (other, 3)]
    assert process.gate.counts.trips == trips + 1


@pytest.mark.anyio
async def test_what_is_refused_elsewhere_is_given_back_here(process: Process, ada: Somebody) -> None:
    own, other = Counter(str(ada.user_id), Allowance("read", 10)), Counter("address", Allowance("login", 2))
    question = Question(user_id=ada.user_id, session_id=ada.session_id, counters=(own, other))
    answers = [await process.admit(question) for _ in range(6)]
    assert [bool(answer.refused) for answer in answers] == [False, False, True, True, True, True]

    async def is_given_back() -> bool:
        alone = Question(user_id=ada.user_id, session_id=ada.session_id, counters=(own,))
        return (await process.admit(alone)).verdicts[0].remaining >= 6

    assert await is_given_back()


@pytest.mark.anyio
async def test_one_counter_without_room_keeps_the_others_from_counting(process: Process, ada: Somebody) -> None:
    wide, narrow = (Counter(str(ada.user_id), Allowance(name, count)) for name, count in (("read", 10), ("batch", 1)))
    question = Question(user_id=ada.user_id, session_id=ada.session_id, counters=(wide, narrow))
    await process.admit(question)
    for _ in range(3):
        assert [bool(verdict.wait) for verdict in (await process.admit(question)).verdicts] == [False, True]
    assert (await process.admit(question)).verdicts[0].remaining == 9


@pytest.mark.anyio
async def test_a_counter_goes_when_its_allowance_is_whole_again(process: Process, valkey: Valkey) -> None:
    await process.gate.count((Counter("address", Allowance("register", 100, 1)),))

    async def is_gone() -> bool:
        return not valkey.client.exists("ratelimit:{address}:register")

    await until(is_gone)
