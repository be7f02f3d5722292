"""Traces: what a request did, and how long each part took. Nothing is traced, or loaded for it, unless it is wanted.

The house knows the few names here and no OpenTelemetry. `otel`, the one module that does, is loaded by
`configure_traces` where the environment names a collector; until then every part does without a tracer.
"""

import asyncio
import os
import re
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from importlib import import_module
from typing import ParamSpec, Protocol, TypeVar, cast

from taskapi.kit.telemetry import logger

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
CLOSE_SECONDS = 3
"""How long a stop waits for the collector to take what is left."""

NAMED = re.compile(r"\s*(?:[A-Za-z]+\s+)?/\*\s*([\w.:+-]{1,200})\s*\*/")
"""What `kit.database.naming` writes; the id of a request, which begins a transaction, is none."""

FIRST_WORD = re.compile(r"\s*([A-Za-z]{1,64})")

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Trace(Protocol):
    """One request's trace, or its part of a trace that began elsewhere."""

    @property
    def trace_id(self) -> str:
        """Return 32 hexadecimal digits."""
        ...

    @property
    def span_id(self) -> str:
        """Return the 16 hexadecimal digits of the request's own span."""
        ...

    @property
    def is_sampled(self) -> bool:
        """Say whether anybody will see it."""
        ...

    def end(self, method: str, route: str, status: int) -> None:
        """Say what the request turned out to be, once it is over; in the task that began it."""
        ...


class Tracer(Protocol):
    """Takes what happens. No name and no attribute is ever an id, an address or a person's text."""

    def begin(self, method: str, parent: str, state: str) -> Trace:
        """Begin a request; `parent` and `state` are the caller's `traceparent` and `tracestate`, or empty."""
        ...

    def span(self, name: str, *, begins: bool = False) -> AbstractContextManager[None]:
        """Trace a block as part of whatever is traced around it; one that `begins` is traced by itself too."""
        ...

    def statement(self, sql: str) -> AbstractContextManager[None]:
        """Trace a statement as part of whatever is traced around it."""
        ...

    def current(self) -> object | None:
        """Return what is traced around the caller; None if nothing is."""
        ...

    def note_trip(self, parent: object, begun: int, batch: int) -> None:
        """Note, as part of `parent`, that a command has just come back from Redis.

        It left at `begun` (nanoseconds since 1970), in a batch of so many; 0 if it never left.
        """
        ...

    def close(self) -> None:
        """Send what is left; may take as long as the collector likes."""
        ...


class _Process:
    def __init__(self) -> None:
        self.tracer: Tracer | None = None


_process = _Process()


def active() -> Tracer | None:
    """Return this process's tracer; None where nothing is traced. Rooms ask once, when they are made."""
    return _process.tracer


def use(tracer: Tracer | None) -> None:
    """Trace with this tracer, in rooms that are made from now on."""
    _process.tracer = tracer


def configure_traces(version: str, environ: Mapping[str, str] = os.environ) -> None:
    """Trace if the environment says where to send it, with what it says for OpenTelemetry in general."""
    if not _is_wanted(environ):
        return
    try:
        use(cast("Tracer", import_module("taskapi.kit.otel").exporting(version)))
    except ModuleNotFoundError as error:
        logger("taskapi.traces").warning(
            "nothing is traced: install task-api[otel], or unset OTEL_EXPORTER_OTLP_ENDPOINT", missing=error.name
        )


async def close_traces() -> None:
    """Send what is left; nobody's stop waits for a collector that is away."""
    if (tracer := active()) is not None:
        closing = threading.Thread(target=tracer.close, name="traces-close", daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, CLOSE_SECONDS)


def spanned(
    name: str, work: Callable[Parameters, Awaitable[Result]], *, begins: bool = False
) -> Callable[Parameters, Awaitable[Result]]:
    """Return `work` itself where nothing is traced, else what does it inside a span."""
    tracer = active()
    if tracer is None:
        return work

    async def run(*args: Parameters.args, **named: Parameters.kwargs) -> Result:
        with tracer.span(name, begins=begins):
            return await work(*args, **named)

    return run


@lru_cache(maxsize=1024)
def statement_name(sql: str) -> str:
    """Return what a statement is called: what a comment says before or after its first word, else that word."""
    if named := NAMED.match(sql):
        return named[1]
    word = FIRST_WORD.match(sql)
    return word[1].upper() if word else "SQL"


def _is_wanted(environ: Mapping[str, str]) -> bool:
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if environ.get("OTEL_TRACES_EXPORTER", "").strip() not in {"", "otlp"}:
        return False
    return any(environ.get(name, "").strip() for name in ENDPOINTS)
