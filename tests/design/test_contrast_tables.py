"""Rows of a contrast table belong to the levels that they name."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixedmodels.data import Frame
from mixedmodels.design import build
from mixedmodels.errors import DataError
from mixedmodels.formula import parse

LEVELS = ["lo", "mid", "hi", "top"]
MATRIX = np.array([[-3.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [3.0, 1.0]])
ORDER = [2, 0, 3, 1]
SHUFFLED, ROWS = [LEVELS[i] for i in ORDER], MATRIX[ORDER]
NAMES = ["lin", "quad"]


def data_of(levels):
    n = 6 * len(levels)
    f = pd.Categorical(levels * 6, categories=levels)
    return pd.DataFrame({"y": np.random.default_rng(1).normal(size=n), "f": f})


def coded(contrast, levels=LEVELS):
    _, m = build(parse("y ~ f"), Frame.of(data_of(levels)), contrasts={"f": contrast})
    return m.X[: len(levels), 1:], m.x_names[1:]


def columns(name="level"):
    return {name: SHUFFLED, "lin": ROWS[:, 0], "quad": ROWS[:, 1]}


TABLES = {
    "pandas index": pd.DataFrame(ROWS, index=SHUFFLED, columns=NAMES),
    "pandas categories": pd.DataFrame(ROWS, index=pd.CategoricalIndex(SHUFFLED), columns=NAMES),
    "pandas column": pd.DataFrame(columns()),
    "polars": pl.DataFrame(columns("anything")),
    "polars categories": pl.DataFrame(columns("f")).cast({"f": pl.Categorical}),
    "pyarrow": pa.table(columns()),
    "rows": dict(zip(SHUFFLED, ROWS.tolist(), strict=True)),
    "rows as arrays": dict(zip(SHUFFLED, ROWS, strict=True)),
    "nested": {n: dict(zip(SHUFFLED, c, strict=True)) for n, c in zip(NAMES, ROWS.T, strict=True)},
    "columns with names": columns(),
    "columns as Series": {
        n: pd.Series(c, index=SHUFFLED) for n, c in zip(NAMES, ROWS.T, strict=True)
    },
    "in order": pd.DataFrame(MATRIX, columns=NAMES),
    "array": MATRIX,
    "lists": MATRIX.tolist(),
    "polars in order": pl.DataFrame(MATRIX, schema=NAMES),
    "columns": dict(zip(NAMES, MATRIX.T, strict=True)),
}


@pytest.mark.parametrize("table", TABLES)
def test_rows_go_to_the_levels_that_they_name(table):
    X, names = coded(TABLES[table])
    np.testing.assert_array_equal(X, MATRIX)
    assert names in (("f[lin]", "f[quad]"), ("f[1]", "f[2]"))


@pytest.mark.parametrize("one", [pd.Series(ROWS[:, 0], index=SHUFFLED, name="lin"), None])
def test_one_contrast(one):
    given = dict(zip(SHUFFLED, ROWS[:, 0].tolist(), strict=True)) if one is None else one
    np.testing.assert_array_equal(coded(given)[0], MATRIX[:, :1])


@given(st.permutations(range(4)))
def test_any_order_of_the_rows(order):
    table = pd.DataFrame(MATRIX[order], index=[LEVELS[i] for i in order])
    np.testing.assert_array_equal(coded(table)[0], MATRIX)


@pytest.mark.parametrize(
    ("levels", "names"),
    [
        ([10, 20, 30, 40], [30, 10, 40, 20]),
        ([10, 20, 30, 40], ["30", "10", "40", "20"]),
        ([2, 0, 1, 3], pd.Index([1, 2, 3, 0])),
        (
            [pd.Timestamp(2024, 1, d) for d in (1, 2, 3, 4)],
            [datetime.date(2024, 1, d) for d in (3, 1, 4, 2)],
        ),
    ],
)
def test_names_of_other_types(levels, names):
    np.testing.assert_array_equal(coded(pd.DataFrame(ROWS, index=names), levels)[0], MATRIX)


REFUSED = [
    (pd.DataFrame(MATRIX, index=["lo", "mid", "hi", "other"]), "not named by the levels: lo"),
    (pd.DataFrame(MATRIX, index=["lo", "mid", "hi", "hi"]), "not named by the levels"),
    (pd.DataFrame(MATRIX, index=[4, 5, 6, 7]), "not named by the levels"),
    (pd.DataFrame(MATRIX[:3], index=LEVELS[:3]), "not named by the levels"),
    (pl.DataFrame(columns()).with_columns(level=pl.lit("lo")), "not named by the levels"),
    ({"lo": [1, 2], "mid": [1], "hi": [2, 3], "top": [1, 1]}, "different lengths"),
    ({"lo": [1, 2], "mid": [1, 0], "hi": [2, 3], "tip": [1, 1]}, "2 x 4 matrix"),
    ({"lin": [1, 2], "quad": [1]}, "not the levels"),
    (pl.DataFrame(columns()).with_columns(other=pl.lit("a")), "not a matrix of finite numbers"),
    (pd.DataFrame({"a": ["w", "x", "y", "z"], "lin": [1, 2, 3, 4]}), "not named by the levels"),
]


@pytest.mark.parametrize(("table", "part"), REFUSED)
def test_names_that_are_not_the_levels_are_refused(table, part):
    with pytest.raises(DataError, match=part):
        coded(table)


def test_row_numbers_that_are_levels_in_another_order_are_refused():
    with pytest.raises(DataError, match="rows 0, 1, …, which are levels, but in another order"):
        coded(pd.DataFrame(MATRIX), [2, 0, 1, 3])
    np.testing.assert_array_equal(coded(pd.DataFrame(MATRIX), [0, 1, 2, 3])[0], MATRIX)
