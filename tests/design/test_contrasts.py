import numpy as np
import pandas as pd
import pytest

from mixedmodels.data import Frame
from mixedmodels.design import build, rebuild
from mixedmodels.errors import DataError
from mixedmodels.formula import parse

DATA = pd.DataFrame(
    {
        "y": np.random.default_rng(22).normal(size=24),
        "f": np.tile(["a", "b", "c"], 8),
        "x": np.arange(24.0),
        "g": np.repeat(np.arange(4), 6),
    }
)

# One row per level; from the definitions, e.g. R's contr.sum(3).
CODINGS = {
    "treatment": [[0, 0], [1, 0], [0, 1]],
    "sum": [[1, 0], [0, 1], [-1, -1]],
    "helmert": [[-1, -1], [1, -1], [0, 2]],
    "poly": np.array([[-1, 1], [0, -2], [1, 1]]) / np.sqrt([2, 6]),
    "diff": [[-2 / 3, -1 / 3], [1 / 3, -1 / 3], [1 / 3, 2 / 3]],
}


def design(text, **options):
    return build(parse(text), Frame.of(DATA), **options)


@pytest.mark.parametrize("name", CODINGS)
def test_named_codings(name):
    spec, m = design("y ~ f + (f | g)", contrasts={"f": name})
    expected = np.tile(np.asarray(CODINGS[name], dtype=float), (8, 1))
    np.testing.assert_allclose(m.X[:, 1:], expected, atol=1e-14)
    np.testing.assert_array_equal(m.terms[0].Z, m.X)
    again = rebuild(spec, Frame.of(DATA[4:9]))
    np.testing.assert_array_equal(again.X, m.X[4:9])


def test_names_tell_the_coding():
    _, m = design("y ~ f*x", contrasts={"f": "sum"})
    assert m.x_names == ("Intercept", "f[S.a]", "f[S.b]", "x", "f[S.a]:x", "f[S.b]:x")


def test_a_matrix():
    matrix = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    _, m = design("y ~ f", contrasts={"f": matrix})
    np.testing.assert_array_equal(m.X[:3, 1:], matrix)
    assert m.x_names == ("Intercept", "f[1]", "f[2]")


def test_a_matrix_with_fewer_columns_and_names():
    matrix = pd.DataFrame({"linear": [-1, 0, 1]})
    _, m = design("y ~ f", contrasts={"f": matrix})
    assert m.x_names == ("Intercept", "f[linear]")


@pytest.mark.parametrize("contrast", ["sum", np.array([[1, 0], [0, 1], [-1, -1]])])
def test_without_an_intercept_a_factor_has_a_column_per_level(contrast):
    _, m = design("y ~ 0 + f + (0 + f | g)", contrasts={"f": contrast})
    assert m.x_names == m.terms[0].names == ("f[a]", "f[b]", "f[c]")
    np.testing.assert_array_equal(m.X[:3], np.eye(3))


def test_codings_only_in_the_left_side_of_a_bar():
    _, m = design("y ~ x + (f | g)", contrasts={"f": "sum"})
    assert m.terms[0].names == ("Intercept", "f[S.a]", "f[S.b]")


@pytest.mark.parametrize(
    ("contrasts", "part"),
    [
        ({"g": "sum"}, "does not use"),
        ({"F": "sum"}, "does not use.*Did you mean 'f'"),
        ({"x": "sum"}, r"numeric.*\n.*C\(x, contr.sum\)"),
        ({"f": "summ"}, "no contrast 'summ'.*Did you mean 'sum'"),
        ({"f": np.eye(3)}, "3 x 3 matrix"),
        ({"f": np.ones((3, 1))}, "independent of each other and of a constant"),
        ({"f": np.ones((2, 1))}, "each of the 3 levels"),
        ({"f": [1, 2, 3]}, "not a matrix"),
        ({"f": [[1, np.nan], [0, 1], [0, 0]]}, "not a matrix of finite numbers"),
    ],
)
def test_what_does_not_fit_is_refused(contrasts, part):
    with pytest.raises(DataError, match=part):
        design("y ~ f + x + (1 | g)", contrasts=contrasts)
