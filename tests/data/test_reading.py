"""Numbers that doubles cannot hold apart: their levels stay distinct, in numerical order."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixedmodels.data import Frame, encode
from mixedmodels.errors import DataError

UNSIGNED = [2**63 + 6, 2**63 + 5, 7, 2**64 - 1, 7]
HUGE = [2**100 + 1, -(2**100), 5, 2**100, 5]
DECIMALS = [Decimal(t) for t in ("12345678901234567.13", "12345678901234567.12", "-1.5", "2", "2")]
FEW_DIGITS = [Decimal(t) for t in ("1.10", "123456.70", "-2.25", "0.30", "0.30")]
WITH_NONE = pd.Series([*HUGE, None], dtype=object)


def exact(value):
    """What a number means: of a float that is not whole its shortest text."""
    return Decimal(repr(value)) if isinstance(value, float) and value % 1 else Decimal(value)


def arrow(values, dtype):
    return pa.table({"g": pa.array(values, type=dtype)})


def pandas_arrow(values, dtype):
    return pd.DataFrame({"g": pd.Series(pa.array(values, type=dtype), dtype=pd.ArrowDtype(dtype))})


TABLES = [
    ({"g": np.array(UNSIGNED, dtype=np.uint64)}, UNSIGNED),
    (pd.DataFrame({"g": pd.array(UNSIGNED, dtype="UInt64")}), UNSIGNED),
    (pandas_arrow(UNSIGNED, pa.uint64()), UNSIGNED),
    (arrow(UNSIGNED, pa.uint64()), UNSIGNED),
    (pl.DataFrame({"g": pl.Series(UNSIGNED, dtype=pl.UInt64)}), UNSIGNED),
    ({"g": HUGE}, HUGE),
    ({"g": pd.Series(HUGE, dtype=object)}, HUGE),
    (pl.DataFrame({"g": pl.Series(HUGE, dtype=pl.Int128)}), HUGE),
    (pl.DataFrame({"g": pl.Series(HUGE[2:], dtype=pl.UInt128)}), HUGE[2:]),
    (pl.DataFrame({"g": pl.Series([10**400, 5, 10**400 + 1], dtype=pl.Object)}), None),
    ({"g": [10**400, 5, 10**400 + 1]}, [10**400, 5, 10**400 + 1]),
    ({"g": DECIMALS}, DECIMALS),
    (pl.DataFrame({"g": DECIMALS}), DECIMALS),
    (arrow(DECIMALS, pa.decimal128(38, 2)), DECIMALS),
    (arrow(DECIMALS, pa.decimal256(60, 2)), DECIMALS),
    (pandas_arrow(DECIMALS, pa.decimal128(38, 2)), DECIMALS),
    (pandas_arrow(DECIMALS, pa.decimal256(60, 2)), DECIMALS),
    ({"g": FEW_DIGITS}, FEW_DIGITS),
    (pl.DataFrame({"g": FEW_DIGITS}), FEW_DIGITS),
    (arrow(FEW_DIGITS, pa.decimal128(38, 2)), FEW_DIGITS),
    (arrow(FEW_DIGITS, pa.decimal256(60, 2)), FEW_DIGITS),
    (arrow([Decimal(1200), Decimal(-300)], pa.decimal128(10, -2)), [1200, -300]),
    ({"g": pd.Series([2**70, 1.5, 2**70 + 1], dtype=object)}, [2**70, 1.5, 2**70 + 1]),
    ({"g": pd.Series([2, Decimal("0.1"), 2.5], dtype=object)}, [2, Decimal("0.1"), 2.5]),
]


@pytest.mark.parametrize(("data", "values"), TABLES)
def test_every_number_is_a_level_of_its_own(data, values):
    if values is None:
        values = data["g"].to_list()
    column = Frame.of(data).column("g")
    codes = encode(column)
    ordered = sorted(set(values))
    assert [ordered.index(value) for value in values] == codes.codes.tolist()
    assert [exact(value) for value in codes.values] == [exact(value) for value in ordered]


@pytest.mark.parametrize(("data", "values"), TABLES)
def test_as_a_covariate_it_is_a_float(data, values):
    if values is None:
        values = data["g"].to_list()
    column = Frame.of(data).column("g")
    floats = [float(v) if abs(v) < 10**300 else np.inf for v in values]
    assert column.kind == "number"
    np.testing.assert_array_equal(column.numbers.astype(np.float64), floats)


def test_long_doubles():
    values = np.ones(3, dtype=np.longdouble)
    values[1] = np.nextafter(values[1], np.longdouble(2))
    codes = encode(Frame.of({"g": [1, 2, 3], "h": values}).column("h"))
    apart = len(set(values.tolist())) == 2  # not where a long double is a double
    assert codes.codes.tolist() == ([0, 1, 0] if apart else [0, 0, 0])


@pytest.mark.parametrize(
    "data",
    [
        {"g": WITH_NONE},
        pl.DataFrame({"g": pl.Series([*HUGE, None], dtype=pl.Int128)}),
        {"g": pd.Series([*DECIMALS, Decimal("NaN")], dtype=object)},
        arrow([*DECIMALS, None], pa.decimal128(38, 2)),
        pd.DataFrame({"g": pd.array([*UNSIGNED, None], dtype="UInt64")}),
        pl.DataFrame({"g": pl.Series([*UNSIGNED, None], dtype=pl.UInt64)}),
    ],
)
def test_missing_values(data):
    column = Frame.of(data).column("g")
    assert column.missing.tolist() == [False] * 5 + [True]
    assert encode(column).codes[-1] == -1
    assert min(encode(column).codes[:-1]) == 0


@given(st.lists(st.integers(-(2**127), 2**127 - 1), min_size=1, max_size=20))
def test_integers_of_any_size_in_two_libraries(values):
    for data in ({"g": pd.Series(values, dtype=object)}, {"g": pl.Series(values, dtype=pl.Int128)}):
        frame = pl.DataFrame(data) if isinstance(data["g"], pl.Series) else data
        codes = encode(Frame.of(frame).column("g"))
        assert [codes.values[code] for code in codes.codes] == values
        assert list(codes.values) == sorted(set(values))


digits = st.decimals(min_value=-(10**25), max_value=10**25, places=6, allow_nan=False)


@given(st.lists(digits, min_size=1, max_size=20))
def test_decimals_of_any_size_in_three_libraries(values):
    for data in (
        {"g": pd.Series(values, dtype=object)},
        pl.DataFrame({"g": pl.Series(values, dtype=pl.Decimal(38, 6))}),
        arrow(values, pa.decimal128(38, 6)),
    ):
        codes = encode(Frame.of(data).column("g"))
        found = [exact(codes.values[code]) for code in codes.codes]
        assert found == values


@pytest.mark.parametrize("values", [[3, "a"], [(1, 2), (2, 1)], [b"a", b"b"], [1j, 2]])
def test_other_objects_are_refused(values):
    with pytest.raises(DataError, match="neither numbers, text, categories nor dates"):
        Frame.of({"g": pd.Series(values, dtype=object)}).column("g")


def test_a_column_without_any_value():
    for data in (pa.table({"g": pa.nulls(3)}), pl.DataFrame({"g": [None] * 3}), {"g": [None] * 3}):
        column = Frame.of(data).column("g")
        assert column.n_missing == 3
        assert encode(column).values == ()


WORDS = list("abcabcab")
RUNS = pa.RunEndEncodedArray.from_arrays(pa.array([3, 8], pa.int32()), pa.array(["a", "b"]))
UNUSUAL = {
    "views of text": (pa.array(WORDS).cast(pa.string_view()), WORDS),
    "runs": (RUNS, list("aaabbbbb")),
    "days in milliseconds": (
        pa.array([0, 86400000] * 4).cast(pa.date64()),
        [datetime.date(1970, 1, 1), datetime.date(1970, 1, 2)] * 4,
    ),
}


@pytest.mark.parametrize("kind", UNUSUAL)
@pytest.mark.parametrize("is_pandas", [False, True])
def test_unusual_types_of_arrow_are_factors(kind, is_pandas):
    array, values = UNUSUAL[kind]
    table = pa.table({"y": np.arange(8.0) ** 2, "g": array, "x": np.arange(8)})
    if is_pandas:
        arrays = map(pd.arrays.ArrowExtensionArray, table.columns)
        table = pd.DataFrame(dict(zip("ygx", arrays, strict=True)))
    frame = Frame.of(table)
    for own in (frame, frame.owned(frame.columns), frame.owned(["g"]), frame.owned(["x"])):
        codes = encode(own.column("g"))
        assert [codes.values[code] for code in codes.codes] == values
        assert own.column("x").numbers.tolist() == list(range(8))


@pytest.mark.parametrize(
    "array",
    [
        pa.array([{"a": 1}] * 4),
        pa.array([[1]] * 4),
        pa.array([b"a"] * 4),
        pa.array([b"a"] * 4).cast(pa.binary_view()),
        pa.array([(1, 0, 0)] * 4, pa.month_day_nano_interval()),
    ],
)
def test_types_without_levels_are_refused_where_they_are_used(array):
    for table in (
        pa.table({"g": array, "x": range(4)}),
        pd.DataFrame({"g": pd.arrays.ArrowExtensionArray(array), "x": range(4)}),
    ):
        frame = Frame.of(table)
        assert frame.owned(frame.columns).column("x").numbers.tolist() == [0, 1, 2, 3]
        with pytest.raises(DataError, match="Column 'g' holds"):
            frame.column("g")


@pytest.mark.parametrize(
    "values",
    [
        [datetime.date(2024, 1, 1), datetime.datetime(2024, 1, 1, 5)],
        [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-01", tz="UTC")],
        pd.Categorical.from_codes([0, 1], pd.Index([(1, 2), (1, 3)], tupleize_cols=False)),
    ],
)
def test_levels_without_a_common_order_are_refused(values):
    with pytest.raises(DataError, match="Column 'g' holds"):
        Frame.of(
            pd.DataFrame({"g": pd.Series(values, dtype=getattr(values, "dtype", object))})
        ).column("g")
