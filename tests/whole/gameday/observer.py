"""What a person on call sees: which alerts are on their way, fire and end, and what panels show."""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from monitoring.dashboards import DASHBOARDS
from tests.monitoring.prometheus import Prometheus

LOOK_SECONDS = 1
SPAN = "30s"
"""Over which panels take their rates: never less than four scrapes, as Grafana has it."""


class Course(msgspec.Struct):
    """When an alert became what, in seconds after the cause; None where it did not."""

    pending: float | None = None
    firing: float | None = None
    ended: float | None = None


class Shown(NamedTuple):
    """The greatest value that a panel's query has."""

    value: float
    series: str
    """The labels that tell it from the others of the same query."""


class Gauge(NamedTuple):
    """One query of a panel, and the unit in which the panel shows it."""

    board: str
    title: str
    legend: str
    unit: str
    expr: str


class Observer:
    """Looks at Prometheus, once a second while something is waited for."""

    def __init__(self, prometheus: Prometheus, instance: str) -> None:
        """`instance` is the one that the dashboard of one instance is opened for."""
        self._prometheus = prometheus
        self._instance = instance
        self._begun = time.monotonic()
        self._left: dict[str, str] = {}
        """Alerts that were there before the cause; they count once they are in another state."""
        self.courses: dict[str, Course] = {}
        """Of the alerts that were not inactive since the cause."""

    def begin(self) -> None:
        """Count seconds from now on, the moment of a cause."""
        self._left = self._active()
        self._begun = time.monotonic()
        self.courses = {}

    @property
    def seconds(self) -> float:
        """How long ago the cause was."""
        return time.monotonic() - self._begun

    def look(self) -> dict[str, str]:
        """Return the alerts that are not inactive, and note what became of each since the last look."""
        active = self._active()
        self._left = {name: state for name, state in self._left.items() if active.get(name) == state}
        active = {name: state for name, state in active.items() if name not in self._left}
        for name, state in active.items():
            course = self.courses.setdefault(name, Course())
            course.ended = None
            if course.pending is None:
                course.pending = self.seconds
            if state == "firing" and course.firing is None:
                course.firing = self.seconds
        for name, course in self.courses.items():
            if name not in active and course.ended is None:
                course.ended = self.seconds
        return active

    def until(self, is_so: Callable[[dict[str, str]], bool], seconds: float) -> bool:
        """Look again and again until the active alerts are so; False if they are not within `seconds`."""
        deadline = time.monotonic() + seconds
        while not is_so(self.look()):
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    def _active(self) -> dict[str, str]:
        alerts = [rule for rule in self._prometheus.rules() if rule["type"] == "alerting"]
        return {rule["name"]: str(rule["state"]) for rule in alerts if rule["state"] != "inactive"}

    def shown(self, gauge: Gauge) -> Shown | None:
        """Return what a query shows now; None if it shows nothing."""
        expr = gauge.expr.replace("$__rate_interval", SPAN).replace("$instance", self._instance)
        found = [
            Shown(value, ", ".join(labels.values()))
            for labels, value in self._prometheus.series(expr)
            if math.isfinite(value)
        ]
        return max(found, default=None)


def gauge(title: str, number: int = 1) -> Gauge:
    """Return a query of the panel of that title."""
    return next(
        Gauge(board.title, panel.title, panel.queries[number - 1].legend, panel.unit, panel.queries[number - 1].expr)
        for board in DASHBOARDS
        for panel in board.panels
        if panel.title == title
    )
