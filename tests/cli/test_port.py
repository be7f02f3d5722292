import errno
import os
import socket
import threading

import pytest

from taskapi.cli.port import reserved
from taskapi.kit.embedded.failures import StartFailed
from tests.system.launch import free_port


def listener(host: str = "127.0.0.1") -> socket.socket:
    """Somebody who has a port."""
    return socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


def test_workers_may_share_a_reserved_port_and_nobody_else_may_take_it() -> None:
    port = free_port()
    with reserved("localhost", port) as address:
        assert address == "127.0.0.1"
        with pytest.raises(StartFailed, match=f"Port {port} on 127.0.0.1 is taken"), reserved(address, port):
            pass
        with socket.create_server((address, port), reuse_port=True) as worker:
            assert worker.getsockname()[1] == port
    with reserved("127.0.0.1", port):
        pass


def test_who_has_the_port_is_told() -> None:
    with listener() as other:
        port = other.getsockname()[1]
        with pytest.raises(StartFailed, match=rf"taken by process {os.getpid()} \(.+\); is task-api running already\?"):
            reserved("127.0.0.1", port).__enter__()


def test_with_patience_somebody_who_leaves_is_waited_for() -> None:
    with listener() as other:
        port = other.getsockname()[1]
        threading.Timer(0.2, other.close).start()
        with reserved("127.0.0.1", port, patience=10) as address:
            assert address == "127.0.0.1"


def test_a_port_that_the_user_may_not_open_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(StartFailed, match=r"Port 80 on 127.0.0.1 may not be opened by this user; set PORT"):
        reserved("127.0.0.1", 80).__enter__()


def test_a_worker_that_takes_the_port_between_two_looks_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    real, calls = socket.socket.bind, []

    def second_time_lucky(self: socket.socket, address: tuple[str, int]) -> None:
        calls.append(address)
        if len(calls) == 2:
            raise OSError(errno.EADDRINUSE, "Address already in use")
        real(self, address)

    monkeypatch.setattr(socket.socket, "bind", second_time_lucky)
    with pytest.raises(StartFailed, match=f"Port {port} on 127.0.0.1 is taken; is task-api"):
        reserved("127.0.0.1", port).__enter__()
