"""Instances of the API, each on an address of its own as in a network of containers, and named by the name server."""

import random
import socket
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.plain import NO_TLS
from tests.system.launch import Launched
from tests.waiting import eventually
from tests.whole.names import Names

READY_SECONDS = 60


class Instances:
    """The instances that run, by number; stopped after the block."""

    def __init__(self, folder: Path, names: Names, settings: Mapping[str, str]) -> None:
        """Use a network of this machine that hardly anybody else uses."""
        self.port = _port_free_everywhere()
        self.metrics_port = _port_free_everywhere()
        self.running: dict[int, Launched] = {}
        self._network = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}"
        self._folder = folder
        self._names = names
        self.settings = dict(settings)

    def __enter__(self) -> "Instances":
        return self

    def __exit__(self, *_: object) -> None:
        for number in list(self.running):
            self.running[number].__exit__()

    def host(self, number: int) -> str:
        """Return the address of an instance."""
        return f"{self._network}.{number}"

    def address(self, number: int) -> str:
        """Return the address and port of an instance, as nginx logs it."""
        return f"{self.host(number)}:{self.port}"

    def metrics(self, number: int) -> str:
        """Return the address and port where an instance shows its metrics."""
        return f"{self.host(number)}:{self.metrics_port}"

    def start(self, *numbers: int, **settings: str) -> None:
        """Start instances, or those again that have ended; their names are known from now on, as in Docker."""
        for number in numbers:
            folder = self._folder / f"instance-{number}"
            shown = {"TASK_API_METRICS_HOST": self.host(number), "TASK_API_METRICS_PORT": str(self.metrics_port)}
            known = self.settings | shown | settings
            self.running[number] = Launched(folder, port=self.port, host=self.host(number), **known)
        self._tell()

    def replace(self, *numbers: int, **settings: str) -> None:
        """Restart instances in turn, each once the one before it is ready; `settings` go beyond the usual ones."""
        for number in numbers:
            assert self.running[number].end() == 0, self.running[number].err
            self.start(number, **settings)
            self.become_ready(number)

    def has_ended(self, number: int) -> bool:
        """Whether there is no process of it."""
        return number not in self.running or self.running[number].process.poll() is not None

    def become_ready(self, *numbers: int) -> None:
        """Return when they may be sent requests."""
        eventually(lambda: all(map(self._is_ready, numbers)), READY_SECONDS)

    def remove(self, *numbers: int) -> None:
        """Stop instances politely; each loses its name when it has ended, as in Docker."""
        for number in numbers:
            assert self.running[number].end() == 0, self.running[number].err
            del self.running[number]
            self._tell()

    def _tell(self) -> None:
        self._names.addresses = tuple(self.host(number) for number in self.running)

    def _is_ready(self, number: int) -> bool:
        program = self.running[number]
        assert program.process.poll() is None, program.err
        try:
            return httpx.get(f"{program.url}/api/health/ready", timeout=2, verify=NO_TLS).status_code == 200
        except httpx.TransportError:
            return False


def _port_free_everywhere() -> int:
    with socket.socket() as free:
        free.bind(("", 0))
        return int(free.getsockname()[1])
