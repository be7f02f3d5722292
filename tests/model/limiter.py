"""Counting requests against a limit: in one script, and the guide's way, with INCR and then EXPIRE.

Two processes count for one user; either may crash between its commands. Whatever happens, a counter must have an end.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tests.model.explore import Model
from tests.model.states import changed

IDLE, COUNTED, GONE = "idle", "counted", "gone"


class Counter(NamedTuple):
    """The key in Redis, and how far the processes are with their requests."""

    counted: int
    expires: bool
    first: tuple[bool, ...]  # who saw the count become 1, and so has to set the end
    requests: tuple[str, ...]


def limiter(in_one_script: bool, processes: int = 2) -> Model[Counter]:
    """Return the model of one limit."""

    def steps(counter: Counter) -> Iterator[tuple[str, Counter]]:
        if counter.expires:
            yield "the window ends", counter._replace(counted=0, expires=False)
        for process, step in enumerate(counter.requests):
            yield from _steps(counter, process, step, in_one_script)

    start = Counter(0, False, (False,) * processes, (IDLE,) * processes)
    return Model(start, steps, lambda counter: counter, _locked_out)


def _steps(counter: Counter, process: int, step: str, in_one_script: bool) -> Iterator[tuple[str, Counter]]:
    if step == IDLE:
        if in_one_script:
            yield f"p{process} counts", counter._replace(counted=min(counter.counted + 1, 2), expires=True)
            return
        first = changed(counter.first, process, counter.counted == 0)
        counted = counter._replace(counted=min(counter.counted + 1, 2), first=first)
        yield f"p{process} sends INCR", counted._replace(requests=changed(counter.requests, process, COUNTED))
    elif step == COUNTED:
        expires = counter.expires or counter.first[process]
        done = counter._replace(expires=expires, first=changed(counter.first, process, False))
        yield (
            f"p{process} sends EXPIRE if it was first",
            done._replace(requests=changed(counter.requests, process, IDLE)),
        )
        gone = counter._replace(first=changed(counter.first, process, False))
        yield f"p{process} crashes", gone._replace(requests=changed(counter.requests, process, GONE))


def _locked_out(counter: Counter) -> str:
    lasting = counter.counted > 0 and not counter.expires and not any(counter.first)
    return "a counter without an end: its user is locked out for ever" if lasting else ""
