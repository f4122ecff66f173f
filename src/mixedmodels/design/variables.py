"""The columns that the fixed part and the left sides of the bars use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from formulaic.materializers.types import FactorValues
from formulaic.transforms.contrasts import Contrasts as Coding
from numpy.typing import NDArray

from mixedmodels.data import Codes, Column
from mixedmodels.design.contrasts import Encoder
from mixedmodels.errors import DataError
from mixedmodels.shortening import brief


@dataclass(frozen=True, slots=True)
class Variable:
    """What a fit remembers of one column.

    Attributes
    ----------
    name
        Its name.
    kind
        ``"boolean"`` columns enter as 0 and 1.
    levels
        The levels of a categorical column in order, otherwise empty.
    mean
        The mean of a numeric or boolean column over the kept rows, otherwise None.
    """

    name: str
    kind: Literal["number", "boolean", "category"]
    levels: tuple[Any, ...]
    mean: float | None

    __repr__ = brief


@dataclass(frozen=True)
class Variables:
    """Complete columns of equal length, in the forms in which formulas are evaluated.

    Attributes
    ----------
    columns
        By name, without missing values; the codes of categorical ones have no unused level.
    nrows
        Their length.
    codings
        The coding of the categorical columns for which the caller chose one.
    functions
        The functions and numbers of the caller's that the formula may use.
    """

    columns: Mapping[str, Column]
    nrows: int
    codings: Mapping[str, Coding]
    functions: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for column in self.columns.values():
            if column.kind == "time":
                raise _is_time(column.name)

    @cached_property
    def constant(self) -> NDArray[np.float64]:
        """A column (nrows, 1) of ones, shared by all parts that are nothing else."""
        ones = np.ones((self.nrows, 1), order="F")
        ones.flags.writeable = False
        return ones

    def is_number(self, name: str) -> bool:
        """Whether the name is that of a numeric or boolean column."""
        return name in self.columns and self.columns[name].numbers is not None

    def numbers(self, name: str) -> NDArray[Any]:
        """The values of a numeric or boolean column."""
        numbers = self.columns[name].numbers
        if numbers is None:
            raise ValueError(f"column {name!r} is not numeric")
        return numbers

    def is_rounded(self, name: str) -> bool:
        """Whether the name is that of a column of numbers with more digits than doubles have."""
        return name in self.columns and self.columns[name].is_rounded

    def raw(self, name: str) -> NDArray[Any] | pd.Categorical:
        """The values of a column as they are in the data: numbers, booleans, or a factor."""
        column = self.columns[name]
        if column.numbers is None and column.codes is not None:
            return _categorical(column.codes)
        return self.numbers(name)

    def factor(self, name: str) -> Any:
        """The values of a column as a factor of its own: floats, or categories."""
        values = self.raw(name)
        if isinstance(values, np.ndarray):
            return values.astype(np.float64, copy=False)
        values = pd.Series(values)
        if name not in self.codings:
            return values
        encoder = Encoder(self.codings[name])
        return FactorValues(values, kind="categorical", spans_intercept=True, encoder=encoder)

    def summary(self, names: Iterable[str]) -> dict[str, Variable]:
        """What a fit remembers of some columns."""
        return {name: _remember(self.columns[name]) for name in names}


def _categorical(codes: Codes) -> pd.Categorical:
    categories = pd.Index(codes.values, dtype=object)
    return pd.Categorical.from_codes(codes.codes, categories=categories)


def _remember(column: Column) -> Variable:
    if column.numbers is None and column.codes is not None:
        return Variable(column.name, "category", column.codes.values, None)
    kind: Literal["number", "boolean"] = "boolean" if column.kind == "boolean" else "number"
    return Variable(column.name, kind, (), _mean(column.numbers))


def _mean(numbers: NDArray[Any] | None) -> float:
    """The same as ``np.mean``, which takes longer for a few numbers; nan of none."""
    if numbers is None or not len(numbers):
        return float("nan")
    return float(np.add.reduce(numbers, dtype=np.float64) / len(numbers))


def _is_time(name: str) -> DataError:
    return DataError(
        f"Column {name!r} holds dates or durations, which have no unit to enter a model in.\n"
        "Do:   make a numeric column of it, such as days since the first date."
    )
