"""Names of coefficients and terms become rows over the columns of X."""

import numpy as np
import pytest

from mixedmodels.errors import DataError
from mixedmodels.planning import design, plan
from mixedmodels.planning.hypothesis import hypothesis

STUDY = design({"subject": 20, "item": 6}, within={"cond": ["a", "b", "c"], "day": [0, 1]})


@pytest.fixture(scope="module")
def spec():
    made = plan(STUDY, "y ~ cond * day + (1 | subject)", fixed={}, sd={"subject": 1}, sigma=1)
    assert made.spec.x_names == (
        "Intercept",
        "cond[T.b]",
        "cond[T.c]",
        "day",
        "cond[T.b]:day",
        "cond[T.c]:day",
    )
    return made.spec


@pytest.mark.parametrize(
    ("test", "columns"),
    [
        ("cond[T.c]", [2]),
        ("Intercept", [0]),
        ("day", [3]),
        ("cond", [1, 2]),
        ("cond:day", [4, 5]),
    ],
)
def test_coefficients_and_terms(spec, test, columns):
    made = hypothesis(test, spec)
    assert made.label == test
    assert (np.eye(6)[columns] == made.L).all()


def test_contrasts(spec):
    row = [0, 1, -1, 0, 0, 0]
    by_name = hypothesis({"cond[T.b]": 1, "cond[T.c]": -1}, spec)
    assert by_name.label == "1 cond[T.b] + -1 cond[T.c]"
    assert by_name.L.tolist() == [row]
    assert hypothesis(row, spec).L.tolist() == [row]
    assert hypothesis([row, [0, 0, 0, 1, 0, 0]], spec).L.shape == (2, 6)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("cond[b]", r"Did you mean 'cond\[T.b\]'"),
        ("item", "neither a coefficient nor a term"),
        ({"days": 1}, "Did you mean 'day'"),
        ({"day": 0}, "zero or repeat"),
        ([1, 0], "has the shape"),
        ([[0, 1, 0, 0, 0, 0], [0, 2, 0, 0, 0, 0]], "zero or repeat"),
    ],
)
def test_tests_that_the_model_cannot_make(spec, test, message):
    with pytest.raises(DataError, match=message):
        hypothesis(test, spec)
