"""One scenario as it was played, and what is wrong with how it went."""

from collections.abc import Iterator

import msgspec

from tests.deploy.traffic import Outcome
from tests.whole.gameday.observer import Course, Shown
from tests.whole.gameday.scenarios import Scenario

MOMENTS = ("before", "during", "after")


class Episode(msgspec.Struct):
    """What was noted of one scenario."""

    scenario: Scenario
    people: Outcome
    crowd: Outcome | None
    """Those who belong to the cause."""
    courses: dict[str, Course]
    repaired: float
    """Seconds after the cause at which putting it right began."""
    over: float
    """Seconds after the cause at which nothing was waited for any longer."""
    refused_until: float | None
    """Seconds after the cause at which somebody was last told to come back."""
    shown: dict[str, list[Shown | None]]
    """What each panel showed at each of the moments; by moment, in the order of the scenario's."""

    @property
    def is_over(self) -> bool:
        """Whether every alert that fired before the repair has ended."""
        courses = self.courses.values()
        fired = [course for course in courses if course.firing is not None and course.firing <= self.repaired]
        return all(course.ended is not None for course in fired)

    def faults(self) -> Iterator[str]:
        """Yield what must not be."""
        for name in self.scenario.expected:
            if (course := self.courses.get(name)) is None or course.firing is None:
                yield f"{name} did not fire within {self.scenario.within} s"
        for who, outcome in (("people", self.people), ("the crowd", self.crowd)):
            if outcome is None:
                continue
            if outcome.failures:
                yield f"{who} saw {len(outcome.failures)} faults, such as {outcome.failures[0]}"
            if outcome.lost or outcome.doubled:
                yield f"of the writes of {who} {outcome.lost} are lost, {outcome.doubled} doubled"
