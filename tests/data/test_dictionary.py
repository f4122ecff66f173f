"""Levels met batch by batch are in the end those of the whole column."""

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mixedmodels.data import Column, encode, read_values
from mixedmodels.data import dictionary as home
from mixedmodels.data.dictionary import Crossing, Dictionary
from mixedmodels.errors import DataError

random = np.random.default_rng(1)

COLUMNS: dict[str, Any] = {
    "dense": random.integers(-50, 400, 2000),
    "sparse": random.integers(-(2**62), 2**62, 2000),
    "dense and sparse": np.concatenate([np.arange(900), random.integers(0, 2**60, 900)]),
    "whole floats": random.integers(0, 90, 2000).astype(float),
    "floats": np.round(random.normal(size=2000), 1),
    "integers, then floats": np.concatenate([np.arange(500.0), [0.5, 7.25, 3.0]]),
    "text": random.choice(["b", "a", "ä", "Z", "aa"], 2000),
    "booleans": random.random(2000) < 0.5,
    "dates": pd.Series([date(2024, 1, int(day)) for day in random.integers(1, 28, 500)]),
    "categories": pd.Series(pd.Categorical(random.choice(["lo", "hi"], 500), ["mid", "lo", "hi"])),
    "decimals": pd.Series([Decimal(int(v)) / 10**18 + 7 for v in random.integers(0, 99, 300)]),
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("rows", [1, 37, 5000])
def test_numbered_as_if_at_once(name: str, rows: int) -> None:
    whole = read_values("g", COLUMNS[name])
    n = len(COLUMNS[name])
    parts = [whole.take(slice(start, start + rows)) for start in range(0, n, rows)]
    met = Dictionary("g")
    codes = np.concatenate([met.codes(part) for part in parts])
    order, values = met.order()
    expected = encode(whole)
    assert values == expected.values
    assert [type(value) for value in values] == [type(value) for value in expected.values]
    assert np.array_equal(order[codes], expected.codes)


@pytest.mark.parametrize("name", COLUMNS)
def test_absorbed(name: str) -> None:
    whole = read_values("g", COLUMNS[name])
    half = len(COLUMNS[name]) // 2
    first, second = Dictionary("g"), Dictionary("g")
    front = first.codes(whole.take(slice(0, half)))
    back = second.codes(whole.take(slice(half, None)))
    moved = first.absorb(second)
    order, values = first.order()
    expected = encode(whole)
    assert values == expected.values
    assert np.array_equal(order[np.concatenate([front, moved[back]])], expected.codes)


def test_tables_that_grow_and_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "TABLE", 64)
    keys = np.concatenate([np.arange(20), np.arange(-30, 60), np.arange(0, 10**6, 10**4)])
    whole = Column.of_numbers("g", keys)
    met = Dictionary("g")
    codes = np.concatenate([met.codes(whole.take(slice(i, i + 9))) for i in range(0, len(keys), 9)])
    order, values = met.order()
    assert values == encode(whole).values
    assert np.array_equal(order[codes], encode(whole).codes)


def test_combinations() -> None:
    parts = [random.integers(0, size, 300).astype(np.int32) for size in (5, 3, 40)]
    met = Crossing.of(3)
    codes = np.concatenate(
        [met.codes([p[:100] for p in parts]), met.codes([p[100:] for p in parts])]
    )
    assert np.array_equal(met.members(len(met))[codes], np.column_stack(parts))
    assert len(met) == len(np.unique(np.column_stack(parts), axis=0))


def test_kinds_and_orders_that_differ() -> None:
    met = Dictionary("g")
    met.codes(read_values("g", np.arange(3)))
    with pytest.raises(DataError, match="holds numbers in some batches of the data and booleans"):
        met.codes(read_values("g", np.array([True, False])))
    met = Dictionary("f")
    met.codes(read_values("f", pd.Series(pd.Categorical(["a"], ["a", "b"]))))
    turned = read_values("f", pd.Series(pd.Categorical(["a"], ["b", "a"])))
    with pytest.raises(DataError, match="'f' has other categories"):
        met.codes(turned)
    met.codes(turned, may_reorder=True)
