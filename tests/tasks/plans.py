"""How PostgreSQL runs a statement: the plan with what it really read, made for any arguments or for these."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

Node = dict[str, Any]
INFINITIES = {datetime.min: "-infinity", datetime.max: "infinity"}  # noqa: DTZ901
EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON)"


class Plan(NamedTuple):
    """A plan that was run."""

    root: Node

    @property
    def buffers(self) -> int:
        """How many pages of 8 KiB were looked at, those looked at again counted again."""
        return int(self.root["Shared Hit Blocks"] + self.root["Shared Read Blocks"])

    @property
    def rows(self) -> int:
        """How many rows came out."""
        return int(self.root["Actual Rows"])

    def scans(self) -> set[tuple[str, str]]:
        """Return kind and index of every scan of the tasks that was really run."""
        return {
            (node["Node Type"], node.get("Index Name", ""))
            for node in _nodes(self.root)
            if node.get("Relation Name") == "tasks" and node["Actual Loops"] > 0
        }


async def explain(
    connection: "asyncpg.Connection[asyncpg.Record]", sql: str, args: Sequence[Any], *, generic: bool
) -> Plan:
    """Run a statement as a prepared one, with a plan for any arguments (`generic`) or for these, and undo it."""
    mode = "force_generic_plan" if generic else "force_custom_plan"
    await connection.execute(f"SET plan_cache_mode = {mode}; BEGIN; PREPARE statement AS {sql}")
    try:
        given = f"({', '.join(literal(value) for value in args)})" if args else ""
        rows = await connection.fetch(f"{EXPLAIN} EXECUTE statement{given}")
    finally:
        await connection.execute("ROLLBACK; DEALLOCATE statement")
    return Plan(json.loads(rows[0][0])[0]["Plan"])


def literal(value: Any) -> str:
    """Return a value as SQL."""
    return "NULL" if value is None else "'" + _text(value).replace("'", "''") + "'"


def _text(value: Any) -> str:
    """Return a value as PostgreSQL writes it; the driver's spelling of the infinities included."""
    if isinstance(value, list):
        return "{" + ",".join("NULL" if item is None else f'"{_text(item)}"' for item in value) + "}"
    return INFINITIES.get(value, str(value)) if isinstance(value, datetime) else str(value)


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)
