"""Reads the tables of docs/logs.md, which tests compare with what is written."""

import re
from collections.abc import Mapping

from tests.shape.source import ROOT

PAGE = ROOT / "docs" / "logs.md"
ROW = re.compile(r"^\| `([^`]+)` \|(.*)\|$", re.MULTILINE)
NAME = re.compile(r"`([^`]+)`")


def rows(table: str) -> Mapping[str, frozenset[str]]:
    """Return by the name in each row's first cell what its last cell names."""
    text = PAGE.read_text(encoding="utf-8")
    part = text.partition(f"<!-- {table} -->")[2].partition(f"<!-- /{table} -->")[0]
    return {name: frozenset(NAME.findall(cells.rpartition("|")[2])) for name, cells in ROW.findall(part)}
