"""Worker processes let a batch be finished before another thread takes its place, where the machine can do that."""

import os
from collections.abc import Iterator

import pytest

from taskapi.kit.scheduling import finish_before_waking

pytestmark = pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="only Linux has SCHED_BATCH")


@pytest.fixture(autouse=True)
def usual_policy() -> Iterator[None]:
    """Give the test's process back the policy that it had."""
    before = os.sched_getscheduler(0)
    yield
    os.sched_setscheduler(0, before, os.sched_param(0))


def test_the_policy_is_set() -> None:
    finish_before_waking()
    assert os.sched_getscheduler(0) == os.SCHED_BATCH


def test_where_it_is_forbidden_or_unknown_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_: object) -> None:
        raise PermissionError

    before = os.sched_getscheduler(0)
    with monkeypatch.context() as patch:
        patch.setattr(os, "sched_setscheduler", forbid)
        finish_before_waking()
    with monkeypatch.context() as patch:
        patch.delattr(os, "SCHED_BATCH")
        finish_before_waking()
    assert os.sched_getscheduler(0) == before
