"""Connections stay open through nginx; and what measures them takes no fault for an answer."""

import platform
import socket
from itertools import pairwise
from pathlib import Path

import pytest

from bench.connections.__main__ import measured
from bench.connections.load import Timing, drive
from tests.deploy.strangers import Behaviour, dying, frozen, polite, stranger, talkative
from tests.system.launch import free_port

PEOPLE = 150
SHORT = Timing(interval=0.3, warming=0, rounds=1, starting=1)
IMPATIENT = Timing(interval=0.4, warming=0, rounds=2, patience=0.2, starting=1)

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="only Linux has more than one address of its own")


def busy(connection: socket.socket) -> None:
    """Refuse."""
    connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")


def knowing(connection: socket.socket) -> None:
    """Answer from memory, everybody the same."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nx-cache: hit-memory\r\n\r\nnumber-1")


def nothing() -> None:
    """See nothing."""


def test_everybody_is_answered_on_a_connection_that_stays_open() -> None:
    ours, bare = measured(["one"], PEOPLE, SHORT)
    assert (ours.open, bare.open) == (PEOPLE, PEOPLE)
    assert (ours.errors, bare.errors) == ({}, {})
    assert PEOPLE / 2 < ours.requests <= PEOPLE
    assert 0 < ours.p50_milliseconds <= ours.p99_milliseconds <= ours.max_milliseconds
    assert ours.cpu_microseconds_per_request["app"] > 0
    assert ours.cpu_microseconds_per_request["nginx"] > 0


@pytest.mark.parametrize(
    ("behaviour", "fault", "still_open"),
    [
        (polite, "somebody else's answer", 4),
        (busy, "status 503", 4),
        (talkative, "an answer without a length", 0),
        (dying, "closed", 0),
        (frozen, "no answer in time", 0),
    ],
)
def test_a_fault_is_no_answer(behaviour: Behaviour, fault: str, still_open: int, tmp_path: Path) -> None:
    people = [("token", f"/api/tasks/number-{number}") for number in range(4)]
    with stranger(behaviour) as instance:
        outcome, _, _ = drive(tmp_path, ("127.0.0.1", instance.port), people, IMPATIENT, nothing)
    assert set(outcome.errors) == {fault}
    assert (outcome.open, outcome.requests) == (still_open, 0)


def test_a_task_is_asked_for_every_other_time_before_the_rounds_and_once_in_ten_in_them(tmp_path: Path) -> None:
    people = [(f"token-{number}", "/api/tasks/number-1") for number in range(10)]
    plain = Timing(interval=0.3, opening=2, warming=2, rounds=10, starting=1)
    with stranger(knowing) as instance:
        drive(tmp_path, ("127.0.0.1", instance.port), people, plain, nothing)
    for number, (token, task) in enumerate(people):
        heads = [head for head in instance.requests if f"Bearer {token}\r\n" in head]
        asked = [head.startswith(f"GET {task} ") for head in heads]
        before, counted = asked[:-10], asked[-10:]
        assert len(before) == 4 - number // 2 % 2
        assert all(one != other for one, other in pairwise(before))
        assert sum(counted) == 1


def test_answers_from_memory_are_told_apart(tmp_path: Path) -> None:
    people = [("token", "/api/tasks/number-1")] * 4
    with stranger(knowing) as instance:
        outcome, _, _ = drive(tmp_path, ("127.0.0.1", instance.port), people, IMPATIENT, nothing)
    assert outcome.errors == {}
    assert outcome.from_memory == outcome.requests > 0


def test_nobody_there_is_a_fault_too(tmp_path: Path) -> None:
    people = [("token", "/api/tasks/1")] * 2
    outcome, _, _ = drive(tmp_path, ("127.0.0.1", free_port()), people, IMPATIENT, nothing)
    assert outcome.errors == {"not connected: ConnectionRefusedError": 2}
    assert outcome.open == 0
