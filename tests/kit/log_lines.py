"""Collects what the program logs, as the lines that would stand on standard output."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import structlog

from taskapi.config import LogSettings
from taskapi.kit.telemetry import configure_logs

JSON_LINES = LogSettings(log_format="json")


class LogLines:
    """The lines so far."""

    def __init__(self, stream: io.StringIO) -> None:
        self.stream = stream

    @property
    def text(self) -> str:
        """All of them."""
        flush()
        return self.stream.getvalue()

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Each as the object that it is in the JSON format."""
        return [json.loads(line) for line in self.text.splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The entries of one kind."""
        return [entry for entry in self.entries if entry["event"] == name]


def flush() -> None:
    """Write what waits to be written together."""
    for handler in logging.getLogger().handlers:
        handler.flush()


@contextmanager
def logged(settings: LogSettings = JSON_LINES, stream: io.StringIO | None = None) -> Iterator[LogLines]:
    """Configure logs as the program does, collect them, and leave everything as it was."""
    root, lines = logging.getLogger(), LogLines(stream or io.StringIO())
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    before = structlog.get_config() if structlog.is_configured() else None
    try:
        with redirect_stdout(lines.stream):
            configure_logs(settings)
        yield lines
    finally:
        flush()
        for handler in root.handlers:
            handler.close()
        root.handlers[:], logging.raiseExceptions = handlers, raising
        root.setLevel(level)
        structlog.reset_defaults()
        if before:
            structlog.configure(**before)
