"""Writes the table of docs/metrics.md from the code: `python -m tests.shape.metrics_table`."""

import re
from collections.abc import Iterator

from taskapi.app import App
from taskapi.config import AuthSettings, DatabaseSettings, RedisSettings, Secret, Settings
from taskapi.kit.metrics import Family, Kind
from taskapi.kit.metrics.gathering import OF_THE_PARENT
from tests.shape.source import ROOT

PAGE = ROOT / "docs" / "metrics.md"
TABLE = re.compile(r"(?<=<!-- metrics -->\n).*(?=<!-- /metrics -->)", re.DOTALL)
NOWHERE = Settings(
    database=DatabaseSettings(url=Secret("postgresql://nobody@127.0.0.1:1/nothing")),
    redis=RedisSettings(url=Secret("redis://127.0.0.1:1")),
    auth=AuthSettings(jwt_secret=Secret("x" * 32)),
)
"""Nothing of it is reached: an application that never starts has all its instruments."""

TYPES = {Kind.COUNTER: "counter", Kind.HISTOGRAM: "histogram"}


def render_table() -> str:
    """Return the rows of all metrics, in the order in which they are shown."""
    heads = [*App(NOWHERE).measures.instruments.heads, *OF_THE_PARENT]
    return "\n".join(["| Metric | Type | Labels | Meaning |", "|---|---|---|---|", *_rows(heads)]) + "\n"


def write() -> None:
    """Put the table into the page."""
    PAGE.write_text(TABLE.sub(lambda _: render_table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def _rows(heads: list[Family]) -> Iterator[str]:
    for head in heads:
        name = f"{head.name}_total" if head.kind is Kind.COUNTER else head.name
        labels = ", ".join(f"`{label}`" for label in head.labels) or "–"
        yield f"| `{name}` | {TYPES.get(head.kind, 'gauge')} | {labels} | {head.meaning} |"


if __name__ == "__main__":
    write()
