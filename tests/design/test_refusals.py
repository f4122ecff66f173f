"""Data and requests that no model can be fitted to: one clear error each."""

import numpy as np
import pandas as pd
import pytest

from mixedmodels.data import Frame
from mixedmodels.design import build
from mixedmodels.errors import DataError, FormulaError
from mixedmodels.formula import parse

N = 40
RANDOM = np.random.default_rng(21)
DATA = pd.DataFrame(
    {
        "y": RANDOM.normal(size=N),
        "x": RANDOM.normal(size=N),
        "between": np.repeat([1.0, 2.0, 4.0, 3.0], N // 4),
        "arm": np.repeat(["a", "b"], N // 2),
        "g": np.repeat(list("pqrs"), N // 4),
        "f": np.tile(["u", "v"], N // 2),
        "row": np.arange(N),
        "same": 3.0,
        "only": "one",
        "zero": 0.0,
        "negative": -RANDOM.uniform(1, 2, N),
        "infinite": np.where(np.arange(N) == 4, np.inf, 1.0),
        "day": pd.date_range("2020-01-01", periods=N),
        "empty": np.nan,
    }
)


def design(text, data=DATA, **options):
    return build(parse(text), Frame.of(data), **options)


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("y ~ xx + (1 | g)", 4, "no column 'xx'. Did you mean 'x'?"),
        ("y ~ X", 4, "Did you mean 'x'?"),
        ("yy ~ x", 0, "no column 'yy'"),
        ("y ~ x + (1 | gg)", 13, "Did you mean 'g'?"),
        ("y ~ x + (betwen | g)", 9, "Did you mean 'between'?"),
        ("y ~ log(unheard)", 8, "The data have: y, x,"),
        ("y ~ lag2(x)", 4, "no function 'lag2'"),
        ("y ~ offset(x)", 4, "offset='column'"),
        ("y ~ I(x^2)", 7, "write ** for a power"),
        ("y ~ x + (0 | g)", 8, "has no columns"),
        ("1 ~ x", 0, "names no column"),
        ("y ~ x + 'a'", 8, "String literals"),
        ("y ~ x + 2*f", 8, "Numeric literals"),
        ("y ~ x + f[0]", 8, "picks no rows"),
    ],
)
def test_a_formula_that_does_not_fit_the_data(text, place, part):
    with pytest.raises(FormulaError) as caught:
        design(text)
    assert part in caught.value.message
    if place is not None:
        assert caught.value.position == place


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("g ~ x", "does not give one number per row"),
        ("infinite ~ x", "'infinite' is infinite"),
        ("log(negative) ~ x", "infinite or not a number in 40 rows"),
        ("1/zero ~ x", "infinite or not a number"),
        ("same ~ x", "same value, 3"),
        ("y ~ infinite", "The column 'infinite' is infinite"),
        ("y ~ log(negative) + x", r"The column 'log\(negative\)'"),
        ("y ~ x + (infinite | g)", "The column 'infinite'"),
        ("y ~ only", "one level, 'one'"),
        ("y ~ day", "dates or durations"),
        ("y ~ log(f)", "f is categorical"),
        ("empty ~ x", r"each of the 40 rows has a missing value in empty \(40\)"),
        ("y ~ x + (1 | only)", "one level, 'one'"),
        ("y ~ x + (1 | row)", "40 levels, and there are 40 rows"),
        ("y ~ x + (zero | g)", "column 'zero' of .* is zero in every row"),
        ("y ~ x + (0 + zero | g)", "zero in every row"),
        ("y ~ x + (x + I(2*x) | g)", "combination of Intercept, x"),
        ("y ~ poly(row, 39) + x + (1 | g)", "40 rows for 40 coefficients"),
    ],
)
def test_data_that_cannot_identify_the_model(text, part):
    with pytest.raises(DataError, match=part) as caught:
        design(text)
    assert "Do:" in str(caught.value)


@pytest.mark.parametrize(
    "random", ["(x | pair)", "(between | g)", "(between || g)", "(x | g:f:row)", "(0 + x | only)"]
)
def test_counts_of_rows_and_levels_refuse_nothing(random):
    """What is not identified is told by the fit; a model is not refused for its counts."""
    design(f"y ~ f + {random}", DATA.assign(pair=np.arange(N) // 2))


def test_known_different_weights_identify_an_effect_per_row():
    design("y ~ x + (1 | row)", weights=np.arange(1.0, N + 1))
    with pytest.raises(DataError, match="40 levels"):
        design("y ~ x + (1 | row)", weights=np.full(N, 2.0))


def test_a_factor_between_groups_may_have_random_effects():
    _, m = design("y ~ arm + (arm + x | g)")
    assert m.terms[0].names == ("Intercept", "arm[T.b]", "x")


@pytest.mark.parametrize(
    ("weights", "part"),
    [
        ("nope", "no such column"),
        ("betwen", "Did you mean 'between'"),
        ("g", "not numeric"),
        ("negative", "in 40 rows; the first such value is -"),
        ("zero", "the first such value is 0"),
        ("infinite", "the first such value is inf"),
        (np.ones(3), r"shape \(3,\), but the data have 40 rows"),
        (np.ones((N, 2)), "shape"),
        (np.where(np.arange(N) == 0, np.nan, 1), "the first such value is missing"),
        (["a"] * N, "neither the name of a column nor an array"),
    ],
)
def test_weights(weights, part):
    with pytest.raises(DataError, match=part):
        design("y ~ x + (1 | g)", weights=weights)


@pytest.mark.parametrize(
    ("offset", "part"),
    [("nope", "no such column"), ("infinite", "infinite in 1 rows"), (np.ones(3), "shape")],
)
def test_offset(offset, part):
    with pytest.raises(DataError, match=part):
        design("y ~ x + (1 | g)", offset=offset)


def test_an_unknown_choice_for_missing_values():
    with pytest.raises(DataError, match="missing = 'keep'"):
        design("y ~ x", missing="keep")


def test_a_long_name_is_shortened_in_messages():
    with pytest.raises(FormulaError) as caught:
        design("y ~ " + "v" * 10_000)
    assert len(str(caught.value)) < 500
