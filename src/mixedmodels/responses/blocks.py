"""Where the responses come from: blocks of columns with one row per row of the data.

Nothing but one block is ever converted, so that arrays on disk (`numpy.memmap`, HDF5, Zarr) and
iterators of blocks take no more memory than that.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from mixedmodels.data import Frame, by_row, read_values
from mixedmodels.design.names import near_matches
from mixedmodels.errors import DataError
from mixedmodels.shortening import brief

Vector = NDArray[np.float64]
Label = str | int

BYTES = 2**26
"""Size of a block, as floats."""

MOST = 256
"""Responses of a block at most: how often progress is told."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some responses.

    Attributes
    ----------
    labels : tuple of str or int
        What they are called; those of an array without names are numbered from 0.
    values : array (N, b)
        One row per row of the data; nan where a value is missing.
    """

    labels: tuple[Label, ...]
    values: Vector

    __repr__ = brief


@dataclass(frozen=True, slots=True)
class Table:
    """Responses by number: `read` gives some consecutive ones (N, b)."""

    labels: tuple[Label, ...]
    read: Callable[[int, int], Vector]


def count_of(responses: object) -> int | None:
    """How many there are, if that is known before they are read."""
    if isinstance(responses, Iterator):
        return None
    if isinstance(responses, str):
        return 1
    shape = getattr(responses, "shape", None)
    if shape is not None:
        return int(shape[1]) if len(shape) == 2 else 1
    return len(responses) if isinstance(responses, (Sequence, Mapping)) else None


def blocks_of(responses: object, frame: Frame) -> Iterator[Block]:
    """The responses, some at a time.

    Raises
    ------
    DataError
        If they are not numbers, have other rows than the data, or two have one name.
    """
    seen: set[Label] = set()
    parts = responses if isinstance(responses, Iterator) else iter((responses,))
    for part in parts:
        table = _table(part, frame, first=len(seen))
        _require_new(table.labels, seen)
        size = max(1, min(MOST, BYTES // (8 * frame.nrows)))
        for at in range(0, len(table.labels), size):
            stop = min(at + size, len(table.labels))
            yield Block(table.labels[at:stop], _checked(table.read(at, stop), frame))
    if not seen:
        raise DataError(
            "There are no responses.\nDo:   name columns of the data, or give an array."
        )


def _table(responses: Any, frame: Frame, *, first: int) -> Table:
    """One source of responses; unnamed ones are numbered from `first` on."""
    if isinstance(responses, str):
        responses = [responses]
    if _are_names(responses):
        return _of_columns(list(responses), frame)
    if isinstance(responses, pd.DataFrame):
        return _of_pandas(by_row("responses", responses, frame.index))
    if isinstance(responses, Mapping):
        return _of_series(responses, frame)
    if hasattr(responses, "var_names") and hasattr(responses, "X"):
        return _of_annotated(responses, frame)
    if isinstance(responses, pd.Series) or _is_series(responses):
        name = getattr(responses, "name", None)
        return _of_series({first if name in (None, "") else name: responses}, frame)
    if sparse.issparse(responses):
        return _of_array(responses.tocsc(), first)
    if hasattr(responses, "columns") and not hasattr(responses, "dtype"):
        return _of_columns(None, Frame.of(responses))
    if not (hasattr(responses, "shape") and hasattr(responses, "dtype")):
        made = _numbers(responses, "responses")
        if not made.ndim:
            raise _no_responses(responses)
        responses = made
    return _of_array(responses[:, None] if len(responses.shape) == 1 else responses, first)


def _are_names(values: Any) -> bool:
    """Whether these are names of columns: a list, an index, an array or a series of strings."""
    kinds = (Sequence, pd.Index, pd.Series, np.ndarray)
    if not isinstance(values, kinds) or getattr(values, "ndim", 1) != 1:
        return False
    return all(isinstance(name, str) for name in values)


def _is_series(values: object) -> bool:
    """Whether these are one column of another library's."""
    return hasattr(values, "to_numpy") and not hasattr(values, "columns")


def _of_columns(names: list[str] | None, frame: Frame) -> Table:
    found = list(frame.columns) if names is None else names
    known = set(frame.columns)
    for name in found:
        if name not in known:
            hint = near_matches(name, frame.columns)
            raise DataError(f"The response {name!r} is no column of the data.{hint}")

    def one(name: str) -> Vector:
        column = frame.column(name)
        if column.numbers is None:
            raise _not_numeric(name)
        return column.floats()

    return Table(tuple(found), lambda a, b: np.column_stack([one(n) for n in found[a:b]]))


def _of_pandas(table: pd.DataFrame) -> Table:
    labels = tuple(map(_label, table.columns.tolist()))

    def read(a: int, b: int) -> Vector:
        part = table.iloc[:, a:b]
        if all(isinstance(t, np.dtype) and t.kind in "fiub" for t in part.dtypes.tolist()):
            return np.asarray(part, dtype=np.float64)
        series = (part.iloc[:, j] for j in range(b - a))
        return np.column_stack([_floats(n, s) for n, s in zip(labels[a:b], series, strict=True)])

    return Table(labels, read)


def _of_series(columns: Mapping[Any, Any], frame: Frame) -> Table:
    values = list(columns.values())
    labels = tuple(map(_label, columns))

    def one(j: int) -> Vector:
        what = f"the response {labels[j]!r}"
        found = _floats(labels[j], by_row(what, values[j], frame.index))
        if found.shape != (frame.nrows,):
            raise _other_rows(what, found.shape, frame)
        return found

    return Table(labels, lambda a, b: np.column_stack([one(j) for j in range(a, b)]))


def _of_annotated(data: Any, frame: Frame) -> Table:
    """Of an AnnData or its like: observations in rows, by their names if the data have some."""
    names = getattr(data, "obs_names", None)
    X = data.X
    rows: Any = slice(None)
    if names is not None and not isinstance(frame.index, pd.RangeIndex):
        places = pd.Series(np.arange(len(names)), index=pd.Index(names))
        rows = by_row("responses", places, frame.index).to_numpy()
    X = X.tocsc() if sparse.issparse(X) else X
    labels = tuple(map(_label, list(data.var_names)))
    table = _of_array(X, 0)
    return Table(labels, lambda a, b: table.read(a, b)[rows])


def _of_array(values: Any, first: int) -> Table:
    if len(values.shape) != 2:
        raise DataError(
            f"responses is an array of {len(values.shape)} dimensions.\n"
            "Do:   give one with a row per row of the data and a column per response."
        )

    def read(a: int, b: int) -> Vector:
        return _numbers(values[:, a:b], f"responses[:, {a}:{b}]")

    return Table(tuple(range(first, first + values.shape[1])), read)


def _numbers(values: Any, what: str) -> Vector:
    """Floats, nan where an array masks them."""
    if sparse.issparse(values):
        values = values.toarray()
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(np.float64), np.nan)
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "fiubO":
            raise _not_numeric(what)
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise _not_numeric(what) from error


def _floats(label: Label, values: Any) -> Vector:
    column = read_values(str(label), values)
    if column.numbers is None:
        raise _not_numeric(label)
    return column.floats()


def _label(name: Hashable) -> Label:
    return int(name) if isinstance(name, (int, np.integer)) else str(name)


def _checked(values: Vector, frame: Frame) -> Vector:
    if values.ndim != 2 or len(values) != frame.nrows:
        raise _other_rows("responses", values.shape, frame)
    return values


def _require_new(labels: Sequence[Label], seen: set[Label]) -> None:
    for label in labels:
        if label in seen:
            raise DataError(
                f"Two responses are called {label!r}.\n"
                "Do:   give each its own name (AnnData: `var_names_make_unique()`).\n"
                "Why:  the rows of the tables are told apart by it."
            )
        seen.add(label)


def _other_rows(what: str, shape: tuple[int, ...], frame: Frame) -> DataError:
    turned = len(shape) == 2 and shape[1] == frame.nrows
    advice = (
        "turn it round (`.T`): there is a column per response."
        if turned
        else "give one row per row of the data, also for rows that are incomplete."
    )
    return DataError(
        f"{what} has shape {shape}, but the data have {frame.nrows} rows.\nDo:   {advice}"
    )


def _no_responses(given: object) -> DataError:
    return DataError(
        f"responses is of type {type(given).__name__}.\n"
        "Do:   name columns of the data, or give an array, a frame or a mapping of arrays."
    )


def _not_numeric(what: Label) -> DataError:
    named = what if isinstance(what, str) and what.startswith("responses") else f"response {what!r}"
    return DataError(
        f"{str(named)[:1].upper()}{str(named)[1:]} is not numeric.\n"
        "Do:   convert it to numbers, or leave it out."
    )
