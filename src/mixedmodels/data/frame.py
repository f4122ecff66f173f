"""The user's table. Only this file knows that frame libraries exist, through narwhals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from narwhals.exceptions import NarwhalsError
from numpy.typing import NDArray

from mixedmodels.data.columns import Codes, Column, Mask, from_dictionary, renumber
from mixedmodels.errors import DataError

Backend = nw.Implementation
"""The frame library that results go back to."""

_TIMES = (nw.Date, nw.Datetime, nw.Duration, nw.Time)

_FLOAT_OBJECTS = ("floating", "mixed-integer-float", "decimal")


@dataclass(frozen=True, slots=True)
class Frame:
    """A read-only view of the user's table.

    Attributes
    ----------
    columns
        Names in order; columns whose name is not text are left out, as no formula can name them.
    nrows
        Number of rows.
    index
        The row labels of a pandas frame, otherwise 0, 1, ….
    backend
        Where `table` sends results.
    """

    _data: nw.DataFrame[Any]
    columns: tuple[str, ...]
    nrows: int
    index: pd.Index
    backend: Backend

    @staticmethod
    def of(data: object) -> Frame:
        """Wrap pandas, polars (also lazy), pyarrow, a mapping of arrays, or what narwhals takes.

        Raises
        ------
        DataError
            If it is no table, has no rows or no columns, or has two columns of one name.
        """
        native = _table_of_mapping(data) if isinstance(data, Mapping) else data
        if isinstance(native, np.ndarray) and native.dtype.names:
            native = pd.DataFrame.from_records(native)
        _check_unique_names(native)
        frame = _wrapped(native)
        columns = tuple(name for name in frame.columns if isinstance(name, str))
        if not columns or len(frame) == 0:
            raise DataError(
                f"The data have {len(frame)} rows and {len(columns)} columns: nothing to fit.\n"
                "Do:   pass a table with at least one row; check the filter or join that made it."
            )
        index = native.index if isinstance(native, pd.DataFrame) else pd.RangeIndex(len(frame))
        return Frame(frame, columns, len(frame), index, frame.implementation)

    def column(self, name: str) -> Column:
        """Read one column into plain arrays.

        Raises
        ------
        DataError
            If its values are neither numbers, booleans, text, categories nor dates.
        """
        native = self._data.to_native()
        if isinstance(native, pd.DataFrame) and _is_plain(series := native[name]):
            return Column.of_numbers(name, _widened(series.to_numpy()))
        return _read(name, self._data[name])

    def rows(self, positions: NDArray[np.intp]) -> Frame:
        """A table of some rows, which may repeat, in the order given; its index starts at 0."""
        native = self._data[positions.tolist()].to_native()
        plain = native.reset_index(drop=True) if isinstance(native, pd.DataFrame) else native
        return Frame.of(plain)

    def with_column(self, name: str, values: NDArray[np.float64] | Sequence[str]) -> Frame:
        """The same table with a column of numbers or text, added or replaced."""
        series = nw.new_series(name, values, backend=self.backend)  # type: ignore[arg-type]
        columns = self.columns if name in self.columns else (*self.columns, name)
        data = self._data.with_columns(series)
        return Frame(data, columns, self.nrows, self.index, self.backend)

    def table(self, columns: Mapping[str, Any]) -> Any:
        """A table in the library that the data came in; see `table`."""
        return table(columns, self.backend)


def table(columns: Mapping[str, Any], backend: Backend) -> Any:
    """A frame of the given library with these columns, in this order.

    NaN and None become the library's missing value. A column keeps its type where all of it is
    missing or there are no rows: numbers and text stay numbers and text.
    """
    plain: Mapping[str, Any] = columns
    if not backend.is_pandas_like():
        plain = {name: _with_nulls(values, backend) for name, values in columns.items()}
    made: nw.DataFrame[Any] = nw.from_dict(dict(plain), backend=backend)  # type: ignore[arg-type]
    return made.to_native()


def _with_nulls(values: Any, backend: Backend) -> Any:
    array = np.asarray(values)
    if array.dtype.kind == "f" and np.isnan(array).any():
        cells = [None if np.isnan(value) else value for value in array.tolist()]
    elif array.dtype.kind in "OU":
        cells = array.tolist()
    else:
        return array
    if all(cell is None for cell in cells):
        dtype = nw.Float64 if array.dtype.kind == "f" else nw.String
        return nw.new_series("", cells, dtype, backend=backend)  # type: ignore[arg-type]
    return cells


def _table_of_mapping(data: Mapping[Any, Any]) -> pd.DataFrame:
    columns = {str(name): np.ravel(v) if np.ndim(v) == 0 else v for name, v in data.items()}
    sizes = {name: len(values) for name, values in columns.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name}: {size}" for name, size in sizes.items())
        raise DataError(
            f"The arrays of the data have different lengths ({listed}).\n"
            "Do:   give every column one value per row."
        )
    wide = [name for name, v in columns.items() if isinstance(v, np.ndarray) and v.ndim > 1]
    if wide:
        raise DataError(
            f"Column {wide[0]!r} is an array of {np.ndim(columns[wide[0]])} dimensions.\n"
            "Do:   split it into columns with one value per row."
        )
    return pd.DataFrame(columns)


def _wrapped(native: object) -> nw.DataFrame[Any]:
    try:
        frame = nw.from_native(native)  # type: ignore[call-overload]
    except (TypeError, NarwhalsError) as error:
        raise DataError(
            f"The data are of type {type(native).__name__}, which is not a table.\n"
            "Do:   pass a pandas, polars or pyarrow table, or a dict of arrays."
        ) from error
    return frame.collect() if isinstance(frame, nw.LazyFrame) else frame


def _check_unique_names(native: object) -> None:
    if isinstance(native, pd.DataFrame):
        names: Sequence[Any] = native.columns.tolist()
    else:
        names = getattr(native, "column_names", None) or ()
    if not isinstance(names, Sequence) or len(set(names)) == len(names):
        return
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    raise DataError(
        f"The data have more than one column named {', '.join(map(repr, twice))}.\n"
        "Do:   rename or drop all but one.\n"
        "Why:  the formula could mean any of them."
    )


def _read(name: str, series: nw.Series[Any]) -> Column:
    dtype = series.dtype
    if dtype.is_float():
        return Column.of_numbers(name, series.to_numpy().astype(np.float64, copy=False))
    if dtype.is_integer():
        return _read_integers(name, series)
    if dtype == nw.Boolean:
        missing = _nulls(series)
        filled = series if missing is None else series.fill_null(False)
        return Column.of_numbers(name, filled.to_numpy().astype(np.bool_), missing)
    if dtype.is_decimal():
        floats = series.cast(nw.Float64).to_numpy()
        return Column.of_numbers(name, floats.astype(np.float64))
    if isinstance(dtype, (nw.Categorical, nw.Enum)):
        return Column.of_codes(name, _factorise(series, keeps_order=True))
    if dtype == nw.String or isinstance(dtype, _TIMES):
        codes = _factorise(series, keeps_order=False)
        return Column.of_codes(name, codes, is_time=dtype != nw.String)
    if isinstance(series.to_native(), pd.Series):
        return _read_objects(name, series.to_native())
    raise _unreadable(name, str(dtype))


def _is_plain(series: pd.Series) -> bool:
    """Whether a pandas column is a NumPy array of numbers or booleans, the common case."""
    return isinstance(series.dtype, np.dtype) and series.dtype.kind in "fiub"


def _widened(numbers: NDArray[Any]) -> NDArray[Any]:
    """As float64, int64 or bool; integers beyond int64 become floats."""
    kind = numbers.dtype.kind
    if kind == "b":
        return numbers
    is_float = kind == "f" or (
        numbers.dtype == np.uint64 and bool(np.any(numbers > np.iinfo(np.int64).max))
    )
    return numbers.astype(np.float64 if is_float else np.int64, copy=False)


def _read_integers(name: str, series: nw.Series[Any]) -> Column:
    missing = _nulls(series)
    filled = series if missing is None else series.fill_null(0)
    return Column.of_numbers(name, _widened(filled.to_numpy()), missing)


def _nulls(series: nw.Series[Any]) -> Mask | None:
    if series.null_count() == 0:
        return None
    return series.is_null().to_numpy().astype(np.bool_)


def _factorise(series: nw.Series[Any], *, keeps_order: bool) -> Codes:
    """Codes and levels with the library's own dictionary encoding."""
    native: Any = series.to_native()
    if isinstance(native, pd.Series):
        if isinstance(native.dtype, pd.ArrowDtype):
            return _factorise_arrow(native.array.__arrow_array__(), keeps_order=keeps_order)
        return _factorise_pandas(native)
    if series.implementation.is_polars():
        return _factorise_polars(series)
    if series.implementation.is_pyarrow():
        return _factorise_arrow(native, keeps_order=keeps_order)
    return _factorise_pandas(pd.Series(series.to_pandas()))


def _factorise_pandas(series: pd.Series) -> Codes:
    if isinstance(series.dtype, pd.CategoricalDtype):
        categories = tuple(series.cat.categories.tolist())
        return Codes(series.cat.codes.to_numpy().astype(np.int32), categories)
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
    values = distinct.to_list()
    levels = [values[index] for index in np.argsort(order)]
    return from_dictionary(codes, levels, sort=not isinstance(series.dtype, nw.Enum))


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
    if kind == "integer":
        return Column.of_numbers(name, series.where(~missing, 0).to_numpy(np.int64), missing)
    if kind in _FLOAT_OBJECTS:
        return Column.of_numbers(name, series.to_numpy(np.float64, na_value=np.nan))
    if kind == "empty":
        return Column.of_numbers(name, np.full(len(series), np.nan))
    if kind in ("string", "date", "datetime", "timedelta", "time", "period"):
        return Column.of_codes(name, _factorise_pandas(series), is_time=kind != "string")
    raise _unreadable(name, f"objects ({kind})")


def _unreadable(name: str, what: str) -> DataError:
    return DataError(
        f"Column {name!r} holds {what}, which is neither numbers, text, categories nor dates.\n"
        "Do:   convert it to one of these types before the fit."
    )
