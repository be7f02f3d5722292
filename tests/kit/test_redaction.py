"""What is private cannot get into a log line, however it is given to the log."""

import asyncio
import gc
import json
import logging
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
        ("Authorization: Bearer hunter2", "Authorization: Bearer …"),
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


@pytest.mark.parametrize("part", ["a", "a@", "a.@", "://", "eyJ-", "eyJa.b.", "password ", "'"])
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
