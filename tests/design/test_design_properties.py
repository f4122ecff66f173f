"""What must hold for the matrices of any data."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedmodels.data import Frame
from mixedmodels.design import build
from mixedmodels.formula import parse

FORMULA = parse("y ~ f*x + (x | g) + (1 | g:h)")
N = 60


@st.composite
def tables(draw):
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    return pd.DataFrame(
        {
            "y": random.normal(size=N),
            "x": random.normal(size=N),
            "f": np.array(list("uvw"))[np.r_[0, 1, 2, random.integers(0, 3, N - 3)]],
            "g": np.r_[0, 1, random.integers(0, draw(st.integers(2, 6)), N - 2)],
            "h": np.r_[0, 1, random.integers(0, 4, N - 2)],
        }
    )


@settings(deadline=None, max_examples=40)
@given(tables(), st.randoms())
def test_permuting_rows_permutes_every_array(table, random):
    order = list(range(N))
    random.shuffle(order)
    _, m = build(FORMULA, Frame.of(table))
    _, permuted = build(FORMULA, Frame.of(table.iloc[order]))
    np.testing.assert_array_equal(permuted.y, m.y[order])
    np.testing.assert_array_equal(permuted.X, m.X[order])
    for mine, theirs in zip(m.groupings, permuted.groupings, strict=True):
        assert theirs.levels == mine.levels
        np.testing.assert_array_equal(theirs.codes, mine.codes[order])


@settings(deadline=None, max_examples=40)
@given(tables())
def test_renaming_levels_in_order_changes_no_code(table):
    _, m = build(FORMULA, Frame.of(table))
    renamed = table.assign(g="level " + table["g"].astype(str), f=table["f"].str.upper())
    _, after = build(FORMULA, Frame.of(renamed))
    np.testing.assert_array_equal(after.X, m.X)
    for mine, theirs in zip(m.groupings, after.groupings, strict=True):
        np.testing.assert_array_equal(theirs.codes, mine.codes)


@settings(deadline=None, max_examples=40)
@given(tables(), st.lists(st.booleans(), min_size=N, max_size=N))
def test_missing_rows_are_as_if_they_were_not_there(table, blank):
    mask = np.array(blank) & (np.arange(N) >= 30)
    _, with_missing = build(FORMULA, Frame.of(table.assign(x=table["x"].mask(mask))))
    _, without = build(FORMULA, Frame.of(table[~mask]))
    np.testing.assert_array_equal(with_missing.kept, ~mask)
    assert with_missing.n_missing == mask.sum()
    np.testing.assert_array_equal(with_missing.X, without.X)
    for mine, theirs in zip(with_missing.groupings, without.groupings, strict=True):
        assert mine.levels == theirs.levels
        np.testing.assert_array_equal(mine.codes, theirs.codes)
