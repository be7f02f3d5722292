"""What is remembered is what was used last, and never more than twice as much as asked for."""

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from taskapi.kit.remembered import Remembered


@given(st.lists(st.tuples(st.sampled_from(["find", "keep", "forget"]), st.integers(0, 9))))
def test_what_was_used_last_is_there_and_the_whole_is_bounded(steps: list[tuple[str, int]]) -> None:
    memory: Remembered[int, str] = Remembered(3)
    used: OrderedDict[int, str] = OrderedDict()
    for number, (step, key) in enumerate(steps):
        if step == "keep":
            memory.keep(key, f"{key} at {number}")
            used[key] = f"{key} at {number}"
            used.move_to_end(key)
        elif step == "forget":
            memory.forget(key)
            used.pop(key, None)
            assert memory.find(key) is None
        elif (found := memory.find(key)) is not None:
            assert found == used[key]
            used.move_to_end(key)
        assert len(memory) <= 6
    for key in list(used)[-3:]:
        assert memory.find(key) == used[key]
