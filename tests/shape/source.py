"""Reads the tree for the tests of its shape; it parses files and never imports them."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "src" / "taskapi"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
IMPORTS = (ast.Import, ast.ImportFrom)
UNTRACKED = {".git", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__"}
"""Folders that are passed over where the tree did not come from git."""


class Module(NamedTuple):
    """One parsed file."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The file's path from the root of the repository."""
        return self.path.relative_to(ROOT).as_posix()


class Function(NamedTuple):
    """One function, with the line it stands on."""

    place: str
    lines: int


@cache
def modules(folder: Path = SOURCES) -> tuple[Module, ...]:
    """Return every Python file below `folder`, in order of its path."""
    texts = [(path, path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.py"))]
    return tuple(Module(path, text, ast.parse(text)) for path, text in texts)


def functions(module: Module) -> Iterator[Function]:
    """Yield every function of a file, nested ones too; its length is from `def` to its last line."""
    for node in ast.walk(module.tree):
        if isinstance(node, FUNCTIONS):
            assert node.end_lineno is not None
            yield Function(f"{module.name}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1)


@cache
def tracked_files() -> tuple[Path, ...]:
    """Return what git tracks or would track; outside git, everything that no tool made."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if (ROOT / ".git").exists():
        listed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.split("\0")
        paths = [ROOT / name for name in listed if name]
    else:
        paths = [path for path in ROOT.rglob("*") if not _is_made(path)]
    return tuple(sorted(path for path in paths if path.is_file()))


def text_of(path: Path) -> str:
    """Return a tracked file's text; what is not text is empty."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def _is_made(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return any(part in UNTRACKED or part.startswith(".venv") for part in parts)
