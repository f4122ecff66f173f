"""The package's own source files, for tests that read them."""

import ast
from functools import cache
from pathlib import Path

import mixedmodels

PROJECT = Path(__file__).parents[2]
PACKAGE = Path(mixedmodels.__file__).parent


def modules() -> list[str]:
    """Paths of all modules below the package, such as ``fit/fit.py``."""
    return sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


@cache
def tree(module: str) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse((PACKAGE / module).read_text("utf-8"))


def imported(module: str) -> set[str]:
    """Names of the modules that a module imports; for ``from a import b`` both a and a.b."""
    found = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def functions(module: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a module."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree(module)) if isinstance(node, kinds)]


def body(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    """The statements of a function without its docstring."""
    has_docstring = ast.get_docstring(function, clean=False) is not None
    return function.body[1:] if has_docstring else function.body
