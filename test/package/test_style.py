"""Short functions, short files, documented names: what makes the code quick to read."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = sorted(
    path
    for folder in ("semloc_ros", "pip_ros", "launch", "benchmarks", "scripts")
    for path in (ROOT / folder).rglob("*.py")
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


def length(function: Function) -> int:
    """Lines of the body, without the docstring."""
    first = function.body[0]
    described = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    start = first.end_lineno if described else first.lineno - 1
    return (function.end_lineno or 0) - (start or 0)


def test_functions_are_short() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}": length(function)
        for path in CODE
        for function in functions(path)
    }
    longest = sorted(lengths, key=lambda name: -lengths[name])
    long = [name for name in longest if lengths[name] > 30]
    assert statistics.median(lengths.values()) <= 10
    assert len(long) <= 0.1 * len(lengths), f"more than 30 lines: {long}"
    assert lengths[longest[0]] <= 80, longest[0]


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def public(tree: ast.AST) -> Iterator[ast.AST]:
    """The module, its public classes and functions, and the public methods."""
    yield tree
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public(node)
        elif isinstance(node, Function) and not says_all(node):
            yield node


def says_all(function: Function) -> bool:
    """Private, a program's `main`, or a protocol's method, which its class explains."""
    body = function.body[0]
    empty = isinstance(body, ast.Expr) and getattr(body.value, "value", None) is Ellipsis
    return function.name.startswith("_") or function.name == "main" or empty


@pytest.mark.parametrize(
    "path",
    [path for path in CODE if "launch" not in path.relative_to(ROOT).parts[0]],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_public_names_are_documented(path: Path) -> None:
    tree = ast.parse(path.read_text())
    names = [getattr(one, "name", path.name) for one in public(tree) if not ast.get_docstring(one)]
    assert not names, f"no docstring: {names}"
