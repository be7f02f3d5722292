"""The small rules of a request: whose it is, where it comes from, what it already knows, where a list goes on."""

from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar, Request, Response, asgi
from litestar.types import Receive, Scope, Send

from taskapi.config import AuthSettings, Secret
from taskapi.errors import Invalid, PreconditionFailed
from taskapi.http.address import Addresses, counted
from taskapi.http.conditional import check_if_match, etag, not_modified, require_match
from taskapi.http.edge import Edge
from taskapi.http.options import tell_all_methods
from taskapi.http.paging import Cursor, open_cursor, seal_cursor
from taskapi.kit.seals import Seals
from tests.http.asgi import ask, scope_of
from tests.http.toy import ADA

ADA_ID, GRACE_ID = UUID(int=1), UUID(int=2)
THING = f"/toy/by-id/{UUID(int=7)}"
SEALS = Seals(AuthSettings(jwt_secret=Secret("a secret of thirty-two characters")), "cursor")
TAGS = ['"7"', ' "7" ', '"1", "7"', '"7","8"', '"1" , W/"x" ,"7"', "*", " * "]
MALFORMED = [
    "",
    " ",
    "7",
    '"7',
    '7"',
    '"7" "8"',
    '"7",',
    ',"7"',
    "**",
    "*, *",
    '"\x7f"',
    "W/",
    "w/7",
    "'7'",
    '"7"' * 400,
]


class Position(msgspec.Struct):
    """Where a page ended."""

    due_at: datetime
    id: UUID


@pytest.mark.anyio
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("authorization", "")],
        [("authorization", "ada")],
        [("authorization", "Bearer")],
        [("authorization", "Bearer ")],
        [("authorization", "Basic ada")],
        [("authorization", "Bearer eve")],
        [("authorization", "Bearer ada ada")],
        [("authorization", "Bearer adä")],
        [("authorization", "Bearer \xff\xfe")],
        [("authorization", "Bearer " + "a" * 100_000)],
        [("authorization", "Bearer ada"), ("authorization", "Bearer grace")],
    ],
    ids=lambda headers: repr(headers)[:60],
)
async def test_whoever_cannot_say_who_they_are_is_asked_to(app: Edge, headers: list[tuple[str, str]]) -> None:
    answer = await ask(app, "GET", THING, headers=headers)
    assert (answer.status, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.header("www-authenticate") == 'Bearer realm="task-api"'


@pytest.mark.anyio
@pytest.mark.parametrize("value", ["Bearer ada", "bearer ada", "BEARER   ada ", "Bearer ada\t"])
async def test_a_bearer_token_is_read_as_the_standard_has_it(app: Edge, value: str) -> None:
    answer = await ask(app, "GET", THING, headers={"authorization": value})
    assert answer.json() == {"id": str(UUID(int=7)), "caller": str(ADA_ID)}


@pytest.mark.anyio
async def test_a_public_route_does_not_mind_a_bad_token(app: Edge) -> None:
    assert (await ask(app, "GET", "/toy/list", headers={"authorization": "Bearer eve"})).status == 200


@pytest.mark.anyio
async def test_an_unknown_address_does_not_tell_who_is_logged_in(app: Edge) -> None:
    assert (await ask(app, "GET", "/nowhere")).status == (await ask(app, "GET", "/nowhere", headers=ADA)).status == 404


@pytest.mark.anyio
async def test_everybody_is_told_which_methods_an_address_takes(app: Edge) -> None:
    answer = await ask(app, "OPTIONS", "/toy/things/spoon")
    assert (answer.status, answer.header("allow"), answer.body) == (204, "DELETE, OPTIONS, PATCH, PUT", b"")
    assert (await ask(app, "OPTIONS", "/nowhere")).status == 404


@pytest.mark.anyio
async def test_what_is_mounted_as_a_whole_answers_for_itself() -> None:
    @asgi("/mounted", is_mount=True, copy_scope=False)
    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(None, status_code=204).to_asgi_response(None, Request(scope))(scope, receive, send)

    app = tell_all_methods(Litestar([mounted], openapi_config=None, logging_config=None))
    assert (await ask(app, "OPTIONS", "/mounted")).header("allow") is None


@pytest.mark.parametrize("header", [None, *TAGS])
def test_a_write_goes_through_if_the_caller_knows_the_version_or_did_not_ask(header: str | None) -> None:
    require_match(header, 7)


@pytest.mark.parametrize("header", ['"8"', 'W/"7"', '"07"', '"7 "', '"77"', '""', '"a,7,b"', '"8", W/"7"'])
def test_a_write_fails_if_the_caller_knows_another_version(header: str) -> None:
    with pytest.raises((PreconditionFailed, Invalid)):
        require_match(header, 7)


@pytest.mark.parametrize("header", [*TAGS, 'W/"7"', '"1", W/"7"'])
def test_a_reader_who_knows_the_version_need_not_get_it_again(header: str) -> None:
    assert not_modified(header, etag(7))


@pytest.mark.parametrize("header", [None, '"8"', 'W/"8"', '"77"', '""'])
def test_a_reader_who_does_not_gets_it(header: str | None) -> None:
    assert not not_modified(header, etag(7))


@pytest.mark.parametrize("header", MALFORMED)
def test_a_condition_that_cannot_be_read_is_refused_before_anything_is_done(header: str) -> None:
    for check in (check_if_match, lambda value: not_modified(value, etag(7)), lambda value: require_match(value, 7)):
        with pytest.raises(Invalid) as caught:
            check(header)
        (violation,) = caught.value.violations
        assert violation.source == "header"
        assert violation.pointer in {"If-Match", "If-None-Match"}


@given(st.text(max_size=1100))
def test_no_condition_crashes(header: str) -> None:
    try:
        require_match(header, 7)
        not_modified(header, etag(7))
    except (Invalid, PreconditionFailed):
        pass


def address(client: str | None, *claims: str, trusted: tuple[str, ...] = ("10.0.0.0/8", "::1/128")) -> str:
    scope = dict(scope_of("GET", "/", [("x-forwarded-for", claim) for claim in claims]))
    scope["client"] = (client, 1) if client else None
    return Addresses(trusted).of(cast(Scope, scope))


@pytest.mark.parametrize(
    ("found", "client", "claims"),
    [
        ("192.0.2.1", "192.0.2.1", []),
        ("192.0.2.1", "192.0.2.1", ["1.1.1.1"]),
        ("1.1.1.1", "10.0.0.1", ["1.1.1.1"]),
        ("1.1.1.1", "10.0.0.1", ["6.6.6.6, 1.1.1.1"]),
        ("1.1.1.1", "10.0.0.1", ["6.6.6.6", "1.1.1.1, 10.0.0.2"]),
        ("10.0.0.3", "10.0.0.1", ["10.0.0.3, 10.0.0.2"]),
        ("1.1.1.1", "10.0.0.1", ["10.0.0.9, 1.1.1.1, 10.0.0.2"]),
        ("10.0.0.1", "10.0.0.1", ["", " , "]),
        ("10.0.0.1", "10.0.0.1", ["1.1.1.1, nonsense"]),
        ("1.1.1.1", "10.0.0.1", ["nonsense, 1.1.1.1"]),
        ("2001:db8::1", "::1", ["[2001:db8::1]"]),
        ("1.1.1.1", "::ffff:10.0.0.1", ["::ffff:1.1.1.1"]),
        ("unknown", None, ["1.1.1.1"]),
        ("unknown", "/run/socket", []),
        ("10.0.0.1", "10.0.0.1", ["\xff\xfe"]),
        ("192.0.2.7", "10.0.0.1", ["192.0.2.7:4711"]),
        ("2001:db8::1", "::1", ["[2001:db8::1]:80"]),
        ("10.0.0.1", "10.0.0.1", ["192.0.2.7:x"]),
    ],
)
def test_a_claim_is_believed_only_from_a_proxy_that_is_ours(found: str, client: str | None, claims: list[str]) -> None:
    assert address(client, *claims) == found


def test_without_proxies_nobody_is_believed() -> None:
    assert address("10.0.0.1", "1.1.1.1", trusted=()) == "10.0.0.1"
    assert address("::ffff:1.2.3.4", trusted=()) == "1.2.3.4"


@given(st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace").decode("latin-1")))
def test_no_claim_crashes(claim: str) -> None:
    counted(address("10.0.0.1", claim))


@pytest.mark.parametrize(
    ("written", "as_one"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_a_network_of_one_customer_counts_as_one_address(written: str, as_one: str) -> None:
    assert counted(written) == as_one


@pytest.mark.anyio
async def test_a_cursor_leads_on_in_the_same_list_only() -> None:
    position = Position(datetime(2026, 1, 1, 12, tzinfo=UTC), UUID(int=9))
    query = {"status": ["todo"], "sort": "-due"}
    cursor = seal_cursor(SEALS, ADA_ID, query, position)
    assert open_cursor(SEALS, ADA_ID, query, cursor, Position) == position
    others: list[tuple[UUID, Any, str]] = [
        (GRACE_ID, query, cursor),
        (ADA_ID, {**query, "sort": "due"}, cursor),
        (ADA_ID, {**query, "q": "milk"}, cursor),
        (ADA_ID, query, cursor[:-1]),
        (ADA_ID, query, cursor + "A"),
        (ADA_ID, query, ""),
        (ADA_ID, query, "é"),
        (ADA_ID, query, SEALS.seal(b"not a position", ADA_ID.bytes, msgspec.msgpack.encode(query))),
        (ADA_ID, query, SEALS.seal(b"", ADA_ID.bytes, msgspec.msgpack.encode(query))),
        (ADA_ID, query, SEALS.seal(b"\xa1\xff", ADA_ID.bytes, msgspec.msgpack.encode(query))),
    ]
    for user_id, asked, text in others:
        with pytest.raises(Invalid) as caught:
            open_cursor(SEALS, user_id, asked, text, Position)
        assert caught.value.violations[0].pointer == "cursor"


def test_a_cursor_fits_into_what_a_list_accepts() -> None:
    longest = {"q": "x" * 200, "labels": ["x" * 50] * 20}
    cursor = seal_cursor(SEALS, ADA_ID, longest, Position(datetime.now(UTC), UUID(int=9)))
    assert len(cursor) < 1024
    assert Cursor is not None
