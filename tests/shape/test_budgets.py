"""The budgets of size: a reader should never meet a long file or a long function, nor many middling ones."""

import ast
import statistics
from collections.abc import Sequence

from tests.shape.source import FUNCTIONS, IMPORTS, functions, modules

VAGUE = {"utils", "util", "helpers", "helper", "common", "misc"}
FILES = [(len(module.text.splitlines()), module.name) for module in modules()]
LENGTHS = [(function.lines, function.place) for module in modules() for function in functions(module)]


def ninetieth(values: Sequence[int]) -> int:
    """Return the value that nine tenths do not exceed."""
    return sorted(values)[int(len(values) * 0.9)]


def longest(measured: Sequence[tuple[int, str]], limit: int) -> str:
    """Return what is over the limit, the longest first."""
    return "\n".join(f"{lines:5} lines  {place}" for lines, place in sorted(measured, reverse=True) if lines > limit)


def test_files_are_short() -> None:
    lines = [count for count, _ in FILES]
    assert statistics.median(lines) <= 80, f"half of the files have {statistics.median(lines)} lines or more"
    assert ninetieth(lines) <= 250, f"too many files over 250 lines:\n{longest(FILES, 250)}"
    assert max(lines) <= 400, f"files over 400 lines:\n{longest(FILES, 400)}"


def test_functions_are_short() -> None:
    lines = [count for count, _ in LENGTHS]
    assert statistics.median(lines) <= 8, f"half of the functions have {statistics.median(lines)} lines or more"
    assert ninetieth(lines) <= 25, f"too many functions over 25 lines:\n{longest(LENGTHS, 25)}"
    assert max(lines) <= 50, f"functions over 50 lines:\n{longest(LENGTHS, 50)}"


def test_imports_stand_at_the_top() -> None:
    hidden = [
        f"{module.name}:{inner.lineno}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, FUNCTIONS)
        for inner in ast.walk(node)
        if isinstance(inner, IMPORTS)
    ]
    assert not hidden, f"imports inside functions: {hidden}"


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = [module.name for module in modules() if VAGUE & {module.path.stem, module.path.parent.name}]
    assert not vague, f"name these for what they hold: {vague}"
