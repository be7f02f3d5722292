"""What is done to running containers while people use them, and what has to hold meanwhile.

Each scenario takes a stack of three instances and leaves it with three healthy ones; each is a sentence.
"""

import time
from collections.abc import Callable

from tests.deploy.stack import Stack, docker
from tests.deploy.traffic import Outcome, Traffic
from tests.waiting import eventually

Scenario = Callable[[Stack], Outcome]
PAUSE = 5
"""Seconds of traffic before, between and after what is done."""

FOUND_AGAIN = 10
"""Seconds within which a new instance gets requests."""


def two_of_three_instances_are_killed(stack: Stack) -> Outcome:
    """One after the other, without a warning; then both come back."""
    with Traffic(stack.url) as traffic:
        killed = stack.containers()[:2]
        for container in killed:
            traffic.for_seconds(PAUSE)
            docker("kill", "--signal", "KILL", container)
        traffic.for_seconds(PAUSE)
        docker("start", *killed)
        for container in killed:
            stack.becomes_healthy(container)
        eventually(lambda: len(stack.serving(2)) == 3, FOUND_AGAIN)
        traffic.for_seconds(PAUSE)
    return traffic.outcome


def one_instance_freezes(stack: Stack) -> Outcome:
    """It takes connections and answers nothing; nobody waits longer than two seconds for that."""
    with Traffic(stack.url) as traffic:
        frozen = stack.containers()[0]
        traffic.for_seconds(PAUSE)
        docker("pause", frozen)
        traffic.for_seconds(4 * PAUSE)
        docker("unpause", frozen)
        eventually(lambda: len(stack.serving(2)) == 3, FOUND_AGAIN)
        traffic.for_seconds(PAUSE)
    assert traffic.outcome.longest < 2.5, f"somebody waited {traffic.outcome.longest:.1f} s"
    return traffic.outcome


def there_are_five_instances_and_then_three(stack: Stack) -> Outcome:
    """New ones get requests within ten seconds of being healthy, removed ones lose none."""
    with Traffic(stack.url) as traffic:
        stack.up(5)
        eventually(lambda: len(stack.serving(2)) == 5, FOUND_AGAIN)
        traffic.for_seconds(PAUSE)
        stack.up(3)
        eventually(lambda: len(stack.serving(2)) == 3, FOUND_AGAIN)
        traffic.for_seconds(PAUSE)
    return traffic.outcome


def every_instance_is_restarted_in_turn(stack: Stack) -> Outcome:
    """As docs/containers.md says it is done."""
    with Traffic(stack.url) as traffic:
        for container in stack.containers():
            docker("restart", "--timeout", "40", container)
            stack.becomes_healthy(container)
        traffic.for_seconds(PAUSE)
    return traffic.outcome


def another_version_takes_over(stack: Stack) -> Outcome:
    """Three new instances beside the old ones, then without them; as docs/containers.md says it is done."""
    with Traffic(stack.url) as traffic:
        old = stack.containers()
        stack.up(6)
        eventually(lambda: len(stack.serving(2)) == 6, FOUND_AGAIN)
        for container in old:
            docker("stop", "--timeout", "40", container)
            docker("rm", container)
        traffic.for_seconds(PAUSE)
    assert not set(old) & set(stack.containers())
    return traffic.outcome


SCENARIOS: tuple[Scenario, ...] = (
    two_of_three_instances_are_killed,
    one_instance_freezes,
    there_are_five_instances_and_then_three,
    every_instance_is_restarted_in_turn,
    another_version_takes_over,
)


def ten_instances_start(stack: Stack) -> float:
    """Return the seconds that it took until all were well."""
    began = time.monotonic()
    stack.up(10)
    assert len(stack.containers()) == 10
    return time.monotonic() - began
