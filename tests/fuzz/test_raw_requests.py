"""Requests that no generator writes, byte for byte: whatever comes in, the answer says what is wrong with it."""

import json
import socket
from collections.abc import Iterator

import pytest

from tests.fuzz.people import People
from tests.fuzz.target import failures, running_target
from tests.system.launch import Launched

SECONDS = 10
PROBLEM = b"application/problem+json"
BODIES = {
    "a lone surrogate": rb'{"title": "\ud800"}',
    "a lone surrogate in a name": rb'{"title": "a", "\udfff": 1}',
    "no UTF-8": b'{"title": "\xff\xfe"}',
    "no UTF-8 in a name": b'{"title": "a", "\xff": 1}',
    "a byte order mark": b'\xef\xbb\xbf{"title": "a"}',
    "UTF-16": '{"title": "a"}'.encode("utf-16"),
    "a NUL": rb'{"title": "a\u0000b"}',
    "too deep": b'{"title": ' + b"[" * 100_000,
    "a number out of range": b'{"title": 1e999}',
    "a huge number": b'{"title": ' + b"9" * 5_000 + b"}",
    "a list": b"[]",
    "null": b"null",
    "half a body": b'{"title": "a',
    "nothing": b"",
}
QUERIES = {
    "a NUL": b"q=%00",
    "a digit that is not ASCII": b"limit=%EF%BC%95",
    "a huge number": b"limit=" + b"9" * 5_000,
    "a zero with a sign": b"limit=-0",
    "an empty number": b"limit=",
    "a list where one is expected": b"limit=1&limit=2",
    "a parameter that does not exist": b"colour=green",
    "values with commas": b"status=todo,done",
    "a time without a zone": b"dueBefore=2026-01-01T00:00:00",
    "a time before all times": b"dueBefore=0001-01-01T00:00:00%2B14:00",
    "a time after all times": b"dueBefore=9999-12-31T23:59:59-14:00",
    "a day that does not exist": b"dueBefore=2026-02-29T00:00:00Z",
    "a cursor of somebody's own": b"cursor=%E2%82%AC",
}
PATHS = {
    "a NUL": b"/api/tasks/%00",
    "no UTF-8": b"/api/tasks/%ff%fe",
    "two dots": b"/api/tasks/../auth/me",
    "a way out": b"/docs/files/%2e%2e/%2e%2e/etc/passwd",
    "a NUL in a file's name": b"/docs/files/%00",
    "a long name": b"/docs/files/" + b"a" * 5_000,
}
HEADERS = {
    "a key of strange bytes": (b"Idempotency-Key: \xff", 422),
    "an empty key": (b"Idempotency-Key: ", 422),
    "two keys": (b"Idempotency-Key: a\r\nIdempotency-Key: b", 422),
    "a long key": (b"Idempotency-Key: " + b"a" * 256, 422),
    "a second log-in": (b"Authorization: Bearer a", 401),
    "a media type of strange bytes": (b"Content-Type: \xff/\xe9", 415),
    "no media type": (b"Content-Type: ", 415),
    "a form": (b"Content-Type: multipart/form-data", 415),
}


class Line:
    """Speaks HTTP by hand, as somebody who is logged in."""

    def __init__(self, program: Launched, people: People) -> None:
        self._port = program.port
        self._token = people.staying["ada"].token

    def send(self, method: bytes, target: bytes, *headers: bytes, body: bytes = b"") -> tuple[int, bytes, bytes]:
        """Return the status, the head and the body of the answer."""
        own = (b"Host: localhost", b"Connection: close", b"Authorization: Bearer " + self._token.encode())
        length = (b"Content-Length: %d" % len(body),)
        request = b"\r\n".join((b"%s %s HTTP/1.1" % (method, target), *own, *headers, *length, b"", body))
        with socket.create_connection(("127.0.0.1", self._port), SECONDS) as line:
            line.sendall(request)
            head, _, content = b"".join(iter(lambda: line.recv(65_536), b"")).partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), head.lower(), content


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    """A line to a program of its own, which must have nothing to complain of in the end."""
    with running_target() as (program, people):
        yield Line(program, people)
        assert failures(program) == []


def assert_problem(answer: tuple[int, bytes, bytes], status: int) -> None:
    """The answer is a problem document with this status."""
    assert (answer[0], PROBLEM in answer[1], json.loads(answer[2])["status"]) == (status, True, status)


def allowed(head: bytes) -> set[bytes]:
    """Return the methods that an answer tells."""
    line = next(line for line in head.split(b"\r\n") if line.startswith(b"allow: "))
    return set(line.removeprefix(b"allow: ").split(b", "))


@pytest.mark.parametrize("name", BODIES)
def test_a_body_of_strange_bytes_is_refused(line: Line, name: str) -> None:
    answer = line.send(b"POST", b"/api/tasks", b"Content-Type: application/json", body=BODIES[name])
    assert_problem(answer, 422)


@pytest.mark.parametrize("name", QUERIES)
def test_a_strange_query_is_refused(line: Line, name: str) -> None:
    assert_problem(line.send(b"GET", b"/api/tasks?" + QUERIES[name]), 422)


@pytest.mark.parametrize("name", PATHS)
def test_a_strange_address_leads_nowhere(line: Line, name: str) -> None:
    assert_problem(line.send(b"GET", PATHS[name]), 404)


@pytest.mark.parametrize("name", HEADERS)
def test_a_strange_header_is_refused(line: Line, name: str) -> None:
    header, status = HEADERS[name]
    media_type = () if header.startswith(b"Content-Type") else (b"Content-Type: application/json",)
    assert_problem(line.send(b"POST", b"/api/tasks", *media_type, header, body=b'{"title": "a"}'), status)


@pytest.mark.parametrize("method", [b"TRACE", b"QUERY", b"get", b"FOO", b"DELETE"])
def test_a_method_that_an_address_does_not_take_is_told_with_those_it_does(line: Line, method: bytes) -> None:
    answer = line.send(method, b"/api/tasks", b"X-HTTP-Method-Override: GET")
    assert_problem(answer, 405)
    assert allowed(answer[1]) == {b"get", b"options", b"post"}


def test_anybody_may_ask_for_the_methods_of_an_address(line: Line) -> None:
    status, head, _ = line.send(b"OPTIONS", b"/api/tasks", b"Authorization: Bearer a")
    assert (status, allowed(head)) == (204, {b"get", b"options", b"post"})
