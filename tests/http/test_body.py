"""A body is JSON of exactly the right shape, or every wrong part of it is told; no body makes a failure of ours."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskapi.errors import Invalid, Violation
from taskapi.http.body import decode
from taskapi.http.edge import Edge
from tests.http.asgi import JSON, ask
from tests.http.toy import NewThing

pytestmark = pytest.mark.anyio

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=9,
)
FIELDS = ["name", "size", "weight", "dueAt", "labels", "twin", "nothing", "/~"]


def told(body: bytes | dict[str, Any]) -> dict[str, str]:
    """Return the pointers and reasons of what is wrong with a body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(Invalid) as caught:
        decode(raw, NewThing)
    return {violation.pointer: violation.detail for violation in caught.value.violations}


@pytest.mark.parametrize(
    ("field", "value", "pointer"),
    [
        ("name", "", "/name"),
        ("name", "x" * 21, "/name"),
        ("name", None, "/name"),
        ("name", 7, "/name"),
        ("size", "medium", "/size"),
        ("size", "SMALL", "/size"),
        ("weight", -1, "/weight"),
        ("weight", 1.5, "/weight"),
        ("weight", "1", "/weight"),
        ("weight", True, "/weight"),
        ("dueAt", "tomorrow", "/dueAt"),
        ("dueAt", 7, "/dueAt"),
        ("labels", "a,b", "/labels"),
        ("labels", ["a", "b", "c", "d"], "/labels"),
        ("labels", ["a", "longer"], "/labels/1"),
        ("labels", ["a", None], "/labels/1"),
        ("twin", "7", "/twin"),
        ("nothing", 1, "/nothing"),
        ("a/b~c", 1, "/a~1b~0c"),
        ("", 1, "/"),
        ("due_at", None, "/due_at"),
    ],
)
def test_each_wrong_part_is_named_by_its_pointer(field: str, value: Any, pointer: str) -> None:
    assert list(told({"name": "spoon", field: value})) == [pointer]


class Pair(msgspec.Struct):
    """A body that looks at itself as a whole."""

    first: int
    second: int

    def __post_init__(self) -> None:
        if self.first > self.second:
            raise ValueError("The first must not exceed the second")


def test_what_only_the_whole_shows_is_told_of_the_whole() -> None:
    with pytest.raises(Invalid) as caught:
        decode(b'{"first":2,"second":1}', Pair)
    assert caught.value.violations == (Violation("", "The first must not exceed the second"),)
    assert decode(b'{"first":1,"second":1}', Pair).second == 1


def test_everything_that_is_wrong_is_told_at_once() -> None:
    assert told({"size": "medium", "weight": -1, "colour": "red"}).keys() == {"/name", "/size", "/weight", "/colour"}


def test_rules_that_no_type_can_state_are_told_too() -> None:
    assert told({"name": "nothing"}) == {"/name": "A thing has to be something"}


def test_a_right_body_is_taken_as_it_is() -> None:
    found = decode('{"name":"Löffel","labels":["a"],"weight":null,"size":"large"}'.encode(), NewThing)
    assert (found.name, found.labels, found.weight, found.size) == ("Löffel", ["a"], None, "large")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"nonsense",
        b"{",
        b'{"name":"x"',
        b'{"name":"x"}{',
        b'{"name":"x"} trailing',
        b'{"name":"x",}',
        b"{'name':'x'}",
        b'{name:"x"}',
        b'{"name":NaN}',
        b'{"weight":Infinity}',
        b'{"weight":-Infinity}',
        b'{"weight":1e400}',
        b'{"weight":01}',
        b'{"weight":+1}',
        b'{"weight":0x1}',
        b'{"weight":' + b"9" * 10_000 + b"}",
        b'{"name":"\xff"}',
        b'{"name":"\xc0\x80"}',
        b'{"name":"\xed\xa0\x80"}',
        rb'{"name":"\ud800"}',
        rb'{"name":"\udc00\ud800"}',
        rb'{"name":"\u12"}',
        rb'{"name":"\x41"}',
        b'{"name":"a\nb"}',
        b'{"name":"a\0b"}',
        b"\xef\xbb\xbf{}",
        '{"name":"x"}'.encode("utf-16"),
        b"// comment\n{}",
        b"[" * 100_000,
        b'{"name":' * 100_000,
        b"[" * 1000 + b"]" * 1000,
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b"true",
    ],
    ids=lambda body: f"{len(body)} bytes: {body[:20]!r}",
)
async def test_what_is_no_json_object_is_refused_and_no_failure(app: Edge, body: bytes) -> None:
    answer = await ask(app, "POST", "/toy/echo", headers=JSON, body=body)
    assert answer.status == 422
    assert answer.json()["errors"][0]["source"] == "body"


@pytest.mark.parametrize(
    "body", [b'{"name":"x","name":"y"}', rb'{"name":"x","n\u0061me":"y"}'], ids=["plain", "escaped"]
)
async def test_of_a_repeated_field_the_last_counts(app: Edge, body: bytes) -> None:
    answer = await ask(app, "POST", "/toy/echo", headers=JSON, body=body)
    assert (answer.status, answer.json()["name"]) == (201, "y")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(FIELDS), values) | st.dictionaries(st.text(), values) | values)
def test_whatever_json_arrives_is_taken_or_refused(raw: Any) -> None:
    body = json.dumps(raw).encode()
    try:
        decode(body, NewThing)
    except Invalid:
        assert told(body)


@settings(max_examples=150)
@given(st.binary())
def test_whatever_bytes_arrive_are_taken_or_refused(raw: bytes) -> None:
    with pytest.raises(Invalid):
        decode(raw, NewThing)


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/merge-patch+json"]
)
async def test_json_by_any_of_its_names_is_accepted(app: Edge, kind: str) -> None:
    answer = await ask(app, "POST", "/toy/echo", headers={"content-type": kind}, body=b'{"name":"x"}')
    assert answer.status == 201


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/msgpack",
        "application/json, text/plain",
        ";",
        "=;=",
        "a" * 5000,
        "application/json\xff",
    ],
)
async def test_anything_else_is_refused(app: Edge, kind: str) -> None:
    answer = await ask(app, "POST", "/toy/echo", headers={"content-type": kind}, body=b'{"name":"x"}')
    assert (answer.status, answer.json()["code"]) == (415, "unsupported-media-type")


async def test_a_body_without_a_type_is_refused_and_none_at_all_is_asked_for(app: Edge) -> None:
    assert (await ask(app, "POST", "/toy/echo", body=b'{"name":"x"}')).status == 415
    missing = await ask(app, "POST", "/toy/echo")
    assert (missing.status, missing.json()["errors"][0]["detail"]) == (422, "A JSON body is required")
