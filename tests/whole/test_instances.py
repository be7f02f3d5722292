"""Instances are killed, freeze, are restarted, come and go, while people use the API through nginx without a pause."""

import time

from tests.whole.crowd import BEFORE, BETWEEN, DENSE, tell, traffic_to
from tests.whole.stage import FIRST, Stage

FOUND_AGAIN = 10
"""Seconds after which an instance that is back, or new, gets requests at the latest."""

LONGEST = 2.0
"""Seconds that a request may wait for a frozen instance, on a machine that does nothing else."""


def test_two_of_three_are_killed_and_nobody_notices(whole: Stage) -> None:
    with traffic_to(whole, DENSE) as traffic:
        traffic.for_seconds(BEFORE)
        for number in FIRST[:2]:
            whole.instances.running[number].kill()
            traffic.for_seconds(BETWEEN)
        whole.instances.start(*FIRST[:2])
        whole.instances.become_ready(*FIRST[:2])
        back = time.monotonic()
        whole.all_serve(FOUND_AGAIN)
        found = time.monotonic() - back
        traffic.for_seconds(BEFORE)
    tell("two of three killed", traffic.outcome, f"; back in service after {found:.1f} s")
    assert traffic.outcome.is_clean(), traffic.outcome.failures[:5]


def test_one_freezes_and_nobody_waits_long(whole: Stage) -> None:
    with traffic_to(whole) as control:
        control.for_seconds(BETWEEN)
    with traffic_to(whole) as traffic:
        traffic.for_seconds(BEFORE)
        with whole.instances.running[1].frozen():
            traffic.for_seconds(3 * BETWEEN)
        back = time.monotonic()
        whole.all_serve(FOUND_AGAIN)
        found = time.monotonic() - back
    usual = control.outcome.longest
    tell("one of three frozen", traffic.outcome, f"; usually {usual:.2f} s; back in service after {found:.1f} s")
    assert traffic.outcome.is_clean(), traffic.outcome.failures[:5]
    assert 1.0 < traffic.outcome.longest < LONGEST + usual


def test_all_are_restarted_in_turn_and_nobody_notices(whole: Stage) -> None:
    with traffic_to(whole) as traffic:
        whole.instances.replace(*FIRST)
        whole.all_serve(FOUND_AGAIN)
    tell("rolling restart", traffic.outcome)
    assert traffic.outcome.is_clean(), traffic.outcome.failures[:5]


def test_two_more_come_and_go_and_nobody_notices(whole: Stage) -> None:
    with traffic_to(whole) as traffic:
        whole.instances.start(4, 5)
        whole.instances.become_ready(4, 5)
        ready = time.monotonic()
        whole.all_serve(FOUND_AGAIN)
        found = time.monotonic() - ready
        traffic.for_seconds(BEFORE)
        whole.instances.remove(4, 5)
        traffic.for_seconds(BETWEEN)
    tell("five and back to three", traffic.outcome, f"; new ones in service after {found:.1f} s")
    assert traffic.outcome.is_clean(), traffic.outcome.failures[:5]
