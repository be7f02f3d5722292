"""The plug is pulled in the middle of many creates: each task exists exactly once, and what was answered is there."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import psutil
import pytest

from tests.system.launch import STOP_SECONDS, Launched, gone, started
from tests.system.storm import ANSWER_SECONDS, CREATES, Storm
from tests.waiting import eventually

POSTMASTER = "/bin/postgres -D"
ANSWERED_BEFORE = 150
"""So many creates are acknowledged when the plug is pulled."""


@pytest.fixture
def program(used: Path) -> Iterator[Launched]:
    """A program that is ready."""
    with started(used, TASK_API_RATE_LIMIT="0") as running:
        yield running


@pytest.fixture
def storm(program: Launched, used: Path) -> Storm:
    """The creates that are about to be sent."""
    return Storm(program.url, used)


def worker(program: Launched) -> psutil.Process:
    """The process that answers requests."""
    return next(process for process in program.processes() if _listens(process))


def _listens(process: psutil.Process) -> bool:
    return any(line.status == psutil.CONN_LISTEN for line in process.net_connections("inet"))


def is_healthy(program: Launched) -> bool:
    """Whether all parts of it answer."""
    return program.status("/api/health") == 200


@contextmanager
def recovered(program: Launched, used: Path) -> Iterator[None]:
    """The program is well again: by itself or, if it gave up, because a supervisor started it anew."""
    eventually(lambda: program.process.poll() is not None or is_healthy(program), STOP_SECONDS)
    with nullcontext() if program.process.poll() is None else started(used, port=program.port, TASK_API_RATE_LIMIT="0"):
        yield


def test_after_a_kill_of_the_program_each_task_exists_once(program: Launched, storm: Storm, used: Path) -> None:
    storm.run(program.process.kill, ANSWERED_BEFORE)
    assert ANSWERED_BEFORE <= len(storm.acknowledged) < CREATES
    program.process.wait(STOP_SECONDS)
    with started(used, port=program.port, TASK_API_RATE_LIMIT="0"):
        storm.assert_each_exists_once(storm.retry())


def test_after_a_kill_of_the_worker_each_task_exists_once(program: Launched, storm: Storm) -> None:
    killed = worker(program)
    storm.run(killed.kill, ANSWERED_BEFORE)
    storm.assert_each_exists_once(storm.retry())
    assert worker(program) != killed


def test_after_a_kill_of_the_database_each_task_exists_once(program: Launched, storm: Storm, used: Path) -> None:
    storm.run(program.child(POSTMASTER).kill, ANSWERED_BEFORE)
    with recovered(program, used):
        storm.assert_each_exists_once(storm.retry())
    storm.assert_refused_politely()


def test_while_the_database_is_frozen_everybody_is_told_to_come_back(program: Launched, storm: Storm) -> None:
    frozen: list[psutil.Process] = []

    def freeze() -> None:
        frozen.append(program.child(POSTMASTER))
        frozen[0].suspend()  # first, so that no more children come
        frozen.extend(frozen[0].children())
        for backend in frozen[1:]:
            backend.suspend()

    try:
        storm.run(freeze, ANSWERED_BEFORE, go_on=False)
        assert storm.refusals, "everybody was served although the database was frozen"
        assert (program.status("/api/health/live"), program.status("/api/health")) == (200, 503)
    finally:
        for process in reversed(frozen):
            process.resume()
    eventually(lambda: is_healthy(program), ANSWER_SECONDS)
    storm.assert_each_exists_once(storm.retry())
    storm.assert_refused_politely()


def test_at_a_stop_whatever_takes_effect_is_answered(program: Launched, storm: Storm, used: Path) -> None:
    processes = program.processes()
    storm.run(lambda: program.process.send_signal(signal.SIGTERM), ANSWERED_BEFORE)
    assert program.process.wait(STOP_SECONDS) == 0
    assert gone(processes)
    with started(used, port=program.port, TASK_API_RATE_LIMIT="0"):
        assert {task_id for task_id, _ in storm.listed()} == set(storm.acknowledged.values())
