"""A real Prometheus that remembers ten minutes which nobody had to wait for: promtool writes them into its storage."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.monitoring.prometheus import Prometheus, promtool, scraping
from tests.waiting import eventually

MINUTES, STEP = 10, 2
NOWHERE = "127.0.0.1:1"
"""Where nothing listens: what is remembered is all there is."""

GAUGES = {
    'up{job="task-api",instance="one"}': 1,
    'up{job="task-api",instance="two"}': 1,
    'ALERTS{alertname="TaskApiInstanceIsDown",alertstate="firing",instance="three"}': 1,
    'http_requests_in_flight{job="task-api",instance="one"}': 3,
    'http_requests_in_flight{job="task-api",instance="two"}': 5,
    'task_api_processes{job="task-api",instance="one",version="1.2.3"}': 2,
    "task_api:requests:rate5m": 20,
    "task_api:failed_requests:rate5m": 0.1,
    "task_api:slow_requests:rate5m": 0.4,
}
FAST = 'job="task-api",instance="one",method="GET",route="/api/tasks",status_code="200"'
FAILED = 'job="task-api",instance="two",method="POST",route="/api/<tasks>",status_code="503"'
COUNTERS = {
    f'http_request_duration_seconds_bucket{{{FAST},le="0.125"}}': 20,
    f'http_request_duration_seconds_bucket{{{FAST},le="+Inf"}}': 20,
    f'http_request_duration_seconds_bucket{{{FAILED},le="0.125"}}': 0.5,
    f'http_request_duration_seconds_bucket{{{FAILED},le="+Inf"}}': 0.5,
    f"http_request_duration_seconds_count{{{FAST}}}": 20,
    f"http_request_duration_seconds_count{{{FAILED}}}": 0.5,
    'rate_limit_refusals_total{job="task-api",instance="one",limit="user"}': 0.25,
}
"""How much they grow in a second."""


class Memory(NamedTuple):
    """The Prometheus, and when what it remembers ends."""

    prometheus: Prometheus
    end: int


@contextmanager
def remembering(folder: Path) -> Iterator[Memory]:
    """Run it for the length of the block."""
    end = int(time.time()) // 60 * 60 - 3600
    text = folder / "remembered"
    text.write_text("\n".join((*_samples(end), "# EOF\n")), encoding="utf-8")
    promtool("tsdb", "create-blocks-from", "openmetrics", text, folder / "data")
    with scraping(folder, [NOWHERE]) as prometheus:
        eventually(lambda: prometheus.values("up") == [0])  # how often it scrapes is known from then on
        yield Memory(prometheus, end)


def _samples(end: int) -> Iterator[str]:
    seconds = range(0, 60 * MINUTES + 1, STEP)
    begin = end - seconds[-1]
    for series, value in GAUGES.items():
        yield from (f"{series} {value} {begin + second}" for second in seconds)
    for series, slope in COUNTERS.items():
        yield from (f"{series} {slope * second} {begin + second}" for second in seconds)
