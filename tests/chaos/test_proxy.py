"""The proxies do to connections what a broken network does."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.chaos.links import Link, Links
from tests.chaos.proxy import CUT, DEAF, HANG, PASS, STALL
from tests.waiting import eventually

SECONDS = 10
SILENCE = 0.3


class Echo:
    """A server that sends everything back and remembers it."""

    def __init__(self) -> None:
        self.heard = b""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            while data := connection.recv(100):
                self.heard += data
                connection.sendall(data)
        except OSError:
            return


@pytest.fixture
def echo() -> Iterator[Echo]:
    """A server behind a link."""
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def link(echo: Echo) -> Iterator[Link]:
    """The link."""
    with Links() as links:
        yield Link(links, "one", echo.port)


def connected(link: Link) -> socket.socket:
    """A connection through the link that works."""
    client = socket.create_connection(("127.0.0.1", link.port), SECONDS)
    assert said(client, b"hello") == b"hello"
    return client


def said(client: socket.socket, text: bytes) -> bytes:
    """Send something and return what comes back."""
    client.sendall(text)
    return client.recv(100)


def is_ended(client: socket.socket) -> bool:
    """Wait for the other side to close the connection; fails with a time-out if it does not."""
    try:
        return client.recv(100) == b""
    except ConnectionError:
        return True


def test_a_link_that_is_cut_resets_and_refuses(link: Link) -> None:
    client = connected(link)
    link.set(CUT)
    assert is_ended(client)
    assert is_ended(socket.create_connection(("127.0.0.1", link.port), SECONDS))
    link.heal()
    connected(link)


def test_a_link_that_hangs_swallows_everything(link: Link, echo: Echo) -> None:
    client = connected(link)
    link.set(HANG)
    client.settimeout(SILENCE)
    with pytest.raises(TimeoutError):
        said(client, b"lost")
    assert b"lost" not in echo.heard
    link.heal()
    connected(link)


def test_a_deaf_link_delivers_and_swallows_the_reply(link: Link, echo: Echo) -> None:
    client = connected(link)
    link.set(DEAF)
    client.settimeout(SILENCE)
    with pytest.raises(TimeoutError):
        said(client, b"done")
    assert b"done" in echo.heard


def test_a_stalled_link_delivers_late_what_nobody_waits_for_any_more(link: Link, echo: Echo) -> None:
    client = connected(link)
    link.set(STALL)
    client.settimeout(SILENCE)
    with pytest.raises(TimeoutError):
        said(client, b"late")
    client.close()
    assert b"late" not in echo.heard
    link.set(PASS)
    eventually(lambda: b"late" in echo.heard, SECONDS)


def test_a_link_that_leads_elsewhere_ends_its_connections(link: Link) -> None:
    client, other = connected(link), Echo()
    link.move(other.port)
    assert is_ended(client)
    connected(link)
    assert other.heard == b"hello"
    other.close()
