"""Doing several things at the same moment, and holding things up in the database to decide who comes first."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from tests.conftest import Sql

Result = TypeVar("Result")
WAITING = """
SELECT count(*) FROM pg_locks AS lock
WHERE NOT lock.granted AND lock.database IS NOT DISTINCT FROM (
    CASE WHEN lock.locktype = 'transactionid' THEN NULL
    ELSE (SELECT oid FROM pg_database WHERE datname = current_database()) END
)
"""


def at_once(*works: Callable[[], Result]) -> list[Result]:
    """Do all `works` in threads that start together and return their results in order."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], Result]) -> Result:
        start.wait(10)
        return work()

    with ThreadPoolExecutor(len(works)) as threads:
        return [future.result(30) for future in [threads.submit(run, work) for work in works]]


@contextmanager
def person_held(sql: Sql, person_id: str) -> Iterator[None]:
    """Let nobody hold or change a person while the block lasts."""
    sql("BEGIN")
    sql("SELECT id FROM users WHERE id = $1::text::uuid FOR UPDATE", person_id)
    try:
        yield
    finally:
        sql("COMMIT")


def in_this_order(sql: Sql, person_id: str, works: Sequence[Callable[[], Result]]) -> list[Result]:
    """Do all `works`, which hold the person: each comes to wait for that before the next one starts."""
    with ThreadPoolExecutor(len(works)) as threads:
        futures: list[Future[Result]] = []
        with person_held(sql, person_id):
            for number, work in enumerate(works, 1):
                futures.append(threads.submit(work))
                _wait_for_waiters(sql, number)
        return [future.result(30) for future in futures]


def _wait_for_waiters(sql: Sql, number: int) -> None:
    deadline = time.monotonic() + 2.5
    while sql(WAITING)[0][0] < number:
        assert time.monotonic() < deadline, "nobody came to wait"
        time.sleep(0.005)
