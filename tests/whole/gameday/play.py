"""Plays one scenario before the observer's eyes."""

from collections.abc import Callable

from tests.deploy.traffic import Outcome, Traffic
from tests.whole.gameday.episode import MOMENTS, Episode
from tests.whole.gameday.observer import Observer, Shown
from tests.whole.gameday.scenarios import Scenario
from tests.whole.stage import Stage

PEOPLE, PAUSE = 8, 0.1
CALM_SECONDS = 35
"""As long as panels look back, and a scrape."""

ENDING_SECONDS = 340
"""An alert for the allowance looks at five minutes, so it takes that long to end."""


def play(scenario: Scenario, stage: Stage, observer: Observer, tell: Callable[[str], None]) -> Episode:
    """Cause it, wait until it is noticed, put it right, wait until what fired by then has ended."""
    crowd: Outcome | None
    with Traffic(stage.nginx.url, PEOPLE, PAUSE) as traffic:
        traffic.for_seconds(CALM_SECONDS)
        shown = {MOMENTS[0]: _shown(scenario, observer)}
        with scenario.cause(stage, observer.begin) as crowd:
            refusals = _Refusals(observer, traffic.outcome, crowd)
            tell(f"{scenario.name}: caused")
            observer.until(lambda active: refusals.seen() and fires(scenario, active), scenario.within)
            shown[MOMENTS[1]] = _shown(scenario, observer)
            repaired = observer.seconds
            tell(f"{scenario.name}: {observer.look()} after {repaired:.0f} s")
        fired = {name for name, course in observer.courses.items() if course.firing is not None}
        observer.until(lambda active: refusals.seen() and not fired & active.keys(), ENDING_SECONDS)
        shown[MOMENTS[2]] = _shown(scenario, observer)
        over = observer.seconds
    tell(f"{scenario.name}: over after {over:.0f} s")
    return Episode(scenario, traffic.outcome, crowd, observer.courses, repaired, over, refusals.last, shown)


def fires(scenario: Scenario, active: dict[str, str]) -> bool:
    """Whether everything fires that has to."""
    return all(active.get(name) == "firing" for name in scenario.expected)


class _Refusals:
    """Notes when somebody was last told to come back."""

    def __init__(self, observer: Observer, *outcomes: Outcome | None) -> None:
        self._observer = observer
        self._outcomes = [outcome for outcome in outcomes if outcome is not None]
        self._count = self._counted()
        self.last: float | None = None

    def seen(self) -> bool:
        """Look; always true, so that it can be done beside other looks."""
        if (count := self._counted()) != self._count:
            self._count, self.last = count, self._observer.seconds
        return True

    def _counted(self) -> int:
        return sum(outcome.refused.total() for outcome in self._outcomes)


def _shown(scenario: Scenario, observer: Observer) -> list[Shown | None]:
    return [observer.shown(gauge) for gauge in scenario.gauges]
