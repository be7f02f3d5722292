"""A real Prometheus watches three instances: every panel has something to show, every rule can be evaluated."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest

from monitoring.dashboards import DASHBOARDS
from tests.deploy.traffic import Traffic
from tests.monitoring.prometheus import Prometheus, scraping
from tests.people import Client
from tests.servers import data_folder
from tests.waiting import eventually
from tests.whole.stage import FIRST, Stage

QUERIES = {
    f"{board.name}: {panel.title} {number}": query.expr
    for board in DASHBOARDS
    for panel in board.panels
    for number, query in enumerate(panel.queries, 1)
}
SUMMARIES = 7
"""Requests of a kind that nobody else sends."""

SUMMARY = "/api/tasks/summary"
SEEN_SECONDS = 40
"""A scrape is repeated after two seconds, and one that finds no processor free is lost."""


class Watch(NamedTuple):
    """Who watches whom."""

    prometheus: Prometheus
    native: Prometheus
    """Another one, which reads native histograms."""
    stage: Stage

    def shows(self, panel: str, prometheus: Prometheus) -> bool:
        """Whether there is a number to show, of the first instance where the panel is about one."""
        instance = self.stage.instances.metrics(FIRST[0])
        expr = QUERIES[panel].replace("$__rate_interval", "1m").replace("$instance", instance)
        return any(map(math.isfinite, prometheus.values(expr)))


@pytest.fixture(scope="module")
def watch(calm: Stage) -> Iterator[Watch]:
    """A Prometheus that has seen traffic on each instance begin and go on."""
    targets = [calm.instances.metrics(number) for number in FIRST]
    with (
        data_folder() as folder,
        data_folder() as another,
        scraping(folder, targets) as prometheus,
        scraping(another, targets, "native-histograms") as native,
    ):
        eventually(lambda: all(sees_all(each) for each in (prometheus, native)), SEEN_SECONDS)
        counted = f'sum(max_over_time(http_request_duration_seconds_count{{route="{SUMMARY}"}}[1m]))'
        (before,) = prometheus.values(counted)
        with Traffic(calm.nginx.url, pause=0.02) as traffic:
            for number in FIRST:
                visit(calm.instances.running[number].url)
            traffic.for_seconds(4)
        eventually(lambda: prometheus.values(counted) == [before + SUMMARIES * len(FIRST)], SEEN_SECONDS)
        yield Watch(prometheus, native, calm)


def sees_all(prometheus: Prometheus) -> bool:
    """Whether it has read the metrics of each instance."""
    return prometheus.values('sum(max_over_time(up{job="task-api"}[1m]))') == [len(FIRST)]


def visit(url: str) -> None:
    """Come to one instance: log in, write, ask for what is kept, and for what nobody else asks."""
    with Client(url) as ada:
        ada.register("ada")
        ada.log_in().task()
        answers = [ada.get(SUMMARY).status_code for _ in range(SUMMARIES)]
    assert answers == [200] * SUMMARIES


@pytest.mark.parametrize("panel", QUERIES)
def test_every_panel_has_something_to_show(watch: Watch, panel: str) -> None:
    eventually(lambda: watch.shows(panel, watch.prometheus), SEEN_SECONDS)


@pytest.mark.parametrize("panel", [panel for panel, expr in QUERIES.items() if "histogram_quantile" in expr])
def test_quantiles_are_taken_from_native_histograms_too(watch: Watch, panel: str) -> None:
    assert watch.native.values("histogram_count(http_request_duration_seconds)")
    eventually(lambda: watch.shows(panel, watch.native), SEEN_SECONDS)


def test_every_rule_is_evaluated_and_nothing_fires(watch: Watch) -> None:
    eventually(lambda: all(rule["health"] == "ok" for rule in watch.prometheus.rules()), SEEN_SECONDS)
    assert not [rule["lastError"] for rule in watch.prometheus.rules() if rule.get("lastError")]
    assert not [rule["name"] for rule in watch.prometheus.rules() if rule.get("state") == "firing"]


def test_alerts_see_an_instance_that_is_killed_and_redis_that_is_away(watch: Watch) -> None:
    watch.stage.instances.running[FIRST[-1]].kill()
    watch.stage.valkey.stop_with_data()
    try:
        eventually(lambda: is_on_its_way(watch, "TaskApiInstanceIsDown"), SEEN_SECONDS)
        eventually(lambda: is_on_its_way(watch, "TaskApiIsCutOffFromRedis"), SEEN_SECONDS)
        assert watch.prometheus.state("TaskApiIsGone") == "inactive"
    finally:
        watch.stage.valkey.start()
        watch.stage.instances.start(FIRST[-1])
        watch.stage.instances.become_ready(FIRST[-1])
    eventually(lambda: watch.prometheus.state("TaskApiIsCutOffFromRedis") == "inactive", SEEN_SECONDS)


def is_on_its_way(watch: Watch, alert: str) -> bool:
    """Whether an alert will fire if things stay so; somebody has to ask the gate for it to notice."""
    for number in FIRST[:-1]:
        httpx.get(f"{watch.stage.instances.running[number].url}/api/tasks", timeout=5)
    return watch.prometheus.state(alert) == "pending"
