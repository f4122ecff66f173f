"""Tables as plain columns: numbers, codes of levels and text, and the library they were of."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, cast

import numpy as np
import pandas as pd

from mixedmodels.data import Column, Frame
from mixedmodels.data.frame import Backend
from mixedmodels.datasets.backends import convert
from mixedmodels.errors import SavedModelError
from mixedmodels.saving.archive import changed
from mixedmodels.saving.values import Codec, Reader
from mixedmodels.vocabulary import Backend as BackendName

Parts = dict[str, Any]

NO_LIBRARY = ("pandas", "unknown")
"""Libraries of which nothing has to be installed beside this package."""


def frame_parts(frame: Frame) -> Parts:
    """A table without rows as names, one with rows as columns."""
    parts: Parts = {"columns": frame.columns, "nrows": frame.nrows, "library": frame.backend.value}
    if not frame.has_rows:
        return parts | {"rows": None, "index": None}
    rows = [column_parts(frame.column(name)) for name in frame.columns]
    return parts | {"rows": rows, "index": frame.index}


def column_parts(column: Column) -> Parts:
    """A column as arrays."""
    codes = column.codes
    return {
        "name": column.name,
        "kind": column.kind,
        "numbers": column.numbers,
        "codes": None if codes is None else codes.codes,
        "values": None if codes is None else codes.values,
        "missing": column.missing,
        "is_text": column.is_text,
    }


def _frame(parts: Parts, reader: Reader) -> Frame:
    del reader
    library, columns = str(parts["library"]), parts["columns"]
    backend = _backend(library)
    if parts["rows"] is None:
        return Frame.unkept(columns, int(parts["nrows"]), backend)
    made = {column["name"]: _pandas(column) for column in parts["rows"]}
    table = pd.DataFrame(made, columns=list(columns))
    if backend is Backend.PANDAS:
        return Frame.of(table.set_axis(parts["index"]), may_be_empty=True)
    text = [c["name"] for c in parts["rows"] if c["is_text"]]
    rest = [name for name in columns if name not in text]
    if not rest:
        rest, text = text[:1], text[1:]
        table[rest[0]] = table[rest[0]].astype("category")
    frame = Frame.of(convert(table[rest], cast("BackendName", library)), may_be_empty=True)
    for name in text:
        cells = [None if cell is None else str(cell) for cell in made[name].tolist()]
        frame = frame.with_column(name, cells)
    return frame.selected(columns)


def _backend(library: str) -> Backend:
    if library not in {backend.value for backend in Backend}:
        raise changed(f"There is no frame library {library!r}.")
    if library not in NO_LIBRARY and find_spec(library) is None:
        raise SavedModelError(
            f"The model was fitted to a table of {library}, in which its tables come back, and "
            f"{library} is not installed.\n"
            f"Do:   pip install {library}; or save a model that was fitted to pandas."
        )
    return Backend(library)


def _pandas(column: Parts) -> Any:
    """A column as pandas has it."""
    numbers, codes, missing = column["numbers"], column["codes"], column["missing"]
    if codes is None:
        return _numbers(numbers, missing)
    values = column["values"]
    if column["kind"] == "category" and not column["is_text"] and numbers is None:
        return pd.Categorical.from_codes(codes, categories=pd.Index(list(values)))
    cells = np.array([*values, None], dtype=object)[codes]
    if column["kind"] == "time":
        return pd.Series(cells.tolist())
    return cells


def _numbers(numbers: Any, missing: Any) -> Any:
    if missing is None:
        return numbers
    if numbers.dtype.kind == "f":
        return np.where(missing, np.nan, numbers)
    kind = pd.arrays.BooleanArray if numbers.dtype.kind == "b" else pd.arrays.IntegerArray
    return kind(numbers.copy(), missing.copy())


CODEC = Codec("Frame", Frame, frame_parts, _frame)
