import json
import os
import signal
import socket
from pathlib import Path

from tests.system.launch import READY_SECONDS, STOP_SECONDS, Launched, gone, started
from tests.waiting import eventually


def begin_to_register(program: Launched) -> tuple[socket.socket, bytes]:
    """Send the first half of a request; returns the line and the second half."""
    body = json.dumps({"email": "ada@example.com", "password": "correct horse battery", "name": "Ada"}).encode()
    head = (
        f"POST /api/auth/register HTTP/1.1\r\nHost: 127.0.0.1:{program.port}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    line = socket.create_connection(("127.0.0.1", program.port), timeout=STOP_SECONDS)
    line.sendall(head.encode() + body[:20])
    assert program.status("/api/health/live") == 200  # so the worker has seen the half as well
    return line, body[20:]


def is_shut(program: Launched) -> bool:
    """Whether the port takes no more connections."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", program.port)) != 0


def test_ctrl_c_stops_everything_without_a_word_of_alarm(fresh: Path) -> None:
    with started(fresh) as program:
        processes = program.processes()
        os.killpg(program.process.pid, signal.SIGINT)  # as a terminal does: to all in the foreground
        assert program.process.wait(STOP_SECONDS) == 0
        assert gone(processes)
        assert program.err.rstrip().endswith("Ctrl-C stops everything.")
        log = next((fresh / "postgresql" / "log").iterdir()).read_text()
        assert "database system is shut down" in log


def test_a_stop_while_it_starts_leaves_nothing_running(fresh: Path) -> None:
    with Launched(fresh) as program:
        processes = eventually(lambda: program.processes() if (fresh / "postgresql").exists() else [], READY_SECONDS)
        assert program.end() == 130
        assert gone(processes)
        assert "Traceback" not in program.err


def test_a_request_in_flight_is_answered_before_the_servers_stop(used: Path) -> None:
    with started(used) as program:
        line, rest = begin_to_register(program)
        with line:
            program.process.send_signal(signal.SIGTERM)
            eventually(lambda: is_shut(program))
            line.sendall(rest)
            answer = b"".join(iter(lambda: line.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 201 "), answer
        assert program.process.wait(STOP_SECONDS) == 0


def test_a_request_that_never_ends_does_not_hold_up_the_stop_for_ever(used: Path) -> None:
    with started(used, TASK_API_SHUTDOWN_GRACE="1") as program:
        processes = program.processes()
        line, _ = begin_to_register(program)
        with line:
            program.end(signal.SIGHUP)  # what a terminal sends when it is closed
        assert gone(processes)


def test_readiness_fails_before_the_port_closes(used: Path) -> None:
    with started(used, TASK_API_DRAIN_SECONDS="60") as program:
        assert program.status("/api/health/ready") == 200
        program.process.send_signal(signal.SIGTERM)
        eventually(lambda: program.status("/api/health/ready") == 503)
        assert program.status("/api/health/live") == 200
        assert program.end() == 0  # a second time: do not wait
