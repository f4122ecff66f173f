"""The same values and level orders in every frame library."""

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mixedmodels as mm
from mixedmodels.datasets import backends
from mixedmodels.errors import DataError

WITH_MISSING = "gcsemv"
WITH_BOOLEANS = "fhch2010"


@pytest.mark.parametrize("name", ["machines", WITH_MISSING, WITH_BOOLEANS])
def test_polars_has_the_values_of_pandas(name: str) -> None:
    table, other = mm.datasets.load(name), mm.datasets.load(name, backend="polars")
    assert isinstance(other, pl.DataFrame)
    assert other.columns == list(table.columns)
    for column, values in table.items():
        assert _same(values, other[column].to_list())
        if isinstance(values.dtype, pd.CategoricalDtype):
            assert other[column].dtype == pl.Enum(values.cat.categories.tolist())


@pytest.mark.parametrize("name", ["machines", WITH_MISSING, WITH_BOOLEANS])
def test_pyarrow_has_the_values_of_pandas(name: str) -> None:
    table, other = mm.datasets.load(name), mm.datasets.load(name, backend="pyarrow")
    assert isinstance(other, pa.Table)
    assert other.column_names == list(table.columns)
    for column, values in table.items():
        assert _same(values, other[column].to_pylist())
        if isinstance(values.dtype, pd.CategoricalDtype):
            dictionary = other[column].combine_chunks()
            assert dictionary.dictionary.to_pylist() == values.cat.categories.tolist()
            assert dictionary.type.ordered == values.cat.ordered


def test_a_library_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install polars"):
        mm.datasets.load("rail", backend="polars")


def test_a_library_that_is_unknown() -> None:
    with pytest.raises(DataError, match="no backend 'dask'"):
        mm.datasets.load("rail", backend="dask")  # type: ignore[call-overload]


def _same(values: pd.Series, other: list[object]) -> bool:
    mine = [None if pd.isna(value) else value for value in values.tolist()]
    return mine == other
