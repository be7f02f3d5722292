"""What Prometheus answers to the questions of panels, over a span of time."""

import json
import math
import re
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from monitoring.queries import OURS, SPAN

POINTS = 400
"""Of a line, at most."""

USUAL_SECONDS = 15
"""Between two scrapes, as long as Prometheus does not say it."""

SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
NAMELESS = "none"
"""What a line is called that has none of the labels of its legend, such as that of a zero where nothing is."""


class Unanswered(Exception):
    """Prometheus refused a question; the text is its reason."""


class Series(NamedTuple):
    """One line: its name, and each moment with its value."""

    name: str
    points: tuple[tuple[float, float], ...]


class Prometheus:
    """A server that is asked."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)

    def ask(self, path: str, **words: str) -> Any:
        """Return the data of its answer."""
        parts = self._parts
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.netloc, timeout=30)
        try:
            connection.request("POST" if words else "GET", f"{parts.path.rstrip('/')}{path}", urlencode(words), FORM)
            tree = json.loads(connection.getresponse().read())
        except ValueError as error:
            raise Unanswered("what it says is not JSON") from error
        finally:
            connection.close()
        if tree["status"] != "success":
            raise Unanswered(tree["error"])
        return tree["data"]


class View(NamedTuple):
    """From when until when something is looked at, in steps, and at which instance, if at one."""

    begin: float
    end: float
    step: float
    rate: float
    """Seconds that a rate is taken over, as Grafana has it: four scrapes at least."""
    instance: str

    @classmethod
    def of(cls, prometheus: Prometheus, begin: float, end: float, instance: str | None = None) -> "View":
        """Return it with steps that are no shorter than what lies between two scrapes."""
        targets = prometheus.ask("/api/v1/targets?state=active")["activeTargets"]
        ours = [target for target in targets if f'job="{target["labels"].get("job")}"' == OURS]
        scrape = max((_seconds(target["scrapeInterval"]) for target in ours), default=USUAL_SECONDS)
        step = max(scrape, math.ceil((end - begin) / POINTS))
        whole = end // step * step
        view = cls(
            whole - max(1, (end - begin) // step) * step, whole, step, max(step + scrape, 4 * scrape), instance or ""
        )
        return view if instance else view._replace(instance=view._first_instance(prometheus))

    def _first_instance(self, prometheus: Prometheus) -> str:
        words = {"match[]": f"up{{{OURS}}}", "start": self.begin, "end": self.end}
        return min(prometheus.ask(f"/api/v1/label/instance/values?{urlencode(words)}"), default="")

    def series(self, prometheus: Prometheus, expr: str, legend: str) -> list[Series]:
        """Return the lines that answer a question; what is no number is left out of them."""
        query = expr.replace(SPAN, f"{self.rate * 1000:.0f}ms").replace("$instance", self.instance)
        span = {"start": f"{self.begin}", "end": f"{self.end}", "step": f"{self.step}"}
        found = prometheus.ask("/api/v1/query_range", query=query, **span)["result"]
        lines = [Series(_named(legend, each["metric"]), _points(each["values"])) for each in found]
        return [line for line in lines if line.points]


def _seconds(text: str) -> float:
    return sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhd])", text))


def _named(legend: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), legend).strip() or NAMELESS


def _points(values: list[tuple[float, str]]) -> tuple[tuple[float, float], ...]:
    return tuple((moment, float(value)) for moment, value in values if math.isfinite(float(value)))
