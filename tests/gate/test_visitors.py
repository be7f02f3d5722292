"""What is remembered of sessions is bounded and never another's."""

from uuid import UUID

import pytest

from taskapi.gate import visitors
from taskapi.gate.visitors import Visitors

ADA, GRACE, SESSION, ANOTHER = (UUID(int=number) for number in range(1, 5))


def test_only_those_that_came_lately_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitors, "MOST", 1)
    known = Visitors()
    first = known.find(ADA, SESSION)
    assert known.find(ADA, SESSION) is first
    known.find(ADA, ANOTHER)
    known.find(ADA, UUID(int=5))
    assert known.find(ADA, SESSION) is not first


def test_a_session_under_another_user_is_another_visitor() -> None:
    known = Visitors()
    assert known.find(ADA, SESSION).user_id == ADA
    assert known.find(GRACE, SESSION).user_id == GRACE
