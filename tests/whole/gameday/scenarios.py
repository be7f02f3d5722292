"""The scenarios, in the order in which they are played: those whose alerts end at once come first."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from tests.deploy.traffic import Outcome
from tests.whole.gameday.causes import Begin, instance_killed, many_log_ins, primary_throttled, redis_gone, table_locked
from tests.whole.gameday.observer import Gauge, gauge
from tests.whole.stage import Stage


class Scenario(NamedTuple):
    """Something that goes wrong, and what has to be noticed of it."""

    name: str
    done: str
    cause: Callable[[Stage, Begin], AbstractContextManager[Outcome | None]]
    """Gives what those saw who belong to the cause, if there are any."""
    expected: tuple[str, ...]
    """Alerts that have to fire."""
    within: int
    """Seconds that all of them may take."""
    gauges: tuple[Gauge, ...]


SLOWEST = gauge("How long the slowest of a hundred requests took")
FAILED = gauge("Which routes answer 5xx")
SLOW_BUDGET = gauge("How fast the allowance for slow answers is used up")

SCENARIOS = (
    Scenario(
        "redis",
        "Valkey is stopped.",
        redis_gone,
        ("TaskApiIsCutOffFromRedis",),
        120,
        (
            gauge("How many processes are cut off from Redis"),
            gauge("Which share of reads is answered from the cache"),
            gauge("How many statements a second are run"),
            SLOWEST,
            FAILED,
        ),
    ),
    Scenario(
        "instance",
        "One of the three instances is killed with `kill -9`.",
        instance_killed,
        ("TaskApiInstanceIsDown",),
        120,
        (
            gauge("How many instances answer"),
            gauge("How many processes may serve what is kept"),
            SLOWEST,
            FAILED,
        ),
    ),
    Scenario(
        "log-ins",
        "150 people log in again and again, with 0.2 s between an answer and the next time.",
        many_log_ins,
        ("TaskApiPasswordsQueue",),
        150,
        (
            gauge("How long hashing a password takes", 3),
            gauge("How many requests it has in progress", 3),
            gauge("How late its event loop runs", 3),
            gauge("Which routes are slowest"),
            SLOWEST,
            FAILED,
            SLOW_BUDGET,
        ),
    ),
    Scenario(
        "pool",
        "A session holds `LOCK TABLE tasks IN SHARE MODE` while 150 people more write, each 4 s after an answer.",
        table_locked,
        ("TaskApiWaitsForConnections", "TaskApiErrorBudgetBurnsFast"),
        300,
        (
            gauge("How many requests wait for a connection"),
            gauge("How long requests wait for a connection", 3),
            gauge("How many connections are busy"),
            gauge("Which statements take longest"),
            FAILED,
            SLOWEST,
        ),
    ),
    Scenario(
        "database",
        "The primary stands still for 1.5 s of every 1.8 s.",
        primary_throttled,
        ("TaskApiStatementIsSlow",),
        300,
        (
            gauge("Which statements take longest"),
            gauge("Which routes are slowest"),
            SLOWEST,
            SLOW_BUDGET,
            FAILED,
            gauge("How many processes may serve what is kept"),
            gauge("Which share of reads is answered from the cache"),
        ),
    ),
)
