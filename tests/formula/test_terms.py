"""The algebra of terms against formulaic's own, and where formulaic would not end."""

import numpy as np
import pytest
from formulaic import SimpleFormula
from formulaic.errors import FormulaicError
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedmodels.data import Frame
from mixedmodels.design import build
from mixedmodels.errors import FormulaError
from mixedmodels.formula import parse
from mixedmodels.formula.terms import MOST_TERMS

atoms = st.sampled_from(["a", "b", "c", "d", "`x y`", "I(a**2)", "log(b + 1)"])
operators = st.sampled_from([" + ", "*", ":", " / ", " - ", " %in% "])


def larger(parts):
    pair = st.builds("{}{}{}".format, parts, operators, parts)
    power = st.builds("({} + {})^{}".format, parts, parts, st.integers(1, 3))
    return st.one_of(pair, pair.map("({})".format), power)


sums = st.recursive(atoms, larger, max_leaves=7)


def terms(text):
    return [
        tuple(factor.expr for factor in term.factors) for term in parse(f"y ~ {text}").fixed_sum
    ]


@settings(deadline=None, max_examples=300)
@given(sums)
def test_the_terms_are_those_of_formulaic_in_its_order(text):
    try:
        theirs = SimpleFormula.from_spec(text)
    except (FormulaicError, TypeError):  # the latter of no term: (a - a) / b
        return
    assert terms(text) == [tuple(factor.expr for factor in term.factors) for term in theirs]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # R: attr(terms(y ~ ...), "term.labels") and attr(, "intercept"), R 4.5
        ("(a + b + c)**20", ["1", "a", "b", "c", "a:b", "a:c", "b:c", "a:b:c"]),
        ("(a + b)^99999999999", ["1", "a", "b", "a:b"]),
        ("(0 + x)", ["x"]),
        ("a + (0 + x)", ["a", "x"]),
        ("(0 + x)*f", ["x", "f", "x:f"]),
        ("(a - 1)*b", ["a", "b", "a:b"]),
        ("(1 + a)*b", ["1", "a", "b", "a:b"]),
        ("a - (1 + a)", []),
        ("0 + a + 1", ["1", "a"]),
        ("a - 0", ["1", "a"]),
        ("-a + b + a", ["1", "b", "a"]),
        ("a - -b", ["1", "a", "b"]),
        ("a*b - a", ["1", "b", "a:b"]),
        ("(a + b)/c", ["1", "a", "b", "a:b:c"]),
    ],
)
def test_the_terms_are_those_of_r(text, expected):
    assert [":".join(term) for term in terms(text)] == expected


@pytest.mark.parametrize(
    "text",
    [
        "*".join("abcdefghijklmnopqrst"),
        "(" + " + ".join("abcdefghijklmnopqrst") + ")^20",
        "(" + "*".join("abcdefghijkl") + ")^9",
        "(a + b + c + d + e)^5*(f*g*h*i*j*k*l*m*n)",
        " + ".join(f"x{i}" for i in range(MOST_TERMS + 1)),
    ],
)
def test_more_terms_than_can_be_used_are_refused(text):
    with pytest.raises(FormulaError, match="more than 10,000 terms") as caught:
        parse(f"y ~ {text} + (1 | g)")
    assert caught.value.position is not None


def test_many_terms_are_read():
    assert len(terms(" + ".join(f"x{i}" for i in range(3000)))) == 3001


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("y ~ x^0", 5, "whole number"),
        ("y ~ x^z", 5, "whole number"),
        ("y ~ x^2.5", 5, "whole number"),
        ("y ~ x^-1", 6, "must follow this '^'"),
        ("y ~ x * * z", 8, "no meaning"),
        ("y ~ x z", 6, "missing before 'z'"),
        ("y ~ x < z", 6, "within I()"),
        ("y ~ x:", 5, "missing beside"),
        ("y ~ x + 3", 8, "Numeric literals"),
        ("y ~ x + 'a'", 8, "String literals"),
        ("y ~ ()", 5, "no meaning"),
        ("y ~ x + {}", 8, "Nothing stands within"),
        ("y ~ `I(a ** 2)` + I(a**2)", 18, "both a column and an expression"),
        ("y ~ (x^z | g)", 6, "whole number"),
    ],
)
def test_a_mistake_is_shown_at_its_place(text, place, part):
    with pytest.raises(FormulaError) as caught:
        parse(text)
    assert part in caught.value.message
    assert caught.value.position == place


WORDS = [
    "True",
    "False",
    "None",
    "two\nlines",
    "a  b",
    "if",
    "0",
    "2.5",
    "x:y",
    "1 + 1",
    "'q'",
    "$",
]


@pytest.mark.parametrize("name", WORDS)
def test_a_name_in_backticks_is_a_column_also_within_expressions(name):
    for text in (f"`{name}`", f"I(`{name}` ** 2)", f"log(abs(`{name}`)) + (`{name}` | g)"):
        data = {"y": [1.0, 2, 4, 7, 3, 9, 1, 5], "g": [1, 1, 2, 2, 3, 3, 4, 4]}
        values = [3.0, 1, 2, 5, 8, 4, 7, 9]
        ours = build(parse(f"y ~ {text}"), Frame.of({**data, name: values}))[1]
        plain = text.replace(f"`{name}`", "x")
        theirs = build(parse(f"y ~ {plain}"), Frame.of({**data, "x": values}))[1]
        np.testing.assert_array_equal(ours.X, theirs.X)


@pytest.mark.parametrize("text", ["`1`", "0 + `1`", "x * `1`", "(0 + `1` | g)", "(x + `1`)^2"])
def test_a_column_called_as_the_intercept_is_no_term(text):
    with pytest.raises(FormulaError, match="A column called 1 cannot be a term"):
        parse(f"y ~ {text}")
    assert parse("`1` ~ x + I(`1` + 1) + (1 | `1`)").random[0].group == ("1",)


@pytest.mark.parametrize("word", ["True", "False", "None"])
def test_a_value_is_no_group(word):
    with pytest.raises(FormulaError, match="A group is made of column names"):
        parse(f"y ~ x + (x | g:{word})")
    assert parse(f"y ~ x + (x | `{word}`)").random[0].group == (word,)
