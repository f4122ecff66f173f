"""Columns are counted before they are made."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from mixedmodels.data import Frame
from mixedmodels.design import build, sizes
from mixedmodels.errors import DataError, FormulaError
from mixedmodels.formula import parse

RANDOM = np.random.default_rng(8)
SPARE = 60_000_000
"""Bytes that reading, coding and counting may take."""


def refused(text, data):
    tracemalloc.start()
    with pytest.raises((DataError, FormulaError)) as caught:
        build(parse(text), Frame.of(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < SPARE
    return str(caught.value)


def levels(rows, number):
    return [f"s{i:05d}" for i in np.arange(rows) % number]


MANY = pd.DataFrame(
    {
        "y": RANDOM.normal(size=30_000),
        "f": levels(30_000, 12_000),
        "h": levels(30_000, 150),
        "k": levels(30_000, 151),
        "i": np.arange(30_000) % 12_000,
        "x": RANDOM.normal(size=30_000),
        "g": np.arange(30_000) % 50,
    }
)


@pytest.mark.parametrize(
    ("text", "number", "advice"),
    [
        ("y ~ f + (1 | g)", "11,999", "(1 | f)"),
        ("y ~ 0 + f + (1 | g)", "11,999", "(1 | f)"),
        ("y ~ C(i) + (1 | g)", "11,999", "grouping factor"),
        ("y ~ C(i):x + (1 | g)", "11,999", "interaction"),
        ("y ~ h*k + (1 | g)", "22,350", "interaction"),
        ("y ~ x*f + (1 | g)", "11,999", "grouping factor"),
        ("y ~ x + (f | g)", "11,999", "(1 | f)"),
        ("y ~ x + (0 + h:k || g)", "22,350", "interaction"),
    ],
)
def test_factors_of_very_many_levels_are_refused_with_their_number(text, number, advice):
    message = refused(text, MANY)
    assert number in message
    assert advice in message


def wide(factors, rows=40):
    columns = {c: RANDOM.integers(0, 2, rows).astype(str) for c in factors}
    return pd.DataFrame({**columns, "y": RANDOM.normal(size=rows), "g": np.arange(rows) % 8})


def test_interactions_of_all_columns_are_refused_with_their_number():
    factors = "abcdefhijk"
    assert "1,024 columns" in refused(f"y ~ {'*'.join(factors)} + (1 | g)", wide(factors))
    factors = "abcdefhijklmno"
    assert "more than 10,000 terms" in refused(f"y ~ {'*'.join(factors)} + (1 | g)", wide(factors))


def test_an_interaction_of_very_many_factors_is_refused():
    factors = "abcdefhijklmno"
    message = refused(f"y ~ {':'.join(factors)} + (1 | g)", wide(factors, rows=20_000))
    assert "14 factors" in message


@pytest.mark.parametrize("n", [40, 5000])
def test_more_numeric_columns_than_rows_are_refused(n):
    data = {f"x{i}": RANDOM.normal(size=40) for i in range(2000)}
    data |= {"y": RANDOM.normal(size=40), "g": np.arange(40) % 8}
    message = refused(f"y ~ {' + '.join(f'x{i}' for i in range(2000))} + (1 | g)", data)
    assert "2,001 columns" in message
    assert "40 rows" in message


@pytest.mark.parametrize(
    "text",
    [
        "poly(x, 1000000000)",
        "poly(x, 1000000000, raw=True)",
        "bs(x, df=1000000000)",
        "bs(x, degree=1000000000)",
        "cr(x, df=1000000000)",
        "cc(x, df=1000000000)",
        "hashed(x, levels=1000000000)",
    ],
)
def test_columns_of_one_function_are_counted(text):
    data = {"y": RANDOM.normal(size=40), "x": RANDOM.normal(size=40)}
    assert "1,000,000,000 columns" in refused(f"y ~ {text}", data)


def test_columns_that_do_not_fit_into_memory_are_refused(monkeypatch):
    monkeypatch.setattr(sizes, "available_memory", lambda: 500_000_000)
    message = refused("y ~ h*x + k*x + (1 | g)", MANY.assign(h=levels(30_000, 450)))
    assert "columns, 0.3 GB" in message
    assert "more than there is" in message


def test_empty_cells_do_not_count_against_few_columns():
    a = np.repeat([f"a{i}" for i in range(30)], 20)
    b = np.repeat([f"b{i}" for i in range(30)], 20)
    data = pd.DataFrame({"y": RANDOM.normal(size=600), "a": a, "b": b, "g": np.tile(range(20), 30)})
    spec, matrices = build(parse("y ~ a*b + (1 | g)"), Frame.of(data))
    assert matrices.X.shape[1] == 30
    assert len(spec.aliased) == 870
