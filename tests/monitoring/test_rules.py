"""The rules are what Prometheus reads, every alert is seen to fire and not to, and says what to do then."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.files import HERE, RULES
from tests.monitoring.expressions import ALERTS, FOREIGN, RECORDED, RECORDS, SELECTED, asked, shown
from tests.monitoring.prometheus import configured, promtool
from tests.shape.source import ROOT
from tests.shape.test_deployment_docs import anchors

SCENARIOS = sorted((HERE / "tests").glob("*.yml"))
TESTS: list[dict[str, Any]] = [
    test for path in SCENARIOS for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
]
NAMED = re.compile(r'alertname="(\w+)"')
SECONDS = {"s": 1, "m": 60, "h": 3600}
OPERATIONS = ROOT / "docs" / "operations.md"


def moment(text: str) -> int:
    """Return the seconds of a time such as `1h30m`."""
    return sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)([smh])", text))


def firing(test: dict[str, Any]) -> list[set[str]]:
    """Return which alerts a scenario expects, at each of its moments in turn."""
    looks = [look for look in test["promql_expr_test"] if "ALERTS" in look["expr"]]
    return [
        set(NAMED.findall(str(look.get("exp_samples"))))
        for look in sorted(looks, key=lambda it: moment(it["eval_time"]))
    ]


def test_prometheus_reads_the_rules() -> None:
    said = promtool("check", "rules", *sorted(RULES.glob("*.yml")))
    assert "SUCCESS" in said
    assert "FAILED" not in said


def test_prometheus_reads_its_configuration(tmp_path: Path) -> None:
    promtool("check", "config", configured(tmp_path))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.name)
def test_the_alerts_of_each_scenario_fire_and_no_others(path: Path) -> None:
    promtool("test", "rules", path)


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_is_seen_silent_and_then_firing(alert: str) -> None:
    expected = [firing(test) for test in TESTS]
    assert any(alert in later and alert not in moments[0] for moments in expected for later in moments[1:])


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_says_how_bad_it_is_and_what_to_do(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    page, _, heading = rule["annotations"]["runbook_url"].partition("#")
    assert heading in set(anchors(ROOT / page))


def test_the_page_lists_each_alert_with_its_runbook() -> None:
    text = OPERATIONS.read_text(encoding="utf-8")
    listed = {
        name: line for line in text.splitlines() if line.startswith("|") for name in re.findall(r"`(TaskApi\w+)`", line)
    }
    assert listed.keys() == ALERTS.keys()
    for name, line in listed.items():
        heading = ALERTS[name]["annotations"]["runbook_url"].partition("#")[2]
        assert f"#{heading})" in line, name


def test_every_metric_that_is_asked_for_is_one() -> None:
    known = shown() | FOREIGN
    for place, expr in asked():
        selected, recorded = set(SELECTED.findall(expr)), set(RECORDED.findall(expr))
        assert selected | recorded, place
        assert selected <= known, place
        assert recorded <= RECORDS, place


def test_nobody_elses_metrics_are_mixed_in() -> None:
    for place, expr in asked():
        for name, labels in re.findall(r"\b([a-zA-Z_]\w*)\{([^}]*)\}", expr):
            assert 'job="task-api' in labels or name.startswith(("kube_", "ALERTS")), place
