"""Logs are one JSON object a line, with the level asked for, and never hold a secret by accident."""

import io
import json
import logging
from datetime import datetime, timedelta
from typing import Literal

import pytest
from structlog.contextvars import bound_contextvars

from taskapi.config import LogSettings, Secret
from taskapi.kit.telemetry import logger
from tests.kit.log_lines import LogLines, logged

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
