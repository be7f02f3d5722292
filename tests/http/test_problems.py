"""Each kind of error has one status and a document that programs and people can use."""

import pytest

from taskapi import errors
from taskapi.errors import Error, Violation
from taskapi.http.edge import Edge
from taskapi.http.problems import MOST_VIOLATIONS, STATUS, answer_error, encoded, problem
from tests.http.asgi import ask
from tests.http.toy import ADA

pytestmark = pytest.mark.anyio

KINDS = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Error) and kind is not Error
]


class SpoonMissing(errors.Missing):
    """There is no spoon."""

    code = "spoon-missing"


def test_every_kind_of_error_has_a_status_of_its_own() -> None:
    assert set(STATUS) == set(KINDS)
    assert len(set(STATUS.values())) == len(STATUS)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_kind_is_answered_with_its_status_code_and_sentence(app: Edge, kind: type[Error]) -> None:
    answer = await ask(app, "GET", f"/toy/errors/{kind.__name__}")
    found = answer.json()
    assert answer.status == found["status"] == STATUS[kind]
    assert (found["code"], found["detail"]) == (kind.code, kind.__doc__)
    assert "errors" not in found


def test_an_error_of_a_domain_has_the_status_of_its_kind_and_its_own_words() -> None:
    answer = answer_error(None, SpoonMissing())  # type: ignore[arg-type]
    assert (answer.status_code, answer.content.code, answer.content.detail) == (
        404,
        "spoon-missing",
        "There is no spoon.",
    )


def test_an_error_without_words_still_has_its_code() -> None:
    class Wordless(errors.Conflict):
        code = "wordless"

    assert Wordless().detail == "wordless"
    assert Wordless("Said on the spot.").detail == "Said on the spot."


def test_invalid_parts_are_pointers_in_the_body_and_names_elsewhere() -> None:
    violations = (Violation("/name", "Too long"), Violation("limit", "Too high", "query"))
    found = problem(422, "invalid", "Not valid.", violations)
    assert encoded(found).endswith(
        b'"errors":[{"detail":"Too long","source":"body","pointer":"/name"},'
        b'{"detail":"Too high","source":"query","parameter":"limit"}]}'
    )


@pytest.mark.parametrize(
    ("target", "parameter"),
    [
        ("/toy/list?limit=0", "limit"),
        ("/toy/list?limit=201", "limit"),
        ("/toy/list?limit=ten", "limit"),
        ("/toy/list?limit=", "limit"),
        ("/toy/list?limit=1e9", "limit"),
        ("/toy/list?limit=99999999999999999999999", "limit"),
        (f"/toy/list?limit={'9' * 5000}", "limit"),
        ("/toy/list?limit=1&limit=2", "limit"),
        ("/toy/list?cursor=a&cursor=a", "cursor"),
        ("/toy/list?sizes=small", "sizes"),
        ("/toy/list?Limit=1", "Limit"),
        ("/toy/list?=1", ""),
        ("/toy/list?%00=1", "\0"),
        ("/toy/list?size=medium", "size"),
        ("/toy/list?size=small&size=medium", "size"),
        (f"/toy/list?cursor={'x' * 1025}", "cursor"),
    ],
)
async def test_a_wrong_parameter_is_named(app: Edge, target: str, parameter: str) -> None:
    answer = await ask(app, "GET", target)
    assert answer.status == 422
    (part,) = answer.json()["errors"]
    assert (part["source"], part["parameter"]) == ("query", parameter)
    assert part["detail"]


async def test_a_request_of_nothing_but_mistakes_gets_an_answer_of_bounded_size(app: Edge) -> None:
    query = "&".join(f"a{number}" for number in range(6000))
    answer = await ask(app, "GET", f"/toy/nothing?{query}")
    assert (answer.status, len(answer.json()["errors"])) == (422, MOST_VIOLATIONS)


@pytest.mark.parametrize("value", ["1e1", "5.0", "+5", "%205", "5_0", "0x5", "%d9%a5", ""])
async def test_a_number_is_written_in_digits(app: Edge, value: str) -> None:
    answer = await ask(app, "GET", f"/toy/list?limit={value}")
    assert (answer.status, answer.json()["errors"][0]["parameter"]) == (422, "limit")


@pytest.mark.parametrize("query", ["cursor=%ff", "cursor=a&limit=5&%80", "cursor=%ed%a0%80"])
async def test_bytes_that_are_no_text_are_refused_and_not_replaced(app: Edge, query: str) -> None:
    answer = await ask(app, "GET", f"/toy/list?{query}")
    assert (answer.status, answer.json()["code"]) == (422, "invalid")


async def test_every_unknown_parameter_is_named_and_a_route_without_any_knows_none(app: Edge) -> None:
    answer = await ask(app, "GET", "/toy/nothing?b=1&a=2&a=3")
    assert sorted(part["parameter"] for part in answer.json()["errors"]) == ["a", "b"]


@pytest.mark.parametrize(
    "target",
    ["/toy/list?limit=%31", "/toy/list?", "/toy/list?&&", "/toy/list?size=small&size=large", "/toy/list?cursor=%c3%bf"],
)
async def test_an_odd_but_right_query_is_answered(app: Edge, target: str) -> None:
    assert (await ask(app, "GET", target)).status == 200


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "//",
        "/toy",
        "/toy/list/",
        "/TOY/list",
        "/toy/by-id/",
        "/toy/by-id/7",
        "/toy/by-id/\0",
        "/toy/by-id/\ud800",
        "/toy/by-id/é",
        "/toy/by-id/" + "a" * 100_000,
        "/toy/../toy/by-id/x",
        "/" * 5000,
        "/\r\nX-Evil: 1",
        "/docs/files/../../../../etc/passwd",
        "/docs/files//etc/passwd",
        "/docs/files/\0",
        "/docs/files/" + "a" * 5000,
        "/docs/files/",
        "/docs/files",
    ],
    ids=lambda target: target[:24].encode("unicode-escape").decode(),
)
async def test_no_address_makes_a_failure_of_ours(app: Edge, target: str) -> None:
    answer = await ask(app, "GET", target, headers=ADA)
    assert answer.status in {200, 404}
    assert b"root:" not in answer.body
    if answer.status == 404:
        assert answer.json()["code"] == "not-found"
