"""Small on purpose: short modules, short functions, and a façade without logic."""

import ast

import pytest

from tests.architecture.source import PACKAGE, body, functions, modules, tree

MODULE_LINES = 400
FUNCTION_LINES = 60  # without the docstring; the aim is half of it
FACADE_STATEMENTS = 1
FACADE_LINES = 600  # without docstrings: signatures, and calls that hand on what they name


def docstring_lines(function: ast.FunctionDef) -> int:
    first = function.body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return (first.end_lineno or 0) - first.lineno + 1 if is_text else 0


@pytest.mark.parametrize("module", modules())
def test_module(module: str) -> None:
    lines = (PACKAGE / module).read_text("utf-8").count("\n")
    longest = max(
        (
            (statements[-1].end_lineno - statements[0].lineno + 1, function.name)
            for function in functions(module)
            for statements in [body(function)]
            if statements
        ),
        default=(0, ""),
    )
    if module == "model.py":
        # The façade is the manual: one line of code per method, and what it means.
        lines -= sum(docstring_lines(function) for function in functions(module))
    assert lines <= (FACADE_LINES if module == "model.py" else MODULE_LINES)
    assert longest[0] <= FUNCTION_LINES, longest[1]


def test_facade_methods_delegate_in_one_statement() -> None:
    [facade] = [n for n in tree("model.py").body if isinstance(n, ast.ClassDef)]
    methods = [node for node in facade.body if isinstance(node, ast.FunctionDef)]
    assert len(methods) >= 20
    assert [m.name for m in methods if len(body(m)) > FACADE_STATEMENTS] == []
    assert [m.name for m in methods if not isinstance(body(m)[-1], ast.Return)] == []
