"""The protocol holds in every state of every configuration, and no rule of it can be left out unseen."""

import pytest

from tests.model.configurations import CONFIGURATIONS
from tests.model.explore import Model, TooManyStates, explore
from tests.model.limiter import limiter
from tests.model.protocol import model_of
from tests.model.rules import PROTOCOL
from tests.model.scope import Scope
from tests.model.weakenings import WEAKENINGS, Weakening


@pytest.mark.parametrize("scope", CONFIGURATIONS, ids=lambda scope: scope.name)
def test_nothing_stale_is_read_in_any_state(scope: Scope) -> None:
    outcome = explore(model_of(scope), scope.at_most)
    assert not outcome.wrong, "\n  ".join((outcome.wrong, *outcome.trail))


@pytest.mark.parametrize("weakening", WEAKENINGS, ids=lambda weakening: weakening.name)
def test_a_weakened_protocol_is_caught(weakening: Weakening) -> None:
    scope = weakening.scope()
    outcome = explore(model_of(scope), scope.at_most)
    assert outcome.wrong, f"{outcome.states} states, and all are as they should be"


def test_each_rule_is_left_out_once() -> None:
    left_out = {rule for weakening in WEAKENINGS for rule in _left_out(weakening)}
    assert left_out == set(type(PROTOCOL).__dataclass_fields__)


def test_a_counter_always_has_an_end() -> None:
    assert not explore(limiter(in_one_script=True), 1_000).wrong


def test_the_guides_counter_can_lock_a_user_out_for_ever() -> None:
    outcome = explore(limiter(in_one_script=False), 1_000)
    assert outcome.trail == ("p0 sends INCR", "p0 crashes")


def test_the_explorer_finds_the_shortest_way() -> None:
    outcome = explore(_numbers(wrong_at=12), 1_000)
    assert outcome.trail == ("+1", "+1", "+5", "+5")


def test_the_explorer_refuses_a_model_that_is_too_large() -> None:
    with pytest.raises(TooManyStates):
        explore(_numbers(wrong_at=-1), 1_000)


def _numbers(wrong_at: int) -> Model[int]:
    return Model(
        start=0,
        steps=lambda number: [("+1", number + 1), ("+5", number + 5)],
        canonical=lambda number: number,
        wrong=lambda number: "found" if number == wrong_at else "",
    )


def _left_out(weakening: Weakening) -> set[str]:
    fields = type(PROTOCOL).__dataclass_fields__
    return {rule for rule in fields if getattr(weakening.rules, rule) != getattr(PROTOCOL, rule)}
