"""Puts several INSERTs into one statement, so that they cost one round trip; none of them sees another's rows."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from taskapi.kit.database.naming import joint_name

PLACEHOLDER = re.compile(r"\$(\d+)")

Statement = tuple[str, Sequence[Any]]
"""An INSERT and its arguments; its placeholders start at $1."""


def combined(statements: Sequence[Statement]) -> Statement:
    """Return one statement that does what all of `statements`, at least one, do."""
    sizes = tuple(len(args) for _, args in statements)
    return _text(tuple(sql for sql, _ in statements), sizes), [arg for _, args in statements for arg in args]


@lru_cache(maxsize=256)
def _text(texts: tuple[str, ...], sizes: tuple[int, ...]) -> str:
    shifted = [_shifted(text, sum(sizes[:place])) for place, text in enumerate(texts)]
    parts = [f"part_{place} AS ({text})" for place, text in enumerate(shifted[:-1])]
    return f"WITH /* {joint_name(texts)} */ {', '.join(parts)} {shifted[-1]}" if parts else shifted[-1]


def _shifted(text: str, offset: int) -> str:
    return PLACEHOLDER.sub(lambda found: f"${int(found[1]) + offset}", text)
