"""Tells of slow statements: one line each, with a digest of the plan by which the server runs it.

Off the request's way: the line is written after the request has its rows, and the plan is asked for on a connection
that nobody wants. A plan costs a statement, so there is one at a time and one a minute for each name; the lines between
have none. Values are in no line, and of a plan only what it does with which table and index.
"""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from taskapi.kit.database.stopwatch import Slow
from taskapi.kit.telemetry import logger

EVERY_SECONDS = 60.0
PLAN_SECONDS = 2.0
DIGITS = 12

Explain = Callable[[str, Sequence[Any]], Awaitable[str | None]]
"""Returns the plan of a statement, as PostgreSQL's JSON; None if no connection is to be had."""


class SlowLog:
    """Writes the lines of a process."""

    def __init__(self, explain: Explain) -> None:
        self._explain = explain
        self._explained: dict[str, float] = {}
        """When, by name."""
        self._is_explaining = False
        self._lines: set[asyncio.Task[None]] = set()

    def tell(self, slow: Slow) -> None:
        """Write a line soon, with the request's id if it is one's."""
        line = asyncio.create_task(self._write(slow))
        self._lines.add(line)
        line.add_done_callback(self._lines.discard)

    async def _write(self, slow: Slow) -> None:
        told = {"statement": slow.name, "milliseconds": round(slow.seconds * 1000), "rows": slow.rows}
        plan = None
        try:
            plan = await self._plan(slow) if self._wants_plan(slow) else None
        finally:
            logger("taskapi.database").warning("slow statement", **told, plan=plan)

    def _wants_plan(self, slow: Slow) -> bool:
        before = self._explained.get(slow.name)
        is_due = before is None or time.monotonic() >= before + EVERY_SECONDS
        return bool(slow.sql) and is_due and not self._is_explaining

    async def _plan(self, slow: Slow) -> str | None:
        """Return the digest of a statement's plan; None if it cannot be had, which is no failure of anybody."""
        self._is_explaining = True
        self._explained[slow.name] = time.monotonic()
        try:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(PLAN_SECONDS):
                    plan = await self._explain(slow.sql, slow.args)
                return None if plan is None else digest(plan)
        finally:
            self._is_explaining = False
        return None


def digest(plan: str) -> str:
    """Return what two plans have in common that do the same with the same tables and indexes, in PostgreSQL's JSON."""
    shape = _shape(msgspec.json.decode(plan)[0]["Plan"])
    return hashlib.sha256(msgspec.json.encode(shape)).hexdigest()[:DIGITS]


def _shape(node: dict[str, Any]) -> list[Any]:
    facts = (node["Node Type"], node.get("Relation Name"), node.get("Index Name"))
    return [*facts, [_shape(child) for child in node.get("Plans", ())]]
