"""Logs are one JSON object a line, with the level asked for, and never hold a secret by accident."""

import io
import json
import logging
import threading
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from structlog.contextvars import bound_contextvars

from taskapi.config import LogSettings, Secret
from taskapi.contracts import audit
from taskapi.kit.line_writer import MOST_FREQUENT, MOST_WAITING
from taskapi.kit.telemetry import FrequentLog, Line, dropped_lines, level, logger, set_level
from tests.kit.log_lines import LogLines, logged
from tests.kit.patience import until
from tests.waiting import eventually

Format = Literal["json", "pretty"]


class Terminal(io.StringIO):
    """What standard output is when a person looks at it."""

    def isatty(self) -> bool:
        """Say that it is one."""
        return True


def fail() -> None:
    password = "hunter2" * 3
    raise ValueError(f"a password of {len(password)} characters")


def log_a_failure(lines_format: Format) -> LogLines:
    with logged(LogSettings(log_format=lines_format)) as lines:
        try:
            fail()
        except ValueError as error:
            logger("taskapi.test").error("failed", exc_info=error)
    return lines


def test_a_line_is_one_json_object_with_time_level_and_origin() -> None:
    with logged() as lines:
        logger("taskapi.test").info("task\ndone", number=7, name="Zoë\n", secret=Secret("hunter2"))
    (entry,) = lines.entries
    assert entry["event"] == "task\ndone"
    assert (entry["level"], entry["logger"], entry["number"], entry["name"]) == ("info", "taskapi.test", 7, "Zoë\n")
    assert datetime.fromisoformat(entry["timestamp"]).utcoffset() == timedelta(0)
    assert "hunter2" not in lines.text


def test_libraries_write_the_same_lines() -> None:
    with logged() as lines, bound_contextvars(request_id="abc"):
        logging.getLogger("some.library").warning("slow %s", "query")
        logger("taskapi.test").info("ours")
    assert [entry["event"] for entry in lines.entries] == ["slow query", "ours"]
    assert [entry["request_id"] for entry in lines.entries] == ["abc", "abc"]


@pytest.mark.parametrize(("level", "written"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_less_severe_lines_are_left_out(level: Literal["debug", "info", "warning", "error"], written: int) -> None:
    with logged(LogSettings(level=level, log_format="json")) as lines:
        for name in ("debug", "info", "warning", "error"):
            getattr(logger("taskapi.test"), name)("said")
            getattr(logging.getLogger("library"), name)("said")
    assert len(lines.entries) == 2 * written


def test_a_traceback_tells_where_but_not_what_the_variables_held() -> None:
    lines = log_a_failure("json")
    (entry,) = lines.entries
    assert entry["exception"][0]["exc_type"] == "ValueError"
    assert [frame["name"] for frame in entry["exception"][0]["frames"]] == ["log_a_failure", "fail"]
    assert "hunter2" not in lines.text.replace('"hunter2" * 3', "")


def test_a_pretty_traceback_does_not_either() -> None:
    text = log_a_failure("pretty").text
    assert "a password of" in text
    assert "hunter2hunter2" not in text


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()], ids=["terminal", "pipe"])
def test_a_terminal_gets_something_pleasant_and_everything_else_json(stream: io.StringIO) -> None:
    with logged(LogSettings(log_format="auto"), stream) as lines:
        logger("taskapi.test").info("said")
    assert lines.text.startswith("{") != stream.isatty()


def test_writing_never_fails_a_request() -> None:
    with logged() as lines:
        lines.stream.close()
        logger("taskapi.test").error("nobody reads this")
        logging.getLogger("library").error("nor %d", "this")


def test_what_json_does_not_know_is_written_all_the_same() -> None:
    with logged() as lines:
        logger("taskapi.test").info("odd", value={1, 2}, other=b"\xff")
    assert json.loads(lines.text)["event"] == "odd"


class Visit(Line, kw_only=True, gc=False):
    """A line that comes often."""

    status: int


def write(log: FrequentLog, line: Line) -> None:
    """Write a line if lines are written."""
    writer = log.writer()
    if writer is not None:
        writer(line)


def visit(status: int) -> Visit:
    now = datetime.now(UTC)
    return Visit(event="visit", request_id="abc", logger="taskapi.often", timestamp=now, status=status)


def test_a_frequent_line_is_like_any_other() -> None:
    with logged() as lines, bound_contextvars(request_id="abc"):
        write(FrequentLog("taskapi.often"), visit(200))
        logger("taskapi.often").info("visit", status=200)
    often, other = lines.entries
    for entry in (often, other):
        assert datetime.fromisoformat(entry.pop("timestamp")).utcoffset() == timedelta(0)
    assert often == other


@pytest.mark.anyio
async def test_frequent_lines_are_written_together_soon_and_in_order() -> None:
    with logged() as lines:
        log = FrequentLog("taskapi.often")
        for status in range(3):
            write(log, visit(status))
        assert lines.stream.getvalue() == ""
        logger("taskapi.other").warning("between")
        write(log, visit(3))

        async def written() -> bool:
            return lines.stream.getvalue().count("\n") == 5

        await until(written)
    assert [entry.get("status", "between") for entry in lines.entries] == [0, 1, 2, "between", 3]


class Silent(io.StringIO):
    """What standard output is when nobody reads, until somebody does."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()

    def write(self, text: str) -> int:
        """Wait for the reader."""
        self.released.wait(60)
        return super().write(text)


def test_a_reader_that_stops_costs_lines_which_are_counted_and_told_of() -> None:
    stream = Silent()
    with logged(stream=stream) as lines:
        log, number = FrequentLog("taskapi.often"), 0
        while not dropped_lines():
            write(log, visit(number))
            number += 1
        assert MOST_FREQUENT < number <= 2 * MOST_WAITING
        stream.released.set()
        eventually(lambda: lines.events("log lines were dropped, nobody read them"))
        (told,) = lines.events("log lines were dropped, nobody read them")
        assert told["lines"] == dropped_lines() == 1


def test_the_level_changes_at_once_for_everybody_but_the_audit_trail() -> None:
    with logged(LogSettings(level="error", log_format="json")) as lines:
        set_level("debug")
        assert level() == "debug"
        assert FrequentLog("taskapi.often").writer() is not None
        logger("taskapi.test").debug("said")
        set_level("error")
        logger("taskapi.test").warning("not said")
        audit.tell(audit.Kind.LOGGED_IN)
        assert FrequentLog("taskapi.often").writer() is None
    assert [entry["event"] for entry in lines.entries] == ["said", "log-in succeeded"]


def test_a_frequent_line_fails_in_silence_too() -> None:
    with logged() as lines:
        lines.stream.close()
        write(FrequentLog("taskapi.often"), visit(200))


def test_frequent_lines_obey_the_level_and_are_pretty_on_a_terminal() -> None:
    with logged(LogSettings(level="warning", log_format="json")):
        assert FrequentLog("taskapi.often").writer() is None
    with logged(LogSettings(log_format="pretty")) as lines:
        write(FrequentLog("taskapi.often"), visit(200))
    assert "visit" in lines.text
    assert "status" in lines.text
