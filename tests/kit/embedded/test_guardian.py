import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from taskapi.kit.embedded.guard import GUARDIAN
from tests.waiting import eventually

STUBBORN = "trap '' TERM; echo ready; while :; do /bin/sleep 0.05; done"
Plan = Callable[..., dict[str, Any]]


@pytest.fixture
def plan(folder: Path) -> Plan:
    """Makes the plan of one server, a command of the shell."""

    def plan(command: str, *, program: str = "/bin/sh") -> dict[str, Any]:
        return {
            "name": "Server",
            "command": [program, "-c", command],
            "folder": str(folder),
            "log": str(folder / "log"),
            "identity": {},
            "stops": [[signal.SIGTERM, 0.2], [signal.SIGKILL, 5]],
            "environment": {},
        }

    return plan


def guardian(*plans: dict[str, Any], scratch: Path | None = None) -> subprocess.Popen[str]:
    """Start a guardian with the plans."""
    process = subprocess.Popen(
        [sys.executable, "-m", GUARDIAN], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    order: dict[str, Any] = {"servers": plans, "scratch": scratch and str(scratch)}
    process.stdin.write(json.dumps(order) + "\n")
    process.stdin.flush()
    return process


def test_when_the_lifeline_closes_servers_end_and_what_was_lent_is_tidied_up(plan: Plan, folder: Path) -> None:
    (folder / "scratch").mkdir()
    process = guardian(plan("exec /bin/sleep 60"), scratch=folder / "scratch")
    (server,) = eventually(psutil.Process(process.pid).children)
    _, told = process.communicate(timeout=10)
    assert (process.returncode, told) == (0, "")
    assert not server.is_running()
    assert not (folder / "scratch").exists()


def test_a_server_is_told_what_its_plan_says_and_nothing_else(plan: Plan, folder: Path) -> None:
    told = {"environment": {"WORD": "so"}}
    process = guardian(plan('echo "$WORD$HOME" > said; exec /bin/sleep 60') | told)
    said = eventually(lambda: (folder / "said").exists() and (folder / "said").read_text())
    process.communicate(timeout=10)
    assert said == "so\n"


def test_a_server_that_does_not_listen_is_ended_by_force(plan: Plan, folder: Path) -> None:
    process = guardian(plan(STUBBORN))
    eventually(lambda: (folder / "log").exists() and (folder / "log").read_text())
    _, told = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "Server did not stop within 0.2 seconds" in told


def test_a_server_that_cannot_be_kept_up_is_given_up_with_all_others(plan: Plan) -> None:
    with guardian(plan("exec /bin/sleep 60"), plan("exit 3")) as process:
        assert process.wait(10) == 1


def test_a_program_that_is_not_there_is_one_sentence(plan: Plan) -> None:
    with guardian(plan("", program="/no/such/server")) as process:
        assert process.wait(10) == 1
        assert process.stderr is not None
        told = process.stderr.read()
    assert told == "task-api: A server cannot be started: [Errno 2] No such file or directory: '/no/such/server'\n"


def test_a_program_that_dies_before_it_has_told_the_plan_leaves_nothing() -> None:
    process = subprocess.run([sys.executable, "-m", GUARDIAN], input='{"servers": [', check=True, text=True, timeout=10)
    assert process.returncode == os.EX_OK
