"""What is private cannot get into a log line, however it is given to the log."""

import asyncio
import gc
import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from taskapi.config import LogSettings, Secret
from taskapi.contracts.directory import Person
from taskapi.contracts.identity import Role
from taskapi.kit import redaction
from taskapi.kit.database import Database
from taskapi.kit.redaction import HIDDEN, LONGEST
from taskapi.kit.telemetry import logger, tell_of_failed_task
from tests.kit.log_lines import LogLines, logged

PRIVATE = "dear diary"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIwMWEyIn0.c2lnbmF0dXJl"
PERSON = Person(id=UUID(int=1), email="ada@example.org", name=PRIVATE, role=Role.USER, created_at=datetime.now(UTC))
BOTH = pytest.mark.parametrize("lines_format", ["json", "pretty"])


WRONG: list[Callable[[], object]] = [
    lambda: int(PRIVATE),
    lambda: float(PRIVATE),
    lambda: datetime.fromisoformat(PRIVATE),
    lambda: {"a": 1}[PRIVATE],
    lambda: ["a"].index(PRIVATE),
    lambda: Role(PRIVATE),
    lambda: json.loads(f'{{"{PRIVATE}'),
]


def told(error: BaseException, lines_format: Any = "json") -> LogLines:
    """Log an exception, as a field and with its traceback."""
    with logged(LogSettings(log_format=lines_format)) as lines:
        logger("taskapi.test").error("failed", exc_info=error, reason=error)
    return lines


def raised(work: Callable[[], object]) -> BaseException:
    """Return what the work raises."""
    try:
        work()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


async def refusal(database: Database, sql: str, *args: object) -> asyncpg.PostgresError:
    """Return how the database refuses a statement."""
    with pytest.raises(asyncpg.PostgresError) as caught:
        async with database.transaction() as transaction:
            await transaction.execute(sql, *args)
    return caught.value


@pytest.mark.anyio
@BOTH
async def test_of_an_error_of_the_database_only_state_and_names_are_told(database: Database, lines_format: str) -> None:
    error = await refusal(database, "INSERT INTO things (name, size) VALUES ($1, 0)", PRIVATE)
    error.detail = f"Failing row contains ({PRIVATE})."
    lines = told(error, lines_format)
    assert "SQLSTATE 23514" in lines.text
    assert "things_size_check" in lines.text
    assert PRIVATE not in lines.text


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("sql", "value"),
    [("SELECT $1::text::uuid", PRIVATE), ("SELECT $1::text::timestamptz", PRIVATE), ("SELECT $1::integer", PRIVATE)],
)
async def test_a_value_that_the_database_or_its_driver_refuses_is_not_told(
    database: Database, sql: str, value: str
) -> None:
    error = await refusal(database, sql, value)
    assert PRIVATE in str(error)
    lines = told(error)
    assert lines.entries[0]["reason"] == f"{type(error).__name__}: SQLSTATE {error.sqlstate}"
    assert PRIVATE not in lines.text


@pytest.mark.parametrize("work", WRONG, ids=[str(number) for number in range(len(WRONG))])
@BOTH
def test_an_error_about_a_value_does_not_quote_it(work: Callable[[], object], lines_format: str) -> None:
    assert PRIVATE not in told(raised(work), lines_format).text


def test_nor_does_what_lies_behind_an_error_or_in_a_group() -> None:
    inner = raised(lambda: int(PRIVATE))
    outer = RuntimeError("outer")
    outer.__cause__ = ExceptionGroup("several", [KeyError(PRIVATE), RuntimeError("one")])
    outer.__cause__.__context__ = inner
    lines = told(outer)
    stacks = lines.entries[0]["exception"]
    assert [stack["exc_type"] for stack in stacks] == ["RuntimeError", "ExceptionGroup", "ValueError"]
    assert [one[0]["exc_type"] for one in stacks[1]["exceptions"]] == ["KeyError", "RuntimeError"]
    assert PRIVATE not in lines.text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cannot reach postgresql://ada:hun/ter@2@db:5432/tasks", "cannot reach postgresql://…@db:5432/tasks"),
        ("rediss://:hunter2@cache:6379/0 is away", "rediss://…@cache:6379/0 is away"),
        ("redis://cache?password=hunter2&db=1", "redis://cache?password=…"),
        (f"refused {TOKEN}", "refused …"),
        ("refused bearer hunter2, twice", "refused bearer … twice"),
        ("access_token=hunter2 is old", "access_token=… is old"),
        ("https://db/?reset-token=hunter2", "https://db/?reset-token=…"),
        ("NEW_PASSWORD2 := hunter2", "NEW_PASSWORD2 := …"),
        ('{"password": "hunter 2", "size": 1}', '{"password": …, "size": 1}'),
        ('{"password":"hunter\\" 2","size":1}', '{"password":…,"size":1}'),
        (r'"{\"client_secret\": \"hunter 2\"}"', r'"{\"client_secret\": …'),
        ("{'passwd': b'hunter 2', 'size': 1}", "{'passwd': …, 'size': 1}"),
        ("settings['secret'] = 'hunter 2'", "settings['secret'] = …"),
        ("password:\n hunter2\nnext", "password:\n …\nnext"),
        ("Authorization: Basic aGk6aHVudGVy Mg==", "Authorization: …"),
        ("GET /\r\nproxy-authorization: Bearer hunter2 x\r\nHost: a", "GET /\r\nproxy-authorization: …\r\nHost: a"),
        ("cookie: session=hunter2; other=3\nHost: a", "cookie: …\nHost: a"),
        ("cookie:\nHost: a", "cookie:\nHost: a"),
        ("[(b'Set-Cookie', b'session=hunter2; Path=/')]", "[(b'Set-Cookie', …"),
        ("trace_id=0af7 is_tokenless, a secret, no cookie", "trace_id=0af7 is_tokenless, a secret, no cookie"),
        ("mail to ada.l+x@example.org, please", "mail to …@…, please"),
        ("password authentication failed", "password authentication failed"),
    ],
)
def test_texts_lose_what_opens_doors_and_names_people(text: str, shown: str) -> None:
    with logged() as lines:
        logger("taskapi.test").warning(text, inner=[text], deeper={"a": (text,)})
        logging.getLogger("library").warning("%s", text)
        logger("taskapi.test").error("failed", exc_info=OSError(text))
    ours, theirs, failed = lines.entries
    assert (ours["event"], ours["inner"], ours["deeper"]) == (shown, [shown], {"a": [shown]})
    assert theirs["event"] == shown
    assert failed["exception"][0]["exc_value"] == shown


HOSTILE = [
    *(
        "a",
        "a@",
        "a.@",
        "://",
        "eyJ-",
        "eyJa.b.",
        "'",
        "-",
        " ",
        "bearer",
        "bearer ",
        "passwor",
        "tokentoke",
        "x-cooki",
    ),
    *(
        word + end
        for word in ("password", "token", "Set-Cookie")
        for end in ("", "-", " ", '"', "\\", "=", '="', "='\\")
    ),
    *("cookie'\t", "cookie',", "cookie:\n"),
]


@pytest.mark.parametrize("part", HOSTILE)
def test_the_time_that_a_text_takes_is_proportional_to_its_length(part: str) -> None:
    began = time.thread_time()
    for before in ("", "token", "token='", "cookie", "cookie'"):
        text = before + part * (80_000 // len(part))
        for pattern, instead in redaction.PRIVATE:
            text = pattern.sub(instead, text)
    assert time.thread_time() - began < 2  # where it grows with the square of the length, it takes many times as long


@pytest.mark.parametrize("part", HOSTILE)
def test_a_text_is_cut_however_long_it_is_and_whatever_it_begins_again_and_again(part: str) -> None:
    with logged() as lines:
        logger("test").warning("told", what=part * 1_000_000)
    (line,) = lines.events("told")
    assert len(line["what"]) <= LONGEST + len(HIDDEN)


def test_nothing_private_is_shown_where_a_text_is_cut() -> None:
    for before in range(LONGEST - len(TOKEN), LONGEST):
        with logged() as lines:
            logger("test").warning("told", what=" " * before + TOKEN + " " * LONGEST)
        assert "eyJ" not in lines.text


@pytest.mark.parametrize("word", [TOKEN, PERSON.email, "redis://ada:hunter2@cache"])
def test_nothing_private_is_shown_that_is_cut_in_a_text_which_became_shorter(word: str) -> None:
    hidden = "token=" + "x" * LONGEST
    for length in range(1, len(word)):
        begins = hidden + " " * (2 * LONGEST - len(hidden) - length)
        shown = redaction.scrubbed(begins + word + " " * LONGEST)
        assert set(shown.removeprefix("token=")) == {HIDDEN, " "}


@pytest.mark.parametrize("name", ["access_token", "new_password", "Authorization", "Set-Cookie", "JWT_SECRET", "Email"])
def test_fields_that_are_named_for_what_is_private_are_hidden_wherever_they_are(name: str) -> None:
    with logged() as lines:
        logger("test").info("told", **{name: PRIVATE}, deeper=[{name: {"a": PRIVATE}}, {"inner": {name: [PRIVATE]}}])
    (entry,) = lines.entries
    assert entry[name] == HIDDEN
    assert entry["deeper"] == [{name: HIDDEN}, {"inner": {name: HIDDEN}}]
    assert PRIVATE not in lines.text


def test_names_in_a_value_are_told_as_values_are() -> None:
    with logged() as lines:
        logger("test").info("told", sizes={PERSON.email: 1, PERSON.role: 2, PERSON.id: 3, 4: 5, PRIVATE.encode(): 6})
    (entry,) = lines.entries
    assert entry["sizes"] == {"…@…": 1, "user": 2, str(PERSON.id): 3, "4": 5, "<bytes>": 6}


def test_of_values_of_unknown_kinds_only_the_kind_is_told() -> None:
    with logged() as lines:
        logger("taskapi.test").info(
            "odd", person=PERSON, secret=Secret(PRIVATE), raw=PRIVATE.encode(), many=[PERSON], password=PRIVATE
        )
    (entry,) = lines.entries
    assert (entry["person"], entry["many"], entry["raw"]) == ("<Person>", ["<Person>"], "<bytes>")
    assert (entry["secret"], entry["password"]) == ("…", "…")
    assert PRIVATE not in lines.text


def test_values_of_known_kinds_are_told() -> None:
    with logged() as lines:
        logger("taskapi.test").info("usual", id=UUID(int=7), path=Path("/a"), role=Role.ADMIN, none=None, yes=True)
    (entry,) = lines.entries
    assert (entry["id"], entry["path"], entry["role"]) == (str(UUID(int=7)), "/a", "admin")
    assert (entry["none"], entry["yes"]) == (None, True)


@pytest.mark.anyio
async def test_a_task_whose_failure_nobody_sees_is_told_without_its_words() -> None:
    async def fail() -> None:
        int(PRIVATE)

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(tell_of_failed_task)
    with logged() as lines:
        task = loop.create_task(fail())
        await asyncio.wait({task})
        del task
        gc.collect()
    (entry,) = lines.events("nobody waited for a failure")
    assert entry["exception"][0]["exc_type"] == "ValueError"
    assert PRIVATE not in lines.text
