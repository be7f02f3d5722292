"""`/metrics` on a port of its own, served by the program that started the workers; nothing of the API is reached there.

A scraper that is late, a second one, or a worker that does not answer keeps nobody else waiting.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from taskapi.cli.banner import say
from taskapi.config import MetricSettings
from taskapi.kit.metrics.exposition import expose
from taskapi.kit.metrics.families import Snapshot
from taskapi.kit.parent import kept_from_workers

SECONDS = 5
MOST_AT_ONCE = 8
"""Scrapes that are being answered."""

MOST_CONNECTIONS = 64
"""A thread each, for as long as a silent one may last."""

PATH = "/metrics"

Gather = Callable[[], Snapshot]


class Handler(BaseHTTPRequestHandler):
    """Answers one scrape."""

    timeout = SECONDS
    server: "Server"

    def do_GET(self) -> None:
        """Show everything, or say that there is nothing else."""
        if self.path.partition("?")[0] != PATH:
            self._send(404, b"Not found; see /metrics.\n", "text/plain")
        elif not self.server.places.acquire(blocking=False):
            self._send(503, b"Too many scrape at once.\n", "text/plain")
        else:
            try:
                body, kind = expose(self.server.gather(), self.headers.get("Accept", ""))
            finally:
                self.server.places.release()
            self._send(200, body, kind)

    def log_message(self, *_: Any) -> None:
        """Say nothing: scrapes are no news."""

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Listens for scrapers."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = MOST_CONNECTIONS

    def __init__(self, settings: MetricSettings, gather: Gather) -> None:
        self.gather = gather
        self.places = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._connections = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self.address_family, address = _found(settings.metrics_host, settings.metrics_port)
        super().__init__(address, Handler)

    def verify_request(self, *_: Any) -> bool:
        """Take a connection, unless there are too many: it is closed then."""
        return self._connections.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection, from a thread of its own."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    def handle_error(self, *_: Any) -> None:
        """Say nothing: a scraper that went away harms nobody."""


def _found(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    """Return where to listen: at the host's IPv4 address if it has both kinds, as `localhost` often does."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    return family, address


@contextmanager
def exposed(settings: MetricSettings, gather: Gather) -> Iterator[None]:
    """Serve `/metrics` for the length of the block; where the port is taken, say so and go without."""
    try:
        server = Server(settings, gather)
    except OSError as error:
        say(
            f"Metrics cannot be read: port {settings.metrics_port} on {settings.metrics_host}: {error.strerror}. "
            "Set TASK_API_METRICS_PORT to another, or to 0 for none."
        )
        yield
        return
    with server, kept_from_workers(server.fileno()):
        thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join(SECONDS)
