"""Starts the embedded servers, keeps them up, and stops them when the program that asked for them has ended.

A program of its own, in a session of its own, so that neither Ctrl-C nor the death of the program takes it
along. Its standard input is the lifeline: first one line of JSON, the plan, then silence until it closes.
Only the standard library is imported, so that it is up in milliseconds. It must never write to standard
output and never outlive its servers.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

POLL_SECONDS = 0.2
SETTLED_SECONDS = 5
"""A server that lasted so long had started well; what ended it came from outside, and trying again makes sense."""
ATTEMPTS_NEW = 2
ATTEMPTS_SETTLED = 8
LONGEST_PAUSE = 1.0


class Server:
    """One server process, started again when it ends by itself."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self._settled = False
        self._failures = 0
        self._start()

    def keep_up(self) -> bool:
        """Start the server again if it has ended; False if that has failed too often."""
        if self._process.poll() is None:
            return True
        if time.monotonic() - self._started > SETTLED_SECONDS:
            self._settled, self._failures = True, 0
        self._failures += 1
        if self._failures > (ATTEMPTS_SETTLED if self._settled else ATTEMPTS_NEW):
            return False
        if self._settled:
            say(f"{self._plan['name']} ended unexpectedly (status {self._process.returncode}); starting it again")
        time.sleep(min(LONGEST_PAUSE, 0.05 * 2**self._failures))
        self._start()
        return True

    def stop(self) -> None:
        """End it, ever less politely."""
        for number, seconds in self._plan["stops"]:
            if self._process.poll() is None:
                self._process.send_signal(number)
                try:
                    self._process.wait(seconds)
                except subprocess.TimeoutExpired:
                    say(f"{self._plan['name']} did not stop within {seconds} seconds")

    def _start(self) -> None:
        self._started = time.monotonic()
        log = os.open(self._plan["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            self._process = subprocess.Popen(
                self._plan["command"],
                cwd=self._plan["folder"],
                env=self._plan["environment"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                umask=0o077,
                **self._plan["identity"],
            )
        finally:
            os.close(log)


def say(sentence: str) -> None:
    """Tell a person; there may be nobody left to read it."""
    try:
        sys.stderr.write(f"task-api: {sentence}\n")
        sys.stderr.flush()
    except OSError:
        pass


def watch(servers: Sequence[Server], lifeline: int) -> bool:
    """Keep the servers up until the lifeline closes (True), or one cannot be kept up (False)."""
    while not is_closed(lifeline, POLL_SECONDS):
        if not all(server.keep_up() for server in servers):
            return False
    return True


def is_closed(lifeline: int, seconds: float) -> bool:
    """Wait up to `seconds` for the other end to be closed."""
    readable, _, _ = select.select([lifeline], [], [], seconds)
    return bool(readable) and not os.read(lifeline, 4096)


def main(lifeline: int) -> int:
    """Return the exit status: 1 if a server could not be kept up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A handler rather than SIG_IGN, which the servers would inherit. Only the lifeline ends this process.
        signal.signal(number, lambda *_: None)
    with open(lifeline, "rb", buffering=0, closefd=False) as reader:
        line = reader.readline()
    if not line.endswith(b"\n"):
        return 0
    plan = json.loads(line)
    servers: list[Server] = []
    try:
        for server in plan["servers"]:
            servers.append(Server(server))  # noqa: PERF401 - what started is stopped if one fails
        return 0 if watch(servers, lifeline) else 1
    except OSError as error:
        say(f"A server cannot be started: {error}")
        return 1
    finally:
        for server in servers:
            server.stop()
        if plan["scratch"]:
            shutil.rmtree(plan["scratch"], ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.stdin.fileno()))
