"""What is measured: the API and a bare application in its place, each behind the same nginx or without one."""

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import msgspec

from bench.connections.client import LIST
from bench.load import LoadFailed
from bench.serving import serving
from bench.shapes import recorded
from tests.deploy.balancer import balancing
from tests.system.launch import Launched

HOST = "127.0.0.1"
OPENING = 12
"""Intervals over which people come: of each who is new, a session, a list and a task have to be loaded, and one process
that got all of them within half the time answered 503 to many."""

BARE_OPENING = 3
MEMORY = "128"
"""MiB of kept answers in each instance: two answers for each of 15,000 people, of whom any instance meets all."""

RECORD_SECONDS = 60.0
"""Until an answer comes from memory; whose versions are new is not answered so for eight seconds."""

Person = tuple[str, str]


class Scene(NamedTuple):
    """How many instances there are, and whether nginx is before them."""

    name: str
    instances: int
    balanced: bool


SCENES = {
    scene.name: scene
    for scene in (
        Scene("three", 3, balanced=True),
        Scene("one", 1, balanced=True),
        Scene("alone", 1, balanced=False),
    )
}


@contextmanager
def ours(scene: Scene, environment: Mapping[str, str], folder: Path) -> Iterator[int]:
    """Run the program as it is deployed, with all of its limits; gives the port to ask."""
    settings = {
        **environment,
        "TASK_API_INSTANCES": str(scene.instances),
        "TASK_API_CACHE_MEMORY_MB": MEMORY,
        "TASK_API_TRUSTED_PROXIES": f"{HOST}/32",
        "TASK_API_LOG_FORMAT": "json",
    }
    with ExitStack() as stack:
        names = [folder / f"{scene.name}-{secrets.token_hex(4)}" for _ in range(scene.instances)]
        launched = [stack.enter_context(Launched(name, host=HOST, port=None, **settings)) for name in names]
        yield stack.enter_context(_entrance(scene, [instance.until_ready().port for instance in launched]))


@contextmanager
def bare(scene: Scene, recording: Path) -> Iterator[int]:
    """Run the bare application in the same way; gives the port to ask."""
    with ExitStack() as stack:
        environment = {"RECORDED": str(recording)}
        urls = [stack.enter_context(serving("bench.app:create_bare", environment)) for _ in range(scene.instances)]
        yield stack.enter_context(_entrance(scene, [urlsplit(url).port or 0 for url in urls]))


def record(port: int, person: Person, file: Path) -> None:
    """Write down what a person is answered from memory, for the bare application to send to everybody."""
    token, task = person
    headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
    with httpx.Client(base_url=f"http://{HOST}:{port}", headers=headers) as client:
        answers = {path: recorded(_from_memory(client, path)) for path in (LIST, task)}
    file.write_bytes(msgspec.msgpack.encode(answers))


def _from_memory(client: httpx.Client, path: str) -> httpx.Response:
    deadline = time.monotonic() + RECORD_SECONDS
    while time.monotonic() < deadline:
        answer = client.get(path)
        if answer.headers.get("x-cache") == "hit-memory":
            return answer
        time.sleep(1)  # seldom, for this person's allowance is small too
    raise LoadFailed(f"{path} is not answered from memory")


@contextmanager
def _entrance(scene: Scene, ports: Sequence[int]) -> Iterator[int]:
    if not scene.balanced:
        yield ports[0]
        return
    with balancing(*ports) as nginx:
        yield nginx.port
