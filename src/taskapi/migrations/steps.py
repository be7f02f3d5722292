"""The steps that this release knows, read from their files without running them.

A step says in its docstring whether it may run while older releases serve (`pre`) or only once none does (`post`).
"""

import ast
from pathlib import Path
from typing import NamedTuple

AFTER_DEPLOY = "(`post`)"


class Step(NamedTuple):
    """One step of the schema."""

    number: str
    """Four digits, with which the file's name begins."""

    docstring: str

    @property
    def is_late(self) -> bool:
        """Whether it runs only once no older release does."""
        return AFTER_DEPLOY in self.docstring


def read_steps(folder: Path) -> tuple[Step, ...]:
    """Return the steps in `folder`, the first one first."""
    return tuple(_read(path) for path in sorted((folder / "versions").glob("[0-9]*_*.py")))


def _read(path: Path) -> Step:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")), clean=False)
    return Step(path.name.partition("_")[0], docstring or "")
