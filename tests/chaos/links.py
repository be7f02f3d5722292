"""The links between the processes: how the checker commands the proxies."""

import json
import subprocess
import sys
from types import TracebackType

from tests.chaos.proxy import CUT, PASS


class Link:
    """One proxied way to a server; what runs through it may be moved to another server."""

    def __init__(self, links: "Links", name: str, upstream: int) -> None:
        self._links = links
        self._name = name
        self.upstream = upstream
        self.port = int(links.command(name, PASS, upstream))

    def set(self, mode: str) -> None:
        """Change how it treats what comes."""
        self._links.command(self._name, mode, self.upstream)

    def heal(self) -> None:
        """Pass everything on again. What was swallowed is gone, so the connections that missed it have to end."""
        self.set(CUT)
        self.set(PASS)

    def restore(self) -> None:
        """Pass everything on again, first of all what was held back."""
        self.set(PASS)

    def move(self, upstream: int) -> None:
        """Lead to another server; connections to the one before end."""
        self.upstream = upstream
        self.set(PASS)


class Links:
    """The process of the proxies."""

    def __enter__(self) -> "Links":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.proxy"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def command(self, link: str, mode: str, port: int) -> str:
        """Have a command carried out and return what the process says."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"link": link, "mode": mode, "port": port}) + "\n")
        self._process.stdin.flush()
        told = self._process.stdout.readline().strip()
        if not told:
            raise ConnectionError("the proxies are gone")
        return told
