"""Several workers are one program to whoever starts, uses, watches and stops it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import typer

from taskapi.cli.serve import serve
from tests.servers import used_data
from tests.system.launch import STOP_SECONDS, Launched, gone, started
from tests.waiting import eventually

WORKERS = 3
PROBES = 40
"""New connections, each of which the system gives to any worker: that one of three gets none of them is no chance."""


@pytest.fixture(scope="module")
def program() -> Iterator[Launched]:
    """A program with several workers that nobody stops."""
    with used_data() as path, started(path, TASK_API_WORKERS=str(WORKERS)) as running:
        yield running


def statuses(program: Launched, path: str) -> set[int]:
    """What the workers answer, every one of them."""
    return {program.status(path) for _ in range(PROBES)}


def count(program: Launched, part: str) -> int:
    """How many processes of the program have `part` in their command line."""
    return sum(part in " ".join(process.cmdline()) for process in program.processes())


def test_when_it_says_so_once_all_of_them_serve_on_one_pair_of_servers(program: Launched) -> None:
    assert len(program.workers) == WORKERS
    assert statuses(program, "/api/health") == {200}
    assert program.err.count("is ready") == 1
    assert (count(program, "/bin/postgres -D"), count(program, "unixsocket:")) == (1, 1)


def test_one_of_them_looks_for_background_work(program: Launched) -> None:
    events = [json.loads(line)["event"] for line in program.out.splitlines()]
    assert events.count("background jobs run in this process") == 1


def test_what_one_writes_the_others_show_at_once(program: Launched) -> None:
    ada = {"email": "ada@example.com", "password": "correct horse battery", "name": "Ada"}
    assert program.request("POST", "/api/auth/register", json=ada).status_code == 201
    token = program.request("POST", "/api/auth/login", json={k: ada[k] for k in ("email", "password")}).json()["token"]
    as_ada = {"Authorization": f"Bearer {token}"}
    for number in range(1, 11):
        made = program.request("POST", "/api/tasks", json={"title": f"Task {number}"}, headers=as_ada)
        assert made.status_code == 201
        lists = [program.request("GET", "/api/tasks", headers=as_ada).json()["items"] for _ in range(4)]
        assert [len(items) for items in lists] == [number] * 4


def test_one_that_dies_is_replaced_and_the_others_do_not_notice(program: Launched) -> None:
    before = set(program.workers)
    killed = program.workers[0]
    others = before - {killed}
    killed.kill()
    eventually(lambda: gone([killed]) and len(program.workers) == WORKERS, 20)
    assert others < set(program.workers)
    assert statuses(program, "/api/health") == {200}
    assert program.err.count("is ready") == 1


def test_two_that_die_at_once_are_replaced(program: Launched) -> None:
    eventually(lambda: all(is_settled(worker) for worker in program.workers), 20)
    killed = program.workers[:2]
    for worker in killed:
        worker.kill()
    eventually(lambda: gone(killed) and len(program.workers) == WORKERS, 20)
    assert program.process.poll() is None


def is_settled(worker: psutil.Process) -> bool:
    """Whether it lives long enough for its death to be no sign of a fault that repeats."""
    return time.time() - worker.create_time() > 6


def test_readiness_fails_at_every_worker_before_the_port_closes(used: Path) -> None:
    with started(used, TASK_API_WORKERS=str(WORKERS), TASK_API_DRAIN_SECONDS="60") as program:
        processes = program.processes()
        assert statuses(program, "/api/health/ready") == {200}
        program.process.terminate()
        eventually(lambda: statuses(program, "/api/health/ready") == {503})
        assert statuses(program, "/api/health/live") == {200}
        assert program.end() == 0  # a second time: do not wait
        assert gone(processes)


def test_after_a_kill_of_the_program_no_worker_is_left(used: Path) -> None:
    with started(used, TASK_API_WORKERS=str(WORKERS)) as program:
        processes = program.processes()
        program.process.kill()
        program.process.wait(STOP_SECONDS)
        eventually(lambda: gone(processes), 10)
        with pytest.raises(httpx.TransportError):
            program.request("GET", "/api/health/live")


def test_with_reload_there_is_one() -> None:
    with pytest.raises(typer.BadParameter, match="one worker serves with --reload"):
        serve(workers=2, reload=True)
