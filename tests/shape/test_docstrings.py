"""Everything public says what it is for."""

import ast
from collections.abc import Iterator

from tests.shape.source import FUNCTIONS, Module, modules


def undocumented(module: Module) -> Iterator[str]:
    """Yield what lacks a docstring: the module, public classes and functions, and public methods of these."""
    if not ast.get_docstring(module.tree):
        yield f"{module.name}:1 the module"
    for node in public(module.tree.body):
        members = public(node.body) if isinstance(node, ast.ClassDef) else ()
        for named in (node, *members):
            if not ast.get_docstring(named):
                yield f"{module.name}:{named.lineno} {named.name}"


def public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Yield the classes and functions of a body whose names start with a letter."""
    for node in body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
            yield node


def test_everything_public_has_a_docstring() -> None:
    missing = [place for module in modules() for place in undocumented(module)]
    assert not missing, "without a docstring:\n" + "\n".join(missing)
