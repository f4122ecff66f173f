"""Formulas of one side, and responses of two parts."""

import pytest

from mixedmodels.errors import FormulaError
from mixedmodels.formula import parse
from mixedmodels.formula.part import parse_part
from mixedmodels.formula.trials import trials_response


def terms(text):
    return [str(term) for term in parse_part("zero", text).sum]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~ 1", ["1"]),
        ("~ x", ["1", "x"]),
        ("~ 0 + f", ["f"]),
        ("~ a * b - a", ["1", "b", "a:b"]),
        ("~ I(~(x > 2))", ["1", "I(~(x > 2))"]),
    ],
)
def test_a_part_is_a_sum_of_terms(text, expected):
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("x", 'write zero="~ x"', 0),
        ("", 'write zero="~ x"', 0),
        ("~", 'write zero="~ x"', 0),
        ("y ~ x", 'write zero="~ x"', 0),
        ("~ x ~ z", "one tilde", 4),
        ("~ x + (1 | g)", "Random effects in zero= are not available", 9),
        ("~ 0", "leave the argument out", 2),
        ("~ 1 - 1", "leave the argument out", 2),
    ],
)
def test_a_part_that_cannot_be_read(text, message, position):
    with pytest.raises(FormulaError, match=message) as caught:
        parse_part("zero", text)
    assert caught.value.position == position


@pytest.mark.parametrize(
    ("text", "successes", "other", "of_failures"),
    [
        ("a / b ~ x", "a", "b", False),
        ("(a + c) / b ~ x", "a + c", "b", False),
        ("a / (b / 2) ~ x", "a", "b / 2", False),
        ("cbind(a, b - a) ~ x", "a", "b - a", True),
        ("`a b` / `c d` ~ x", "a b", "c d", False),
    ],
)
def test_a_response_of_successes_in_trials(text, successes, other, of_failures):
    found = trials_response(parse(text))
    assert found is not None
    assert (found.successes.expr, found.other.expr) == (successes, other)
    assert found.of_failures == of_failures


@pytest.mark.parametrize("text", ["a ~ x", "I(a / b) ~ x", "log(a / b) ~ x", "a * b ~ x"])
def test_a_response_of_one_part(text):
    assert trials_response(parse(text)) is None


@pytest.mark.parametrize("text", ["cbind(a) ~ x", "cbind(a, b, c) ~ x", "cbind(a, n=b) ~ x"])
def test_successes_and_failures_are_two(text):
    with pytest.raises(FormulaError, match=r"cbind\(successes, failures\)"):
        trials_response(parse(text))
