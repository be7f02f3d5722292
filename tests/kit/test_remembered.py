"""What is remembered is what was used last, and never more than was asked for."""

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from taskapi.kit.remembered import Remembered

MOST = 3


@given(st.lists(st.tuples(st.sampled_from(["find", "keep", "forget"]), st.integers(0, 9))))
def test_what_was_used_last_is_there_and_the_whole_is_bounded(steps: list[tuple[str, int]]) -> None:
    memory: Remembered[int, str] = Remembered(MOST)
    kept: dict[int, str] = {}
    last: OrderedDict[int, None] = OrderedDict()
    for number, (step, key) in enumerate(steps):
        if step == "keep":
            kept[key] = f"{key} at {number}"
            memory.keep(key, kept[key])
        elif step == "forget":
            memory.forget(key)
            last.pop(key, None)
            assert memory.find(key) is None
        elif (found := memory.find(key)) is None:
            continue
        else:
            assert found == kept[key]
        if step != "forget":
            last[key] = None
            last.move_to_end(key)
        if len(last) > MOST:
            last.popitem(last=False)
        assert len(memory) <= MOST
    for key in last:
        assert memory.find(key) == kept[key]
