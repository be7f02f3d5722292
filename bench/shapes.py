"""What is measured: a person with 50 tasks, and the requests of that person."""

from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec
from msgspec import structs

from bench.app import Recorded
from bench.load import Shape

LIST = "/api/tasks?status=done"
AT_ONCE = 64
BARE = {
    "list-cached": "bare",
    "list-cached-silent": "bare",
    "task-cached": "bare-task",
    "task-cached-silent": "bare-task",
    "not-modified": "bare-not-modified",
    "not-modified-silent": "bare-not-modified",
}
"""The row of the bare application that a row is compared with, if it is not `bare`."""

ORDER = {
    name: number
    for number, name in enumerate(
        [
            *("bare", "list-cached-silent", "list-cached"),
            *("bare-task", "task-cached-silent", "task-cached"),
            *("bare-not-modified", "not-modified-silent", "not-modified"),
        ]
    )
}
"""Which rows come first: those that are compared stand together, so that they meet the same machine."""

SILENT = {name: f"{name}-silent" for name in ("list-cached", "task-cached", "not-modified")}
"""The rows of the same requests to the application with logs and metrics off."""

ITS_OWN = frozenset({"date", "server"})
"""Headers that the server adds by itself."""


class Person(NamedTuple):
    """Somebody with an account and tasks."""

    email: str
    password: str
    token: str
    tasks: list[str]
    """Addresses."""

    @property
    def headers(self) -> dict[str, str]:
        """What says who asks."""
        return {"Authorization": f"Bearer {self.token}"}


def join(base_url: str, email: str, password: str) -> Person:
    """Register a person, log in and make 50 tasks, about 18 kB in a list."""
    with httpx.Client(base_url=base_url, timeout=30) as client:
        account = {"email": email, "password": password, "name": "Bench"}
        client.post("/api/auth/register", json=account).raise_for_status()
        answer = client.post("/api/auth/login", json={"email": email, "password": password}).raise_for_status()
        token = str(answer.json()["token"])
        client.headers["Authorization"] = f"Bearer {token}"
        return Person(email, password, token, [_task(client, number) for number in range(50)])


def record(base_url: str, person: Person, file: Path) -> None:
    """Write down the real application's answers to the requests that are compared with a bare application."""
    with httpx.Client(base_url=base_url, headers=person.headers) as client:
        task = client.get(person.tasks[0])
        answers = {
            "/list": client.get(LIST),
            "/task": task,
            "/not-modified": client.get(person.tasks[0], headers={"If-None-Match": task.headers["ETag"]}),
        }
    file.write_bytes(msgspec.msgpack.encode({path: recorded(answer) for path, answer in answers.items()}))


def recorded(answer: httpx.Response) -> Recorded:
    """Return what the bare application has to send for the same answer."""
    return Recorded(answer.status_code, _headers(answer), answer.content)


def bare(person: Person) -> list[Shape]:
    """Return the bare application's requests, with the same headers: the server hands them on, whoever needs them."""
    known = {**person.headers, "If-None-Match": '"1"'}
    return [
        Shape(name="bare", paths=["/list"], headers=person.headers, connections=AT_ONCE),
        Shape(name="bare-task", paths=["/task"], headers=person.headers, connections=AT_ONCE),
        Shape(name="bare-not-modified", paths=["/not-modified"], headers=known, connections=AT_ONCE),
    ]


def silent(person: Person) -> list[Shape]:
    """Return what is asked of the application that neither writes logs nor measures itself."""
    return [structs.replace(shape, name=SILENT[shape.name]) for shape in reads(person) if shape.name in SILENT]


def guide_way(person: Person) -> list[Shape]:
    """Return the requests to the guide's scheme."""
    return [
        Shape(name="guide-way", paths=["/api/tasks"], headers=person.headers, connections=AT_ONCE),
        Shape(name="guide-way-task", paths=person.tasks, headers=person.headers, connections=AT_ONCE),
    ]


def work(person: Person, guest: Person) -> list[Shape]:
    """Return what the database has to be asked for; `guest` logs in, for many log-ins end a person's first session."""
    never_asked = "/api/tasks?status=done&updatedSince=2001-01-01T00:00:00.__N__Z"
    uncached = Shape(name="list-uncached", paths=[never_asked], headers=person.headers)
    return [uncached, _log_in(guest), *_writes(person)]


def reads(person: Person) -> list[Shape]:
    """Return reads whose answers are kept."""
    headers = person.headers
    known = {**headers, "If-None-Match": '"1"'}
    return [
        Shape(name="list-cached", paths=[LIST], headers=headers, connections=AT_ONCE),
        Shape(name="list-cached-1", paths=[LIST], headers=headers, connections=1),
        Shape(name="task-cached", paths=person.tasks[25:], headers=headers, connections=AT_ONCE),
        Shape(name="not-modified", paths=person.tasks[25:], headers=known, connections=AT_ONCE),
        Shape(name="me-cached", paths=["/api/auth/me"], headers=headers, connections=AT_ONCE),
    ]


def _log_in(guest: Person) -> Shape:
    account = msgspec.json.encode({"email": guest.email, "password": guest.password}).decode()
    headers = {"Content-Type": "application/json"}
    return Shape(
        name="log-in", method="POST", paths=["/api/auth/login"], headers=headers, bodies=[account], connections=4
    )


def _writes(person: Person) -> list[Shape]:
    headers = {**person.headers, "Content-Type": "application/json"}
    new = '{"title":"Write report __N__","description":"' + "x" * 200 + '","labels":["work"]}'
    change = '{"description":"Changed __N__"}'
    return [
        Shape(name="create", method="POST", paths=["/api/tasks"], headers=headers, bodies=[new]),
        Shape(name="create-keyed", method="POST", paths=["/api/tasks"], headers=headers, bodies=[new], keyed=True),
        Shape(name="patch", method="PATCH", paths=person.tasks[:25], headers=headers, bodies=[change]),
    ]  # fmt: skip


def _task(client: httpx.Client, number: int) -> str:
    body = {"title": f"Task {number}", "description": "x" * 200, "labels": ["work"], "status": "done"}
    return "/api/tasks/" + str(client.post("/api/tasks", json=body).raise_for_status().json()["id"])


def _headers(answer: httpx.Response) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in answer.headers.items() if name not in ITS_OWN]
