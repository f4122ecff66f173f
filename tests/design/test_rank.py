"""Column rank against singular values, which share no code with the test in use."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixedmodels.design.rank import independent_columns

ONES = np.ones(50)
X = np.random.default_rng(23).normal(size=50)


def kept(*columns):
    return independent_columns(np.asfortranarray(np.column_stack(columns))).tolist()


def test_full_rank_keeps_everything():
    assert kept(ONES, X, X**2) == [0, 1, 2]


def test_earlier_columns_win():
    assert kept(ONES, X, 2 * X + 1, X**2) == [0, 1, 3]
    assert kept(ONES, 2 * X + 1, X) == [0, 1]


def test_indicators_of_all_levels_span_the_constant():
    levels = np.arange(50) % 3
    indicators = [(levels == level).astype(float) for level in range(3)]
    assert kept(ONES, *indicators) == [0, 1, 2]
    assert kept(*indicators, ONES) == [0, 1, 2]
    assert kept(*indicators) == [0, 1, 2]


def test_zero_and_constant_columns_go():
    assert kept(ONES, 0 * X, X) == [0, 2]
    assert kept(ONES, 3 * ONES, X) == [0, 2]
    assert kept(0 * X, X) == [1]


def test_no_columns():
    assert independent_columns(np.empty((5, 0))).tolist() == []


@pytest.mark.parametrize("scale", [1e-150, 1e-9, 1.0, 1e9, 1e150])
def test_units_do_not_matter(scale):
    assert kept(ONES, scale * X, X**2) == [0, 1, 2]
    assert kept(ONES, scale * X, X, X**2) == [0, 1, 3]


def test_a_far_origin_does_not_matter():
    seconds = 1.6e9 + np.arange(50.0)
    years = 2000.0 + np.arange(50)
    assert kept(ONES, seconds) == [0, 1]
    assert kept(ONES, years, years**2) == [0, 1, 2]
    assert kept(ONES, seconds, seconds - 1.6e9) == [0, 1]


def test_nearly_dependent_columns_stay():
    noise = np.random.default_rng(24).normal(size=50)
    assert kept(ONES, X, X + 1e-5 * noise) == [0, 1, 2]
    assert kept(ONES, X, X + 1e-9 * noise) == [0, 1]


@given(
    st.lists(st.lists(st.integers(-3, 3), min_size=1, max_size=5), min_size=1, max_size=5),
    st.booleans(),
)
def test_the_number_kept_is_the_rank(mixing, intercept):
    width = max(map(len, mixing))
    mixing = np.array([row + [0] * (width - len(row)) for row in mixing], dtype=float)
    base = np.random.default_rng(25).normal(size=(30, len(mixing)))
    columns = base @ mixing
    if intercept:
        columns = np.column_stack([np.ones(30), columns])
    keep = independent_columns(columns)
    assert len(keep) == np.linalg.matrix_rank(columns)
    assert np.linalg.matrix_rank(columns[:, keep]) == len(keep)
