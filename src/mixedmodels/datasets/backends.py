"""A pandas frame with categorical columns as a frame of another library.

Polars and pyarrow are no dependencies, and are loaded only when a user asks for such a frame.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd

from mixedmodels.errors import DataError
from mixedmodels.vocabulary import Backend


def convert(table: pd.DataFrame, backend: Backend) -> Any:
    """The same table in the library asked for, with the levels of categorical columns in order.

    Parameters
    ----------
    table
        Columns of numbers, booleans and categories.
    backend
        The library; polars gives its categories as ``Enum``, pyarrow as dictionaries.

    Raises
    ------
    DataError
        If the library is not one of these or is not installed.
    """
    match backend:
        case "pandas":
            return table
        case "polars":
            return _polars(table, _library(backend))
        case "pyarrow":
            return _pyarrow(table, _library(backend))
    raise DataError(
        f"There is no backend {backend!r}.\n"
        'Do:   write backend="pandas", "polars" or "pyarrow".\n'
        "Why:  these are the frame libraries that the data sets can be given in."
    )


def _library(name: str) -> Any:
    if find_spec(name) is None:
        raise DataError(
            f'backend="{name}" needs {name}, which is not installed.\n'
            f'Do:   pip install {name}, or write backend="pandas".\n'
            f"Why:  {name} is an optional dependency of this package."
        )
    return import_module(name)


def _polars(table: pd.DataFrame, polars: Any) -> Any:
    columns = {}
    for name, values in table.items():
        if isinstance(values.dtype, pd.CategoricalDtype):
            kind = polars.Enum(values.cat.categories.tolist())
            columns[name] = polars.Series(name, _labels(values), dtype=kind)
        else:
            columns[name] = polars.Series(name, values.to_numpy(), nan_to_null=True)
    return polars.DataFrame(columns)


def _pyarrow(table: pd.DataFrame, pyarrow: Any) -> Any:
    columns = {}
    for name, values in table.items():
        if isinstance(values.dtype, pd.CategoricalDtype):
            codes = values.cat.codes.to_numpy().astype(np.int32)
            columns[name] = pyarrow.DictionaryArray.from_arrays(
                pyarrow.array(codes, mask=codes < 0),
                pyarrow.array(values.cat.categories.tolist(), type=pyarrow.string()),
                ordered=values.cat.ordered,
            )
        else:
            columns[name] = pyarrow.array(values.to_numpy(), from_pandas=True)
    return pyarrow.table(columns)


def _labels(values: pd.Series) -> list[str | None]:
    """The label of each row, ``None`` where it is missing."""
    levels = np.array([*values.cat.categories, None], dtype=object)
    labels: list[str | None] = levels[values.cat.codes.to_numpy()].tolist()
    return labels
