"""Walks every state that a model can reach, breadth first, so that the first wrong one has the shortest way to it.

It knows nothing of caches. It must never give up quietly: a model with more states than its bound is an error.
"""

import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

State = TypeVar("State", bound=Hashable)
Step = tuple[str, State]


class TooManyStates(Exception):
    """The model has more states than its bound allows: make it smaller, or raise the bound knowingly."""


@dataclass(frozen=True, slots=True)
class Model(Generic[State]):
    """A start, what may happen next in each state, how equal states are written alike, and what is wrong with one."""

    start: State
    steps: Callable[[State], Iterable[Step[State]]]
    canonical: Callable[[State], State]
    wrong: Callable[[State], str]  # empty if nothing is


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many states were walked and, if one was wrong, what is wrong with it and the steps that lead there."""

    states: int
    seconds: float
    wrong: str = ""
    trail: tuple[str, ...] = ()


def explore(model: Model[State], at_most: int) -> Outcome:
    """Walk `model` to its end or to its first wrong state.

    States are numbered as they are found; only their numbers are kept beside them, which bounds the memory.
    """
    started = time.perf_counter()
    numbers = {model.canonical(model.start): 0}
    came_from: list[tuple[int, str]] = [(0, "")]
    queue = deque(numbers)
    while queue:
        state = queue.popleft()
        number = numbers[state]
        for name, next_state in model.steps(state):
            if wrong := model.wrong(next_state):
                trail = (*_trail(came_from, number), name)
                return Outcome(len(numbers), time.perf_counter() - started, wrong, trail)
            reached = model.canonical(next_state)
            if reached not in numbers:
                if len(numbers) >= at_most:
                    raise TooManyStates(f"more than {at_most} states")
                numbers[reached] = len(numbers)
                came_from.append((number, name))
                queue.append(reached)
    return Outcome(len(numbers), time.perf_counter() - started)


def _trail(came_from: list[tuple[int, str]], number: int) -> list[str]:
    names = []
    while number:
        number, name = came_from[number]
        names.append(name)
    return names[::-1]
