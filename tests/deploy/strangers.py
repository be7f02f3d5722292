"""Instances that behave as ours must not: frozen, dying, slow, talkative.

Each listens on a port of this machine and keeps what it was sent. They stand in for machines that break, never for the
API.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Behaviour = Callable[[socket.socket], None]
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


class Stranger:
    """A listening instance."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.requests: list[str] = []
        self._behaviour = behaviour
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            while head := connection.recv(65536):
                self.requests.append(head.decode("latin-1"))
                self._behaviour(connection)


@contextmanager
def stranger(behaviour: Behaviour) -> Iterator[Stranger]:
    """An instance that does `behaviour` with every request."""
    instance = Stranger(behaviour)
    try:
        yield instance
    finally:
        instance.close()


def polite(connection: socket.socket) -> None:
    """Answer."""
    connection.sendall(ANSWER)


def frozen(_: socket.socket) -> None:
    """Answer nothing and keep the connection, as a stopped process does."""


def dying(connection: socket.socket) -> None:
    """Take the request and go away."""
    connection.shutdown(socket.SHUT_RDWR)


def slow(seconds: float) -> Behaviour:
    """Answer after `seconds`."""

    def answer(connection: socket.socket) -> None:
        time.sleep(seconds)
        polite(connection)

    return answer


def talkative(connection: socket.socket) -> None:
    """Send one event and leave the stream open."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: first\n\n")
