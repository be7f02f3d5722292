import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from taskapi.kit.embedded.leftovers import is_alive
from taskapi.kit.parent import VARIABLE
from tests.waiting import eventually

WORKER = (
    "import sys, time; from taskapi.kit.parent import exit_when_orphaned; exit_when_orphaned(); {habit}time.sleep(60)"
)
PARENT = (
    "import os, subprocess, sys; os.environ[{variable!r}] = str(os.getpid()); "
    "worker = subprocess.Popen([sys.executable, '-c', {worker!r}]); print(worker.pid, flush=True); worker.wait()"
)
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
FORKING = """
import os, select, signal
from taskapi.kit.parent import kept_from_workers

def forked():
    if not (worker := os.fork()):
        signal.pause()
    return worker

def is_closed_by_all_but(worker):
    os.close(theirs)
    print("closed" if select.select([ours], [], [], 0.2)[0] else "open", flush=True)
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)

ours, theirs = os.pipe()
with kept_from_workers(theirs):
    pass
is_closed_by_all_but(forked())
ours, theirs = os.pipe()
with kept_from_workers(theirs):
    is_closed_by_all_but(forked())
"""


@contextmanager
def family(*, variable: str = VARIABLE, habit: str = "") -> Iterator[tuple[psutil.Process, psutil.Process]]:
    """A parent and its worker."""
    program = PARENT.format(variable=variable, worker=WORKER.format(habit=habit))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        yield psutil.Process(parent.pid), worker
        for process in (parent, worker):
            if is_alive(psutil.Process(process.pid)) if psutil.pid_exists(process.pid) else False:
                process.kill()


@pytest.mark.parametrize("habit", ["", STUBBORN])
def test_a_worker_ends_soon_after_its_parent_was_killed(habit: str) -> None:
    with family(habit=habit) as (parent, worker):
        assert is_alive(worker)
        parent.kill()
        eventually(lambda: not is_alive(worker), 5)


def test_a_worker_that_was_not_asked_to_watch_stays() -> None:
    with family(variable="SOMETHING_ELSE") as (parent, worker):
        assert worker.num_threads() == 1
        parent.kill()
        parent.wait(5)
        assert is_alive(worker)


def test_a_forked_worker_does_not_have_what_is_kept_from_it() -> None:
    told = subprocess.run([sys.executable, "-c", FORKING], check=True, capture_output=True, text=True, timeout=30)
    assert told.stdout.split() == ["open", "closed"]
