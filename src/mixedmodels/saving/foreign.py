"""Values of other libraries that a model may hold, as plain data: labels, times, matrices."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from mixedmodels.data.unkept import UnkeptRows
from mixedmodels.saving.values import Codec, Reader

Parts = dict[str, Any]


def _text(name: str, kind: type, write: Any, read: Any) -> Codec:
    """The codec of a value that is told by one text."""

    def make(parts: Parts, reader: Reader) -> Any:
        del reader
        return read(parts["text"])

    return Codec(name, kind, lambda value: {"text": write(value)}, make)


def _duration_text(duration: dt.timedelta) -> str:
    return str(pd.Timedelta(duration).isoformat())


def _duration(text: str) -> dt.timedelta:
    duration: dt.timedelta = pd.Timedelta(text).to_pytimedelta()
    return duration


def _interval_parts(interval: Any) -> Parts:
    return {"left": interval.left, "right": interval.right, "closed": interval.closed}


def _interval(parts: Parts, reader: Reader) -> Any:
    del reader
    return pd.Interval(**parts)


def _sparse_parts(matrix: Any) -> Parts:
    csc = sparse.csc_matrix(matrix)
    kind = np.int32 if csc.nnz < np.iinfo(np.int32).max else np.int64
    indices, indptr = csc.indices.astype(kind), csc.indptr.astype(kind)
    return {"shape": csc.shape, "data": csc.data, "indices": indices, "indptr": indptr}


def _sparse(parts: Parts, reader: Reader) -> sparse.csc_matrix:
    del reader
    shape = tuple(parts["shape"])
    made = sparse.csc_matrix((parts["data"], parts["indices"], parts["indptr"]), shape=shape)
    made.check_format(full_check=True)
    return made


def _range_parts(index: pd.RangeIndex) -> Parts:
    return {"start": index.start, "stop": index.stop, "step": index.step, "name": index.name}


def _range(parts: Parts, reader: Reader) -> pd.RangeIndex:
    del reader
    return pd.RangeIndex(**parts)


def _index_parts(index: pd.Index) -> Parts:
    return {"values": _labels(index), "dtype": str(index.dtype), "name": index.name}


def _labels(index: pd.Index) -> Any:
    plain = index.to_numpy()
    return plain if plain.dtype.kind in "iufb" else index.tolist()


def _index(parts: Parts, reader: Reader) -> pd.Index:
    del reader
    values = parts["values"]
    dtype = None if isinstance(values, np.ndarray) else _dtype(parts["dtype"])
    return pd.Index(values, name=parts["name"], dtype=dtype)


def _dtype(name: str) -> Any:
    """The type of labels, where one has to be told which it is."""
    return name if name in ("object", "str", "string", "bool") else None


def _multi_parts(index: pd.MultiIndex) -> Parts:
    levels = [_labels(index.get_level_values(i)) for i in range(index.nlevels)]
    return {"levels": levels, "names": list(index.names)}


def _multi(parts: Parts, reader: Reader) -> pd.MultiIndex:
    del reader
    return pd.MultiIndex.from_arrays(parts["levels"], names=parts["names"])


def _series_parts(series: pd.Series) -> Parts:
    return {"values": series.to_numpy(), "index": series.index, "name": series.name}


def _series(parts: Parts, reader: Reader) -> pd.Series:
    del reader
    return pd.Series(parts["values"], index=parts["index"], name=parts["name"])


def _table_parts(table: pd.DataFrame) -> Parts:
    return {"values": table.to_numpy(), "index": table.index, "columns": table.columns}


def _table(parts: Parts, reader: Reader) -> pd.DataFrame:
    del reader
    return pd.DataFrame(parts["values"], index=parts["index"], columns=parts["columns"])


def _unkept(parts: Parts, reader: Reader) -> UnkeptRows:
    del reader
    return UnkeptRows(*map(int, parts["shape"]))


_SPARSE = (
    sparse.csc_matrix,
    sparse.csr_matrix,
    sparse.coo_matrix,
    sparse.csc_array,
    sparse.csr_array,
    sparse.coo_array,
)

_INDEX = (
    pd.Index,
    pd.DatetimeIndex,
    pd.CategoricalIndex,
    pd.TimedeltaIndex,
    pd.IntervalIndex,
)

CODECS = (
    _text("Date", dt.date, dt.date.isoformat, dt.date.fromisoformat),
    _text("DateTime", dt.datetime, dt.datetime.isoformat, dt.datetime.fromisoformat),
    _text("Timestamp", pd.Timestamp, pd.Timestamp.isoformat, pd.Timestamp),
    _text("Timedelta", pd.Timedelta, pd.Timedelta.isoformat, pd.Timedelta),
    _text("Duration", dt.timedelta, _duration_text, _duration),
    _text("Decimal", Decimal, str, Decimal),
    Codec("Interval", pd.Interval, _interval_parts, _interval),
    *(Codec("Sparse", kind, _sparse_parts, _sparse) for kind in _SPARSE),
    Codec("RangeIndex", pd.RangeIndex, _range_parts, _range),
    Codec("MultiIndex", pd.MultiIndex, _multi_parts, _multi),
    *(Codec("Index", kind, _index_parts, _index) for kind in _INDEX),
    Codec("Series", pd.Series, _series_parts, _series),
    Codec("DataFrame", pd.DataFrame, _table_parts, _table),
    Codec("UnkeptRows", UnkeptRows, lambda rows: {"shape": rows.shape}, _unkept),
)
