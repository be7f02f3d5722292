"""Logs: one JSON object a line on standard output, or something pleasant on a terminal.

Only what a call names is written, never a body, a header or a token; writing never fails a request.
"""

import asyncio
import contextlib
import logging
import sys
from datetime import datetime
from typing import Any, Literal, TextIO

import msgspec
import structlog

from taskapi.config import LogSettings

TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
PRETTY_TRACEBACKS = structlog.dev.RichTracebackFormatter(show_locals=False)
"""Local variables stay out: they hold passwords, tokens and people's text."""

FLUSH_SECONDS = 0.05
MOST_WAITING = 1_000
_lines = msgspec.json.Encoder()

Logger = structlog.stdlib.BoundLogger


def configure_logs(settings: LogSettings) -> None:
    """Send our logs and those of libraries to standard output in one format."""
    pretty = settings.log_format == "pretty" or (settings.log_format == "auto" and sys.stdout.isatty())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout) if pretty else JsonLines(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared(),
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(pretty)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    logging.raiseExceptions = False


class JsonLines(logging.StreamHandler[TextIO]):
    """Writes JSON lines. Those that come with every request wait a moment for each other and are written together.

    A system call for each costs more than all else about them. A killed process loses lines of its last moment.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._waiting: list[msgspec.Struct] = []

    def write_soon(self, line: msgspec.Struct) -> None:
        """Write one line within FLUSH_SECONDS; outside of an event loop at once."""
        self._waiting.append(line)
        if len(self._waiting) >= MOST_WAITING:
            self.flush()
        elif len(self._waiting) == 1:
            try:
                asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
            except RuntimeError:
                self.flush()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line at once, after those that wait."""
        self._write_waiting()
        super().emit(record)

    def flush(self) -> None:
        """Write what waits; like all writing, it fails in silence."""
        self._write_waiting()
        with contextlib.suppress(OSError, ValueError):
            super().flush()

    def _write_waiting(self) -> None:
        lines, self._waiting = self._waiting, []
        if not lines:
            return
        with self.lock or contextlib.nullcontext(), contextlib.suppress(OSError, ValueError):
            self.stream.write(_lines.encode_lines(lines).decode())


class Line(msgspec.Struct, kw_only=True, gc=False):
    """A line that comes with every request; a kind of them adds fields of its own, texts and numbers."""

    event: str
    request_id: str
    logger: str
    level: Literal["info"] = "info"
    timestamp: datetime


class FrequentLog:
    """Writes what happens with every request: the same lines as a logger's at level `info`, at a tenth of the cost."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._logger = logger(name)
        self._standard = logging.getLogger(name)
        self._root = logging.getLogger()

    @property
    def is_written(self) -> bool:
        """Whether lines are written at all."""
        return self._standard.isEnabledFor(logging.INFO)

    def write(self, line: Line) -> None:
        """Write one line."""
        handler = self._root.handlers[0] if self._root.handlers else None
        if isinstance(handler, JsonLines):
            handler.write_soon(line)
        else:
            own = {name: getattr(line, name) for name in line.__struct_fields__ if name not in Line.__struct_fields__}
            self._logger.info(line.event, **own)


def logger(name: str) -> Logger:
    """Return the logger of one room."""
    found: Logger = structlog.stdlib.get_logger(name)
    return found


def _shared() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _rendering(pretty: bool) -> list[Any]:
    if pretty:
        return [structlog.dev.ConsoleRenderer(exception_formatter=PRETTY_TRACEBACKS)]
    return [TRACEBACKS, structlog.processors.JSONRenderer()]
