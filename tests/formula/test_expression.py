"""Expressions: their canonical text against Python's, and everything that is no expression."""

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedmodels.errors import FormulaError
from mixedmodels.formula import parse
from mixedmodels.formula.expression import expression_of, read_expression
from mixedmodels.formula.tokens import tokenize

numbers = st.one_of(
    st.integers(0, 999).map(str), st.floats(0, 1e6, allow_subnormal=False).map(repr)
)
leaves = st.one_of(st.sampled_from(["x", "z.z", "größe"]), numbers)


def larger(parts):
    signs = st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "&", "|", "<", "==", ">="])
    return st.one_of(
        st.builds("({} {} {})".format, parts, signs, parts),
        st.builds("{}{}{}".format, parts, signs, parts),
        st.builds("f({}, {}, k={})".format, parts, parts, numbers),
        st.builds("(-{})".format, parts),
    )


@settings(deadline=None)
@given(st.recursive(leaves, larger, max_leaves=12))
def test_the_canonical_text_is_pythons_and_reads_back(text):
    read = read_expression(text, tokenize(text))
    assert read.text == ast.unparse(ast.parse(text, mode="eval"))
    assert expression_of(read.text).text == read.text


NO_EXPRESSIONS = [
    "(lambda: 1)()",
    "f(lambda: x)",
    "[t for t in x]",
    "f(t for t in x)",
    "{t for t in x}",
    "f((a := x))",
    "f'{x}'",
    "b'x'",
    "x if z else w",
    "x and z",
    "not x",
    "x in z",
    "x is z",
    "f(*x)",
    "f(**x)",
    "f(x)(z)",
    "f(x).T",
    "(x).T",
    "(5).real",
    "x[0:2]",
    "x @ z",
    "x << 2",
    "x ^ 2",
    "1j",
    "yield x",
    "await x",
    "x; z",
    "{**x}",
    "0x10",
]


@pytest.mark.parametrize("text", NO_EXPRESSIONS)
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(FormulaError) as caught:
        read_expression(text, tokenize(text))
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("(" * 400 + "x" + ")" * 400, "nested deeper"),
        ("I(" + "-" * 3000 + "x)", "nested"),
        ("I(" + "x**" * 1500 + "x)", "nested"),
        ("I(" + "x + " * 1500 + "x)", "nested"),
        ("I(" + "x + " * 90_000 + "x)", "words and signs"),
        ("I(" + "9" * 5000 + "*x)", "not an expression"),
        ("I(" + "[" * 99 + "]" * 99 + ")", "This uses no|nested|no column"),
    ],
)
def test_what_is_too_large_is_refused_at_once(text, part):
    try:
        parse(f"y ~ {text} + (1 | g)")
    except FormulaError as error:
        assert any(one in error.message for one in part.split("|"))
    else:
        assert "no column" in part


def test_a_sum_of_many_columns_is_read():
    names = " + ".join(f"item{i}" for i in range(150))
    (_, term) = parse(f"y ~ I({names})").fixed_sum
    assert str(term) == f"I({names})"


def test_a_tilde_turns_a_condition_within_a_function():
    (_, term) = parse("y ~ I(~done & (x > 0))").fixed_sum
    assert str(term) == "I(~done & (x > 0))"
