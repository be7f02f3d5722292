"""This program's end of the guardian: hands it the plan, and holds the pipe whose closing tells it to stop.

The system closes the pipe of a killed process too, which is the point; so no other child may inherit its end.
"""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct, to_builtins

from taskapi.kit.embedded.account import ENVIRONMENT, Account, identity
from taskapi.kit.embedded.failures import StartFailed
from taskapi.kit.parent import kept_from_workers

STOP_SECONDS = 100
"""More than all stages of the plans together may take."""
LAST_LINES = 3
GUARDIAN = "taskapi.kit.embedded.guardian"


class ServerPlan(Struct, frozen=True):
    """How to run one server: `stops` are the signals that end it, each with the seconds before the next is sent."""

    name: str
    description: str
    """What people are told about it."""
    command: list[str]
    folder: str
    log: str
    account: Account | None
    stops: list[tuple[int, float]]
    environment: dict[str, str] = {}
    """What it is told of the world besides `ENVIRONMENT`."""


class Guard:
    """The running guardian."""

    def __init__(self, plans: list[ServerPlan], *, keep: int, scratch: Path | None) -> None:
        """Start the servers; the guardian keeps the descriptor `keep` open as long, and removes `scratch` after."""
        self._plans = plans
        servers = [
            {
                **to_builtins(plan),
                "identity": identity(plan.account),
                "environment": ENVIRONMENT | plan.environment,
            }
            for plan in plans
        ]
        order = {"servers": servers, "scratch": scratch and str(scratch)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", GUARDIAN],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(os.path.isabs, sys.path)), "PYTHONSAFEPATH": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd="/",
            pass_fds=(keep,),
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._lifeline = self._process.stdin
        self._lifeline.write(json.dumps(order).encode() + b"\n")
        self._lifeline.flush()
        self._private = ExitStack()
        for descriptor in (self._lifeline.fileno(), keep):
            self._private.enter_context(kept_from_workers(descriptor))

    def check(self) -> None:
        """Raise `StartFailed`, with the servers' last words, if the guardian has given up."""
        if self._process.poll() is not None:
            raise StartFailed("The embedded servers do not start: " + "; ".join(self._last_words()))

    def wait(self) -> None:
        """Return when the guardian has ended."""
        self._process.wait()

    def stop(self) -> None:
        """Stop the servers in the order of the plans and return when they are gone."""
        self._private.close()
        self._lifeline.close()
        self._process.wait(STOP_SECONDS)

    def _last_words(self) -> list[str]:
        return [
            f"{plan.name}: {' '.join(lines[-LAST_LINES:])}"
            for plan in self._plans
            if Path(plan.log).exists() and (lines := Path(plan.log).read_text(errors="replace").split("\n"))
        ]
