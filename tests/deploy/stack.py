"""The project's compose files, run by a Docker engine under a name and a port of their own."""

import json
import os
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.shape.source import ROOT
from tests.system.launch import free_port
from tests.waiting import eventually

MEASURING = """
services:
  app:
    environment: {TASK_API_RATE_LIMIT: "0"}
"""
"""Nobody is limited while we measure."""

ELSEWHERE = """
services:
  postgres: {ports: !override ["127.0.0.1::5432"]}
  redis: {ports: !override ["127.0.0.1::6379"]}
"""
"""Free ports for the developers' servers, since somebody may be using theirs."""


class Stack:
    """The containers of some compose files with an addition."""

    def __init__(self, folder: Path, *files: Path, addition: str = MEASURING) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.project = f"task-api-check-{secrets.token_hex(3)}"
        added = folder / "addition.yml"
        added.write_text(addition, encoding="utf-8")
        self._command = ["docker", "compose", "--project-directory", str(ROOT), "-p", self.project]
        self._command += [part for path in (*files, added) for part in ("-f", str(path))]
        self._environment = os.environ | {
            "DB_PASSWORD": secrets.token_hex(16),
            "JWT_SECRET": secrets.token_hex(32),
            "HTTP_PORT": f"127.0.0.1:{self.port}",
        }

    def __enter__(self) -> "Stack":
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove everything, data too."""
        self.compose("--profile", "*", "down", "--volumes", "--timeout", "40")

    def compose(self, *arguments: str) -> str:
        """Run a command of compose; raises with what it said if it fails."""
        return _output([*self._command, *arguments], self._environment)

    def up(self, instances: int | None = None, profile: str = "") -> None:
        """Start what is missing and return when everything is well; a profile has further services."""
        scale = () if instances is None else ("--scale", f"app={instances}")
        self.compose("--profile", profile, "up", "--detach", "--wait", "--pull", "never", "--no-recreate", *scale)

    def containers(self, service: str = "app") -> list[str]:
        """Return the ids of a service's running containers."""
        return self.compose("ps", "--quiet", service).split()

    def becomes_healthy(self, container: str, seconds: float = 90) -> None:
        """Return when its health check passes."""
        eventually(lambda: _state(container).get("Health", {}).get("Status") == "healthy", seconds)

    def serving(self, seconds: float) -> set[str]:
        """Return the addresses of the instances that nginx has sent requests to in the last `seconds`."""
        lines = self.compose("logs", "--no-log-prefix", "--since", f"{seconds}s", "nginx").splitlines()
        entries = [json.loads(line) for line in lines if line.startswith("{")]
        return {entry["instance"] for entry in entries if ":" in entry["instance"] and "," not in entry["instance"]}

    def is_up(self) -> bool:
        """Say whether the API is well, seen through nginx."""
        return httpx.get(f"{self.url}/api/health", timeout=5).status_code == 200


def docker(*arguments: str) -> str:
    """Run a command of Docker."""
    return _output(["docker", *arguments], dict(os.environ))


def layers(image: str) -> list[int]:
    """Return the bytes of the image's layers above its base, which is the image of Python."""
    sizes = docker("history", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}", image).splitlines()
    own: list[int] = []
    for line in sizes:
        size, _, command = line.partition(" ")
        if "python3" in command:  # the base's own command is its last line
            break
        own.append(int(size))
    return own


def _state(container: str) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(docker("inspect", "--format", "{{json .State}}", container))
    return state


def _output(command: Sequence[str], environment: dict[str, str]) -> str:
    said = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert said.returncode == 0, f"{' '.join(command)}\n{said.stdout[-2000:]}{said.stderr[-4000:]}"
    return said.stdout
