"""What starts a server again whenever it ends, as Docker does with `restart: unless-stopped`."""

import threading

from tests.gate.postgres import Postgres

POLL_SECONDS = 0.1


class Supervisor:
    """Keeps a PostgreSQL running for the length of the block, however often it ends."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.restarts = 0

    def __enter__(self) -> "Supervisor":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)

    def _watch(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            if self._server.has_ended():
                self._server.launch()
                self.restarts += 1
