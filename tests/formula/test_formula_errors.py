"""Every mistake in a formula is answered with a caret under the place and what to write."""

import pickle

import pytest

from mixedmodels.errors import FormulaError
from mixedmodels.formula import parse

MISTAKES = [
    # formula, text under the caret, part of the message
    ("y x", "", "needs a '~'"),
    ("y ~ x ~ z", "~", "one '~'"),
    ("f(y ~ x)", "~", "inside brackets"),
    ("~ x", "~", "response is missing"),
    ("y ~", "", "terms are missing"),
    ("y ~ x +", "+", "Nothing follows"),
    ("y ~ x + (1 | )", "|", "no group"),
    ("y ~ ( | g)", "|", "Nothing stands before"),
    ("y ~ 1 | g", "|", "brackets around"),
    ("y ~ (x | g | h)", "|", "one bar"),
    ("y ~ ((1 | g) | h)", "(1 | g)", "inside another"),
    ("y ~ x * (1 | g)", "(", "only be added"),
    ("y ~ x - (1 | g)", "(1 | g)", "cannot be subtracted"),
    ("y ~ z - (x + (1 | g))", "(1 | g)", "cannot be subtracted"),
    ("(1 | g) + y ~ x", "|", "right of the '~'"),
    ("1 | g ~ x", "|", "right of the '~'"),
    ("y ~ (1 | a + b)", "a + b", "two terms, (… | a) + (… | b)"),
    ("y ~ (1 | a * b)", "a * b", "(… | a:b)"),
    ("y ~ (1 | factor(g))", "factor(g)", "categorical without factor()"),
    ("y ~ (1 | 3)", "3", "column names"),
    ("y ~ (1 | a/)", "/", "missing beside"),
    ("y ~ (1 | a:a)", "a", "twice"),
    ("y ~ (1 | g) + (1 | g)", "(1 | g)", "occurs twice"),
    ("y ~ ar1(x | g, )", ",", "Nothing follows"),
    ("y ~ ar1(x | g, True)", "True", "no option"),
    ("y ~ ar1(x | g, hom=)", "hom=", "no value"),
    ("y ~ ar1(x | g, hom=log(z))", "log(z)", "True, False, or names"),
    ("y ~ ar1(x | g, hom=True, hom=False)", "hom=False", "given twice"),
    ("y ~ mm(1 | g)", "g)", "several columns"),
    ("y ~ mm(1 | g + g)", "g)", "twice"),
    ("y ~ diag(x || g)", "||", "single bar"),
    ("y ~ . + x", ".", "update()"),
    ("y ~ x + (1 | g", "(", "never closed"),
    ("y ~ x)", ")", "closes nothing"),
    ("y ~ x $ z", "$", "no meaning"),
]


@pytest.mark.parametrize(("text", "place", "part"), MISTAKES)
def test_a_mistake_is_shown_and_explained(text, place, part):
    with pytest.raises(FormulaError) as caught:
        parse(text)
    error = caught.value
    assert part in error.message
    message, shown, carets = str(error).splitlines()
    assert message == error.message
    assert shown.strip() == text.strip()
    if place:
        assert text[error.position :].startswith(place[0])
    assert carets.index("^") == 4 + error.position


def test_a_long_formula_is_cut_to_a_window():
    with pytest.raises(FormulaError) as caught:
        parse("y ~ " + " + ".join(f"x{i}" for i in range(500)) + " + (1 | )")
    _, shown, carets = str(caught.value).splitlines()
    assert len(shown) < 100
    assert shown[carets.index("^")] == "|"


def test_something_else_than_text_is_refused():
    with pytest.raises(FormulaError, match="string"):
        parse(3)


def test_the_error_survives_pickling():
    error = FormulaError("m", formula="y ~ x", position=4, length=1)
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert again.position == 4
