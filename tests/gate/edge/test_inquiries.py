"""What a request asks is remembered by its kind, and only where that takes little room."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from taskapi.app import App
from taskapi.config import LimitSettings
from taskapi.gate.callers import LONGEST as LONGEST_TOKEN_HEADER
from taskapi.gate.callers import Caller
from taskapi.gate.inquiries import BYTES_OF_ANSWERS, LONGEST, Inquiries
from taskapi.gate.limits import Limits
from taskapi.gate.routes import Routes
from taskapi.http.address import Addresses
from taskapi.http.headers import headers_of
from taskapi.kit.clock import system_clock

pytestmark = pytest.mark.anyio

TOKEN = b"Bearer of.some.token"
AN_HOUR = timedelta(hours=1)
SLASHES = "/" * LONGEST
FILLING = b"search=" + b"x" * LONGEST


@pytest.fixture
def inquiries(one: App) -> Inquiries:
    """Nothing is remembered yet."""
    return Inquiries(one.rooms.gate, Limits(LimitSettings(), Addresses(()), one.rooms.fingerprints), system_clock, 0)


def request(path: str, query: bytes = b"", method: str = "GET", **headers: bytes) -> Any:
    """Return what a server says of a request."""
    sent = [
        (b"host", b"here"),
        (b"authorization", TOKEN),
        *((name.replace("_", "-").encode(), value) for name, value in headers.items()),
    ]
    return {"type": "http", "method": method, "path": path, "root_path": "", "query_string": query, "headers": sent}


def is_remembered(one: App, inquiries: Inquiries, scope: Any, *, later: Any = None, life: timedelta = AN_HOUR) -> bool:
    """Say whether, after one request, the next one – the same, or a later one – is known."""
    caller = Caller(TOKEN, uuid4(), uuid4(), system_clock() + life, "user")
    found = Routes(one.router).find(scope)
    assert found is not None
    made = inquiries.find(scope, headers_of(scope), found, caller)
    again = later or scope
    known = inquiries.remembered(again, headers_of(again))
    assert known in {None, made}
    return known is made


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (request("/api/tasks"), True),
        (request("/api/tasks", b"search=spoon"), True),
        (request(f"/api/tasks/{uuid4()}"), True),
        (request("/api/tasks", method="POST"), True),
        (request(f"/api{SLASHES}tasks"), False),
        (request("/api/tasks", FILLING), False),
        (request("/api/users", b"search=spoon"), False),
        (request("/api/tasks", host=b"there"), False),
        (request("/api/tasks", if_none_match=b'"1"'), True),
        (request("/api/tasks", if_none_match=b'"1'), False),
    ],
    ids=[
        "list",
        "query",
        "task",
        "write",
        "long path",
        "long query",
        "query of no kept route",
        "two hosts",
        "tag",
        "odd tag",
    ],
)
async def test_what_is_remembered(one: App, inquiries: Inquiries, scope: Any, *, expected: bool) -> None:
    assert is_remembered(one, inquiries, scope) is expected


@pytest.mark.parametrize(
    "later",
    [
        request("/api/tasks", method="POST"),
        request("/api/tasks/"),
        request("/api/tasks", b"search=spoon"),
        request("/api/tasks", host=b"there"),
        request("/api/tasks", authorization=TOKEN),
        request("/api/tasks") | {"root_path": "/behind"},
        request("/api/tasks") | {"headers": [(b"host", b"here"), (b"authorization", TOKEN + b"!")]},
        request("/api/tasks")
        | {"headers": [(b"host", b"here"), (b"authorization", b"x" * (LONGEST_TOKEN_HEADER + 1))]},
        request("/api/tasks") | {"headers": [(b"host", b"here")]},
    ],
    ids=["method", "path", "query", "header", "two tokens", "root", "other token", "no token of ours", "nobody"],
)
async def test_another_kind_is_looked_at_anew(one: App, inquiries: Inquiries, later: Any) -> None:
    assert not is_remembered(one, inquiries, request("/api/tasks"), later=later)


async def test_a_token_that_expires_is_looked_at_anew(one: App, inquiries: Inquiries) -> None:
    assert not is_remembered(one, inquiries, request("/api/tasks"), life=timedelta(0))


@pytest.mark.parametrize(("capacity", "expected"), [(0, [False, True, True]), (3 * BYTES_OF_ANSWERS, [True] * 3)])
async def test_as_many_are_remembered_as_answers_may_be_kept_and_never_fewer_than_the_least(
    one: App, monkeypatch: pytest.MonkeyPatch, capacity: int, expected: list[bool]
) -> None:
    monkeypatch.setattr("taskapi.gate.inquiries.LEAST", 2)
    limits = Limits(LimitSettings(), Addresses(()), one.rooms.fingerprints)
    inquiries = Inquiries(one.rooms.gate, limits, system_clock, capacity)
    asked = [request(f"/api/tasks/{uuid4()}") for _ in range(3)]
    assert all(is_remembered(one, inquiries, scope) for scope in asked)
    assert [inquiries.remembered(scope, headers_of(scope)) is not None for scope in asked] == expected
