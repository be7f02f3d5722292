"""The memory of answers is bounded in bytes, forgets what was not used for longest, and knows when time is over."""

import time

from hypothesis import given
from hypothesis import strategies as st

from taskapi.gate.answers import Answer, Prepared, answer, packed, unpacked
from taskapi.gate.memory import OVERHEAD, Memory

LIMIT = 100_000


def prepared(size: int, seconds: float = 60) -> Prepared:
    kept = answer(200, [(b"content-type", b"application/json")], b"x" * size, "", None)
    return Prepared(kept, b"stamp", time.monotonic() + seconds)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 20_000))))
def test_it_never_holds_more_than_its_bound_and_counts_what_it_holds(steps: list[tuple[int, int]]) -> None:
    memory = Memory(LIMIT)
    held: dict[str, int] = {}
    for number, size in steps:
        key = f"key {number}"
        memory.keep(key, prepared(size))
        held[key] = size
        assert memory.used <= LIMIT
        there = [key for key in held if memory.find(key) is not None]
        assert memory.used == sum(held[key] + OVERHEAD for key in there)
        assert len(memory) == len(there)


def test_what_was_not_used_for_longest_goes_first() -> None:
    memory = Memory(4 * (OVERHEAD + 10_000))
    for key in "abcd":
        memory.keep(key, prepared(3_000))
    assert memory.find("a") is not None
    for key in "ef" * 4:
        memory.keep(key + "x", prepared(3_500))
    for number in range(6):
        memory.keep(f"new {number}", prepared(3_500))
        assert memory.find("a") is not None
    assert memory.find("b") is None


def test_an_answer_that_would_push_out_most_others_is_not_held() -> None:
    memory = Memory(LIMIT)
    memory.keep("small", prepared(10))
    memory.keep("large", prepared(LIMIT // 2))
    assert memory.find("large") is None
    assert memory.find("small") is not None


def test_an_answer_whose_time_is_over_is_gone() -> None:
    memory = Memory(LIMIT)
    memory.keep("over", prepared(10, seconds=0))
    assert memory.find("over") is None
    assert (memory.used, len(memory)) == (0, 0)


def test_without_any_memory_nothing_is_held() -> None:
    memory = Memory(0)
    memory.keep("a", prepared(0))
    assert (memory.find("a"), memory.used) == (None, 0)


@given(st.binary(max_size=200))
def test_whatever_lies_in_redis_is_an_answer_or_none(content: bytes) -> None:
    found = unpacked(content)
    assert found is None or isinstance(found, Answer)


@given(st.binary(max_size=200), st.sampled_from([200, 404]))
def test_an_answer_comes_back_from_redis_as_it_was(body: bytes, status: int) -> None:
    made = answer(status, [(b"a", b"b")], body + b',"requestId":"abc"}', "abc", None)
    assert unpacked(packed(made)) == made
    assert made.content("abc") == body + b',"requestId":"abc"}'
    assert made.may_be_kept


def test_a_404_that_does_not_name_its_request_is_not_kept() -> None:
    assert not answer(404, [], b"{}", "abc", None).may_be_kept
    assert not answer(500, [], b'{"requestId":"abc"}', "abc", None).may_be_kept
