"""One column of any library as plain arrays: what each type becomes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.data.columns import Codes, Column, Mask, from_dictionary, renumber
from mixedmodels.data.levels import number_key
from mixedmodels.errors import DataError

_TIMES = (nw.Date, nw.Datetime, nw.Duration, nw.Time)

_WIDE_INTEGERS = (nw.Int128, nw.UInt128)

_FACTORS = ("string", "date", "datetime", "timedelta", "time", "period", "interval")

_NUMBERS = (int, float, Decimal, np.integer, np.floating)

_TEXTLIKE = ("string", "interval")

_DECIMAL_DIGITS = 15
"""Decimals of at most this many digits have each a double of their own."""


def read(name: str, series: nw.Series[Any]) -> Column:
    """A column of any type.

    Numbers become floats, integers int64. Where that would merge values (integers beyond 2^63,
    decimals of more than fifteen digits, long doubles) the column keeps their levels apart in its
    `codes`.

    Raises
    ------
    DataError
        If its values are neither numbers, booleans, text, categories nor dates.
    """
    scale = _decimal_scale(series)
    if scale is not None:
        return _read_decimals(name, series, scale)
    dtype = series.dtype
    if dtype.is_float():
        return of_array(name, series.to_numpy())
    if isinstance(dtype, _WIDE_INTEGERS):
        return _of_exact(name, _factorise_exact(series))
    if dtype.is_integer():
        missing = _nulls(series)
        filled = series if missing is None else series.fill_null(0)
        return of_array(name, filled.to_numpy(), missing)
    if dtype == nw.Boolean:
        missing = _nulls(series)
        filled = series if missing is None else series.fill_null(False)
        return Column.of_numbers(name, filled.to_numpy().astype(np.bool_), missing)
    if isinstance(dtype, (nw.Categorical, nw.Enum)):
        has_order = isinstance(dtype, nw.Enum) or not series.implementation.is_polars()
        return _of_categories(name, _factorise(series, keeps_order=True), has_order=has_order)
    if dtype == nw.String or is_time(dtype):
        codes = _factorise(series, keeps_order=False)
        return Column.of_codes(name, codes, is_time=is_time(dtype), is_text=dtype == nw.String)
    if series.null_count() == len(series):
        return Column.of_numbers(name, np.full(len(series), np.nan))
    return _read_other(name, series)


def read_pandas(name: str, series: pd.Series) -> Column:
    """A column of pandas, its common types without the way through narwhals.

    Raises
    ------
    DataError
        As `read`.
    """
    if is_plain(series):
        return of_array(name, series.to_numpy())
    if isinstance(series.dtype, pd.CategoricalDtype):
        return _of_categories(name, _factorise_pandas(series), has_order=True)
    if isinstance(series.dtype, pd.StringDtype):
        return Column.of_codes(name, _factorise_pandas(series), is_text=True)
    return read(name, nw.from_native(series, series_only=True))


def read_values(name: str, values: Any) -> Column:
    """The column that an array, a list or a Series of any library makes.

    Raises
    ------
    DataError
        If they are not one column of values that can be read.
    """
    if type(values) is np.ndarray and values.dtype.kind in "fiub":
        return of_array(name, values)
    series = nw.from_native(values, series_only=True, pass_through=True)
    if isinstance(series, nw.Series):
        return read(name, series)
    array = np.asarray(values)
    if isinstance(values, np.ma.MaskedArray) and array.dtype.kind in "fiub":
        return of_array(name, array, np.ma.getmaskarray(values))
    if array.dtype.kind in "fiub":
        return of_array(name, array)
    if array.ndim != 1:
        raise _unreadable(name, f"an array of {array.ndim} dimensions")
    return read(name, nw.from_native(pd.Series(array, copy=False), series_only=True))


def is_time(dtype: nw.dtypes.DType) -> bool:
    """Whether a type is that of dates, times or durations."""
    return isinstance(dtype, _TIMES)


def is_plain(series: pd.Series) -> bool:
    """Whether a pandas column is a NumPy array of numbers or booleans, the common case."""
    return isinstance(series.dtype, np.dtype) and series.dtype.kind in "fiub"


def of_array(name: str, numbers: NDArray[Any], missing: Mask | None = None) -> Column:
    """A column of numbers or booleans of any width; NaN counts as missing."""
    dtype = numbers.dtype
    if dtype.kind == "b":
        return Column.of_numbers(name, numbers, missing)
    if dtype.kind == "f" and dtype.itemsize > np.dtype(np.float64).itemsize:
        return _of_exact(name, _factorise_long_floats(numbers))
    if dtype == np.uint64 and bool(np.any(numbers > np.iinfo(np.int64).max)):
        kept = numbers if missing is None else numbers[~missing]
        found, values = pd.factorize(kept, sort=True)
        return _of_exact(name, Codes(_spread(found, missing), tuple(values.tolist())))
    target = np.float64 if dtype.kind == "f" else np.int64
    return Column.of_numbers(name, numbers.astype(target, copy=False), missing)


def _of_categories(name: str, codes: Codes, *, has_order: bool) -> Column:
    if any(issubclass(kind, (dict, list, tuple)) for kind in set(map(type, codes.values))):
        raise _unreadable(name, "categories that are records or lists")
    return Column.of_codes(name, codes, is_text=not has_order)


def _of_exact(name: str, codes: Codes) -> Column:
    """Numbers from their exact values; they keep the codes if doubles would merge or move them."""
    keys = [number_key(value) for value in codes.values]
    limits = np.iinfo(np.int64)
    if all(isinstance(key, int) and limits.min <= key <= limits.max for key in keys):
        integers = np.array([*keys, 0], dtype=np.int64)[codes.codes]
        return Column.of_numbers(name, integers, codes.missing)
    floats = [_as_float(value) for value in codes.values]
    numbers = np.array([*floats, np.nan])[codes.codes]
    if all(number_key(number) == key for number, key in zip(floats, keys, strict=True)):
        return Column.of_numbers(name, numbers, codes.missing)
    values = tuple(
        key if isinstance(key, int) else v for key, v in zip(keys, codes.values, strict=True)
    )
    return Column(name, "number", numbers, Codes(codes.codes, values), codes.missing)


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf


def _spread(codes: NDArray[Any], missing: Mask | None) -> NDArray[np.int32]:
    """Codes of the rows that are not missing, as codes of all rows."""
    if missing is None:
        return codes.astype(np.int32)
    spread = np.full(missing.shape, -1, dtype=np.int32)
    spread[~missing] = codes
    return spread


def _factorise_long_floats(numbers: NDArray[Any]) -> Codes:
    missing = np.isnan(numbers)
    values, found = np.unique(numbers[~missing], return_inverse=True)
    return Codes(_spread(found, missing), tuple(values))


def _decimal_scale(series: nw.Series[Any]) -> int | None:
    """Digits behind the point of a decimal column; None if it is of another type."""
    native: Any = series.to_native()
    dtype = getattr(native.dtype, "pyarrow_dtype", None) if isinstance(native, pd.Series) else None
    if series.implementation.is_pyarrow():
        dtype = native.type
    if dtype is not None and str(dtype).startswith("decimal"):
        return int(dtype.scale)
    return int(series.dtype.scale) if isinstance(series.dtype, nw.Decimal) else None


def _read_decimals(name: str, series: nw.Series[Any], scale: int) -> Column:
    """Decimals, by way of integers where all have few digits, which is exact and fast."""
    arrow = _arrow_array(series)
    floats = (
        series.cast(nw.Float64).to_numpy()
        if arrow is None
        else arrow.cast("double").to_numpy(zero_copy_only=False)
    )
    unscaled = np.rint(floats * 10.0**scale)
    if scale <= _DECIMAL_DIGITS and not np.any(np.abs(unscaled) >= 10.0**_DECIMAL_DIGITS):
        return Column.of_numbers(name, unscaled / 10.0**scale)
    return _of_exact(name, _factorise_exact(series))


def _factorise_exact(series: nw.Series[Any]) -> Codes:
    """Codes of decimals and of wide integers, in numerical order."""
    arrow = _arrow_array(series)
    if arrow is not None:
        return _factorise_arrow(arrow, keeps_order=False)
    native: Any = series.to_native()
    ranks = native.rank("dense").fill_null(0).to_numpy().astype(np.int32)
    return Codes(ranks - np.int32(1), tuple(native.drop_nulls().unique().sort().to_list()))


def _arrow_array(series: nw.Series[Any]) -> Any:
    """The chunked array behind a pyarrow column or one of pandas; None for other libraries."""
    native: Any = series.to_native()
    if isinstance(native, pd.Series):
        return native.array.__arrow_array__() if isinstance(native.dtype, pd.ArrowDtype) else None
    return native if series.implementation.is_pyarrow() else None


def _read_other(name: str, series: nw.Series[Any]) -> Column:
    """A column of a type that narwhals has no name for, by way of its values."""
    native: Any = series.to_native()
    arrow = _arrow_array(series)
    if arrow is not None:
        return _read_objects(name, pd.Series(arrow.to_pylist(), dtype=object))
    if isinstance(native, pd.Series):
        return _read_objects(name, native)
    if series.dtype == nw.Object:
        return _read_objects(name, pd.Series(native.to_list(), dtype=object))
    raise _unreadable(name, str(series.dtype))


def _nulls(series: nw.Series[Any]) -> Mask | None:
    if series.null_count() == 0:
        return None
    return series.is_null().to_numpy().astype(np.bool_)


def _factorise(series: nw.Series[Any], *, keeps_order: bool) -> Codes:
    """Codes and levels with the library's own dictionary encoding."""
    arrow = _arrow_array(series)
    if arrow is not None:
        return _factorise_arrow(arrow, keeps_order=keeps_order)
    if series.implementation.is_polars():
        return _factorise_polars(series)
    native: Any = series.to_native()
    return _factorise_pandas(native if isinstance(native, pd.Series) else series.to_pandas())


def _factorise_pandas(series: pd.Series) -> Codes:
    if isinstance(series.dtype, pd.CategoricalDtype):
        values = series.array
        return Codes(values.codes.astype(np.int32), tuple(values.categories.tolist()))
    codes, values = pd.factorize(series, sort=True)
    return Codes(codes.astype(np.int32), tuple(values.tolist()))


def _factorise_polars(series: nw.Series[Any]) -> Codes:
    """Through the physical integers.

    Enum has an order of levels. Categorical has none of its own, only the order in which the
    process first met the strings, so its levels are sorted like text.
    """
    coded = series.cast(nw.Categorical()) if series.dtype == nw.String else series
    distinct = coded.drop_nulls().unique()
    codes, _ = renumber(_physical(coded), _nulls(coded))
    order, _ = renumber(_physical(distinct), None)
    values = _polars_values(distinct)
    levels = [values[index] for index in np.argsort(order)]
    return from_dictionary(codes, levels, sort=not isinstance(series.dtype, nw.Enum))


def _polars_values(distinct: nw.Series[Any]) -> list[Any]:
    """Python's own values; pandas' timestamps where Python's have too few digits."""
    dtype = distinct.dtype
    if not isinstance(dtype, (nw.Datetime, nw.Duration)) or dtype.time_unit != "ns":
        return distinct.to_list()
    moments = pd.Series(distinct.to_numpy())
    if isinstance(dtype, nw.Datetime) and dtype.time_zone is not None:
        moments = moments.dt.tz_localize("UTC").dt.tz_convert(dtype.time_zone)
    return moments.tolist()  # type: ignore[no-any-return]


def _physical(series: nw.Series[Any]) -> NDArray[np.int64]:
    native: Any = series.to_native()
    physical: NDArray[Any] = native.to_physical().fill_null(0).to_numpy()
    return physical.astype(np.int64)


def _factorise_arrow(array: Any, *, keeps_order: bool) -> Codes:
    encoded = array if keeps_order else array.dictionary_encode()
    one = encoded.unify_dictionaries().combine_chunks()
    parts = getattr(one, "chunks", [one])
    indices = np.concatenate([_arrow_indices(part) for part in parts])
    return from_dictionary(indices, parts[0].dictionary.to_pylist(), sort=not keeps_order)


def _arrow_indices(array: Any) -> NDArray[np.int32]:
    """Indices of one dictionary array, -1 for null; they may be stored unsigned."""
    indices: NDArray[np.int32] = array.indices.fill_null(0).to_numpy().astype(np.int32)
    if array.null_count:
        indices[array.is_null().to_numpy(zero_copy_only=False)] = -1
    return indices


def _read_objects(name: str, series: pd.Series) -> Column:
    """A pandas column of Python objects: what they are decides."""
    kind = pd.api.types.infer_dtype(series, skipna=True)
    missing = series.isna().to_numpy()
    if kind == "boolean":
        return Column.of_numbers(name, series.where(~missing, False).to_numpy(np.bool_), missing)
    if kind == "floating":
        return Column.of_numbers(name, series.to_numpy(np.float64, na_value=np.nan))
    if kind == "empty":
        return Column.of_numbers(name, np.full(len(series), np.nan))
    if kind in _FACTORS:
        try:
            codes = _factorise_pandas(series)
        except TypeError as error:  # a date beside a moment, or moments with and without a zone
            raise _unreadable(name, f"values of type {kind} that have no common order") from error
        return Column.of_codes(name, codes, is_time=kind not in _TEXTLIKE, is_text=kind == "string")
    try:
        codes, values = pd.factorize(series.where(~missing, None))
    except TypeError as error:  # lists and the like have no hash
        raise _unreadable(name, f"objects ({kind})") from error
    if all(isinstance(value, _NUMBERS) for value in values):
        return _of_exact(name, from_dictionary(codes, values.tolist(), sort=True))
    raise _unreadable(name, f"objects ({kind})")


def _unreadable(name: str, what: str) -> DataError:
    return DataError(
        f"Column {name!r} holds {what}, which is neither numbers, text, categories nor dates.\n"
        "Do:   convert it to one of these types before the fit."
    )
