"""Valkey and the primary stop, start again, forget and run full while people use the API through nginx."""

import signal
import time

import pytest

from tests.deploy.traffic import Traffic
from tests.waiting import eventually
from tests.whole.crowd import BEFORE, BETWEEN, DENSE, tell, traffic_to
from tests.whole.stage import Stage

RECOVERY_SECONDS = 60
FAILED_STARTS = 3


def seconds_until_well(whole: Stage, traffic: Traffic) -> float:
    """Return after how long the primary took log-ins and a second began in which nobody was refused."""
    begun = time.monotonic()
    eventually(whole.primary.takes_log_ins, RECOVERY_SECONDS)
    while True:
        refused, second = traffic.outcome.refused.total(), time.monotonic()
        traffic.for_seconds(1)
        if traffic.outcome.refused.total() == refused:
            return second - begun
        assert second - begun < RECOVERY_SECONDS, "it does not recover by itself"


def test_without_valkey_everybody_is_served(whole: Stage) -> None:
    with traffic_to(whole) as traffic:
        traffic.for_seconds(BEFORE)
        whole.valkey.stop_with_data()
        traffic.for_seconds(BETWEEN)
        whole.valkey.start()
        traffic.for_seconds(BETWEEN)
        whole.valkey.kill()
        whole.valkey.start()
        traffic.for_seconds(BETWEEN)
        for _ in range(3):
            whole.valkey.client.flushall()
            traffic.for_seconds(0.5)
        traffic.for_seconds(BEFORE)
    tell("Valkey stopped, restarted, flushed", traffic.outcome)
    assert traffic.outcome.is_clean(), (traffic.outcome.failures[:5], traffic.outcome.refused)


def test_a_primary_that_is_restarted_loses_nothing(whole: Stage) -> None:
    with traffic_to(whole, DENSE) as traffic:
        traffic.for_seconds(BEFORE)
        whole.primary.stop()
        recovered = seconds_until_well(whole, traffic)
        whole.primary.stop(signal.SIGQUIT)
        recovered = max(recovered, seconds_until_well(whole, traffic))
    tell("primary restarted", traffic.outcome, f"; well again after {recovered:.1f} s")
    assert traffic.outcome.is_honest(), traffic.outcome.failures[:5]


def test_on_a_full_disk_reads_go_on_and_writes_are_refused(whole: Stage) -> None:
    if whole.disk.refusal:
        pytest.skip(whole.disk.refusal)
    with traffic_to(whole) as traffic:
        traffic.for_seconds(BEFORE)
        whole.disk.fill()
        eventually(lambda: traffic.outcome.refused["write"], RECOVERY_SECONDS)
        traffic.for_seconds(BETWEEN)
        refused = dict(traffic.outcome.refused)
        whole.disk.free()
        recovered = seconds_until_well(whole, traffic)
    tell("disk full", traffic.outcome, f"; well again after {recovered:.1f} s")
    assert traffic.outcome.is_honest(), traffic.outcome.failures[:5]
    assert refused.keys() == {"write"}, "somebody could not read"


def test_a_primary_that_a_full_disk_brings_down_comes_back_by_itself(whole: Stage) -> None:
    if whole.disk.refusal:
        pytest.skip(whole.disk.refusal)
    with traffic_to(whole) as traffic:
        traffic.for_seconds(BEFORE)
        whole.exhaust_log()
        traffic.for_seconds(BETWEEN)
        whole.primary.stop(signal.SIGQUIT)
        whole.disk.fill()
        started = whole.supervisor.restarts
        eventually(lambda: whole.supervisor.restarts - started >= FAILED_STARTS, RECOVERY_SECONDS)
        traffic.for_seconds(BETWEEN)
        whole.disk.free()
        recovered = seconds_until_well(whole, traffic)
    tell("primary down on a full disk", traffic.outcome, f"; well again after {recovered:.1f} s")
    assert traffic.outcome.is_honest(), traffic.outcome.failures[:5]
