"""The same table in any library gives the same columns."""

import datetime

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mixedmodels.data import Frame, encode
from mixedmodels.errors import DataError

VALUES = {
    "whole": [3, 1, None, 2],
    "real": [1.5, float("nan"), 2.0, 3.0],
    "text": ["z", "a", None, "a"],
    "truth": [True, None, False, True],
}
LEVELS = {"whole": (1, 2, 3), "real": (1.5, 2.0, 3.0), "text": ("a", "z"), "truth": (False, True)}
CODES = {
    "whole": [2, 0, -1, 1],
    "real": [0, -1, 1, 2],
    "text": [1, 0, -1, 0],
    "truth": [1, -1, 0, 1],
}

POLARS = pl.DataFrame(VALUES)
LIBRARIES = {
    "dict": VALUES,
    "pandas": pd.DataFrame(VALUES),
    "pandas objects": pd.DataFrame(VALUES, dtype=object),
    "pandas nullable": pd.DataFrame(VALUES).astype(
        {"whole": "Int64", "real": "Float64", "text": "string", "truth": "boolean"}
    ),
    "pandas arrow": POLARS.to_arrow().to_pandas(types_mapper=pd.ArrowDtype),
    "polars": POLARS,
    "polars lazy": POLARS.lazy(),
    "pyarrow": POLARS.to_arrow(),
    "pyarrow chunks": pa.concat_tables([POLARS[:2].to_arrow(), POLARS[2:].to_arrow()]),
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", VALUES)
def test_columns_are_the_same_in_every_library(library, name):
    frame = Frame.of(LIBRARIES[library])
    codes = encode(frame.column(name))
    assert frame.nrows == 4
    assert frame.columns == tuple(VALUES)
    assert codes.codes.dtype == np.int32
    assert codes.codes.tolist() == CODES[name]
    assert codes.values == LEVELS[name]
    assert frame.column(name).n_missing == 1


def categorical_tables():
    values = ["q", "b", None, "q"]
    arrow = pa.table({"f": pa.DictionaryArray.from_arrays([0, 1, None, 0], ["q", "b", "z"])})
    later = pa.table({"f": pa.DictionaryArray.from_arrays([0, None], ["b", "q"])})
    return {
        "pandas": (pd.DataFrame({"f": pd.Categorical(values, ["z", "q", "b"])}), ("z", "q", "b")),
        "pandas ordered": (
            pd.DataFrame({"f": pd.Categorical(values, ["z", "q", "b"], ordered=True)}),
            ("z", "q", "b"),
        ),
        "pandas arrow": (arrow.to_pandas(types_mapper=pd.ArrowDtype), ("q", "b", "z")),
        "polars enum": (
            pl.DataFrame({"f": pl.Series(values, dtype=pl.Enum(["z", "q", "b"]))}),
            ("q", "b"),
        ),
        "arrow dictionary": (arrow, ("q", "b", "z")),
        "arrow dictionaries": (pa.concat_tables([arrow[:2], arrow[2:], later])[:4], None),
    }


@pytest.mark.parametrize("kind", categorical_tables())
def test_categorical_types_keep_their_order(kind):
    table, declared = categorical_tables()[kind]
    column = Frame.of(table).column("f")
    codes = encode(column)
    assert column.kind == "category"
    assert codes.values == ("q", "b")
    assert codes.codes.tolist() == [0, 1, -1, 0]
    if declared is not None:
        assert encode(column, drop_unused=False).values == declared


def test_a_polars_categorical_is_sorted_whatever_the_process_met_before():
    pl.Series(["q", "b", "a"], dtype=pl.Categorical)
    table = pl.DataFrame({"f": pl.Series(["q", "b", None, "q"], dtype=pl.Categorical)})
    codes = encode(Frame.of(table).column("f"))
    assert codes.values == ("b", "q")
    assert codes.codes.tolist() == [1, 0, -1, 1]


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_dates_are_levels_in_order(library):
    days = [datetime.date(2020, 1, 2), datetime.date(2019, 5, 1), None]
    table = {
        "pandas": pd.DataFrame({"d": days}),
        "polars": pl.DataFrame({"d": days}),
        "pyarrow": pa.table({"d": days}),
    }[library]
    column = Frame.of(table).column("d")
    assert column.kind == "time"
    assert encode(column).codes.tolist() == [1, 0, -1]


@pytest.mark.parametrize(
    ("values", "dtype", "kind"),
    [
        ([1, 255], np.uint8, "i"),
        ([1, 2**63], np.uint64, "f"),
        ([1.5, 2.5], np.float32, "f"),
        ([True, False], np.bool_, "b"),
    ],
)
def test_numbers_are_widened(values, dtype, kind):
    numbers = Frame.of({"x": np.array(values, dtype=dtype)}).column("x").numbers
    assert numbers.dtype.kind == kind
    assert numbers.dtype.itemsize in (1, 8)
    assert numbers.tolist() == [float(v) if kind == "f" else v for v in values]


def test_the_index_is_that_of_pandas_or_counts():
    assert Frame.of(pd.DataFrame({"x": [1, 2]}, index=["a", "b"])).index.tolist() == ["a", "b"]
    assert Frame.of(POLARS).index.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("library", "type_"),
    [("pandas", pd.DataFrame), ("polars", pl.DataFrame), ("pyarrow", pa.Table)],
)
def test_tables_go_back_to_the_library(library, type_):
    table = Frame.of(LIBRARIES[library]).table({"b": np.array([1.0, np.nan]), "a": ["x", None]})
    again = Frame.of(table)
    assert isinstance(table, type_)
    assert again.columns == ("b", "a")
    assert [again.column(name).n_missing for name in "ba"] == [1, 1]


def test_nan_becomes_null_in_polars():
    table = Frame.of(POLARS).table({"x": np.array([1.0, np.nan])})
    assert table["x"].null_count() == 1


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (pd.DataFrame({"x": []}), "0 rows"),
        (pd.DataFrame(), "0 columns"),
        (pl.DataFrame({"x": []}), "0 rows"),
        ({}, "0 columns"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), "more than one column named 'x'"),
        (pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"]), "more than one"),
        ({"x": [1, 2], "y": [1]}, "different lengths"),
        ({"x": np.ones((2, 2))}, "2 dimensions"),
        ([1, 2], "type list"),
        (None, "type NoneType"),
        (np.ones(3), "type ndarray"),
    ],
)
def test_what_is_no_table_is_refused(data, part):
    with pytest.raises(DataError, match=part):
        Frame.of(data)


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"x": [object(), 1]}),
        pd.DataFrame({"x": [1, "a"]}),
        pl.DataFrame({"x": [[1], [2]]}),
        pl.DataFrame({"x": [{"a": 1}, {"a": 2}]}),
    ],
)
def test_values_of_no_use_are_refused(table):
    with pytest.raises(DataError, match="Column 'x' holds"):
        Frame.of(table).column("x")


def test_structured_arrays_are_tables():
    array = np.array([(1, 2.5), (2, 3.5)], dtype=[("a", "i8"), ("b", "f8")])
    assert Frame.of(array).column("b").numbers.tolist() == [2.5, 3.5]


def test_columns_without_a_text_name_are_left_out():
    assert Frame.of(pd.DataFrame({"x": [1, 2], 1: [3, 4]})).columns == ("x",)
    with pytest.raises(DataError, match="0 columns"):
        Frame.of(pd.DataFrame(np.ones((2, 2))))


@pytest.mark.parametrize("data", [pl.DataFrame({"x": [1]}), pa.table({"x": [1]})])
def test_a_column_without_values_keeps_its_type(data):
    missing = Frame.of(data).table({"number": np.array([np.nan]), "text": [None], "n": [1]})
    empty = Frame.of(data).table({"number": np.zeros(0), "text": np.array([], dtype=object)})
    for made in (missing, empty):
        frame = nw.from_native(made)
        assert frame.schema["number"] == nw.Float64
        assert frame.schema["text"] == nw.String
    assert nw.from_native(missing)["number"].to_list() == [None]
