"""Logs: one JSON object a line on standard output, or something pleasant on a terminal.

Only what a call names is written, never a body, a header or a token; writing never fails a request.
"""

import logging
import sys
from typing import Any

import structlog

from taskapi.config import LogSettings

TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
PRETTY_TRACEBACKS = structlog.dev.RichTracebackFormatter(show_locals=False)
"""Local variables stay out: they hold passwords, tokens and people's text."""

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
    handler = logging.StreamHandler(sys.stdout)
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
