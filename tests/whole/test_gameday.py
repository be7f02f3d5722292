"""What a game day counts as a fault, and that its scenarios expect what there is."""

import pytest

from tests.deploy.traffic import Outcome
from tests.monitoring.expressions import ALERTS
from tests.monitoring.test_rules import moment
from tests.whole.gameday.episode import MOMENTS, Episode
from tests.whole.gameday.observer import Course, Shown
from tests.whole.gameday.report import report
from tests.whole.gameday.scenarios import SCENARIOS, Scenario

REDIS = SCENARIOS[0]
FIRED = {REDIS.expected[0]: Course(pending=4, firing=64, ended=75)}


def played(people: Outcome, courses: dict[str, Course], crowd: Outcome | None = None) -> Episode:
    shown: dict[str, list[Shown | None]] = {name: [Shown(0.5, "a")] * len(REDIS.gauges) for name in MOMENTS}
    return Episode(REDIS, people, crowd, courses, repaired=65, over=80, refused_until=None, shown=shown)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_alert_that_is_expected_has_time_to_fire(scenario: Scenario) -> None:
    assert scenario.expected
    assert all(moment(ALERTS[name]["for"]) < scenario.within for name in scenario.expected)


def test_an_alert_that_fired_and_people_who_were_told_to_come_back_are_no_fault() -> None:
    people = Outcome()
    people.refused["write"] += 1
    assert not list(played(people, FIRED).faults())


@pytest.mark.parametrize("courses", [{}, {REDIS.expected[0]: Course(pending=4)}])
def test_an_alert_that_did_not_fire_is_a_fault(courses: dict[str, Course]) -> None:
    (fault,) = played(Outcome(), courses).faults()
    assert REDIS.expected[0] in fault


@pytest.mark.parametrize("bad", [Outcome(failures=["read: 500"]), Outcome(lost=1), Outcome(doubled=1)])
def test_what_people_must_not_see_is_a_fault_whoever_sees_it(bad: Outcome) -> None:
    assert len(list(played(bad, FIRED).faults())) == 1
    assert len(list(played(Outcome(), FIRED, crowd=bad).faults())) == 1


def test_the_report_tells_alerts_panels_and_people() -> None:
    text = report([played(Outcome(), FIRED)])
    assert f"| `{REDIS.expected[0]}` | 4 s | 64 s | +10 s |" in text
    assert "| gate and cache: Which share of reads is answered from the cache | 50.0% (a) |" in text
    assert "People: 0 answers" in text
    assert "What fired before the repair had ended 15 s after it." in text
