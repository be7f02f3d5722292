"""The people who use the whole during these tests, and what is told of what they saw."""

from tests.deploy.traffic import Outcome, Traffic
from tests.whole.stage import Stage

PAUSE = 0.04
"""Seconds that each of eight people waits between two requests: some two hundred a second."""

DENSE = 0.005
"""The same where a request should be under way at any moment."""

BEFORE, BETWEEN = 1.5, 2.5
"""Seconds of traffic before, between and after what is done."""


def traffic_to(whole: Stage, pause: float = PAUSE) -> Traffic:
    """Return nine reads for each keyed write, through nginx."""
    return Traffic(whole.nginx.url, pause=pause)


def tell(name: str, outcome: Outcome, further: str = "") -> None:
    """Print a line for the report."""
    print(f"{name}: {outcome}{further}")
