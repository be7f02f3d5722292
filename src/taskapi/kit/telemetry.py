"""Logs: one JSON object a line on standard output, or something pleasant on a terminal.

Only what a call names is written, never a body, a header or a token, and that only as `kit/redaction` lets it through.
Writing neither fails a request nor makes one wait.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal, TextIO

import msgspec
import structlog

from taskapi.config import Level, LogSettings
from taskapi.kit.line_writer import LineWriter
from taskapi.kit.redaction import Redaction

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
    handler = Lines(sys.stdout, takes_structs=not pretty)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                Redaction(pretty=pretty),
                _renderer(pretty),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    logging.raiseExceptions = False


def dropped_lines() -> int:
    """Return how many lines were given up, because nobody read them."""
    return sum(handler.writer.dropped for handler in logging.getLogger().handlers if isinstance(handler, Lines))


def level() -> str:
    """Return the least severe level that is written."""
    return logging.getLevelName(logging.getLogger().level).lower()


def set_level(name: Level) -> None:
    """Write lines of this level and of more severe ones from now on."""
    logging.getLogger().setLevel(name.upper())


async def answer_level(question: Mapping[str, Any]) -> bytes:
    """Return the level, for whoever asks this process, after it was set if the question names one."""
    if "level" in question:
        set_level(msgspec.convert(question["level"], Level))
    return msgspec.json.encode(level())


def tell_of_failed_task(_: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """Write a line for what an event loop found nobody else to tell of; its own words might quote values."""
    logger("taskapi.loop").error("nobody waited for a failure", exc_info=context.get("exception"))


class Lines(logging.Handler):
    """Hands lines over to a thread that writes them. A killed process loses lines of its last moment."""

    def __init__(self, stream: TextIO, *, takes_structs: bool) -> None:
        """`takes_structs`: whether the lines that come with every request are taken as they are."""
        super().__init__()
        self.writer = LineWriter(stream, _tell_of_dropped)
        self.take_frequent = self.writer.take_frequent if takes_structs else None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line at once."""
        try:
            text = self.format(record)
        except Exception:
            self.handleError(record)
        else:
            self.writer.take(text.encode("utf-8", "backslashreplace"))

    def flush(self) -> None:
        """Return when everything so far is written, or nobody reads."""
        self.writer.flush()

    def close(self) -> None:
        """Write nothing more."""
        self.writer.close()
        super().close()


class Line(msgspec.Struct, kw_only=True, gc=False):
    """A line that comes with every request; a kind of them adds fields of its own, texts and numbers."""

    event: str
    request_id: str
    logger: str
    level: Literal["info"] = "info"
    timestamp: datetime
    trace_id: str | msgspec.UnsetType = msgspec.UNSET
    span_id: str | msgspec.UnsetType = msgspec.UNSET


class FrequentLog:
    """Writes what happens with every request: the same lines as a logger's at level `info`, at a tenth of the cost."""

    def __init__(self, name: str) -> None:
        self._logger = logger(name)
        self._root = logging.getLogger()

    def writer(self) -> Callable[[Line], None] | None:
        """Return what writes a line; None if none is written at the moment."""
        root = self._root
        if root.level > logging.INFO or not root.handlers:
            return None
        return getattr(root.handlers[0], "take_frequent", None) or self._write

    def _write(self, line: Line) -> None:
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


def _renderer(pretty: bool) -> Any:
    if pretty:
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer()


def _tell_of_dropped(lines: int) -> None:
    logger("taskapi.logs").warning("log lines were dropped, nobody read them", lines=lines)
