"""A Valkey of one test: started, killed, restarted with or without its data, followed by a replica."""

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as NotThere
from redis.exceptions import RedisError

from taskapi.kit.embedded.programs import find_valkey
from tests.servers import data_folder


class Valkey:
    """One server process on a port of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self.client = Redis(port=self.port, socket_timeout=10)
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; returns when it answers."""
        program = str(find_valkey(None, self._folder).executable)
        place = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder))
        habits = ("--save", "", "--repl-diskless-sync-delay", "0")
        command = [program, *place, *habits, *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not self._answers():
            assert time.monotonic() < deadline, "Valkey did not start"
            time.sleep(0.01)

    def start_again(self) -> None:
        """Start it unless it runs."""
        if self._process is None or self._process.poll() is not None:
            self.start()

    def kill(self) -> None:
        """Kill it; what it did not save is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def stop_with_data(self) -> None:
        """Stop it so that the next start finds the data."""
        with contextlib.suppress(NotThere):
            self.client.shutdown(save=True)
        assert self._process is not None
        self._process.wait(10)

    def pause(self) -> None:
        """Let it stand still: connections stay, answers do not come."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def run(self, *command: str | int) -> Any:
        """Run a command for which the client has no method."""
        return self.client.execute_command(*command)  # type: ignore[no-untyped-call]

    def keys_without_end(self) -> list[bytes]:
        """Return the keys that would stay for ever."""
        return [key for key in self.client.scan_iter(count=1000) if self.client.ttl(key) == -1]

    def _answers(self) -> bool:
        with contextlib.suppress(RedisError):
            return bool(self.client.ping())
        return False


@contextmanager
def running_valkey(*options: str) -> Iterator[Valkey]:
    """Run a server for the length of the block."""
    with data_folder() as folder:
        server = Valkey(folder, *options)
        server.start()
        try:
            yield server
        finally:
            server.client.close()
            server.kill()


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
