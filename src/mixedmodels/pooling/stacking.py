"""All imputations in one table, the levels of each its own: the fit that D4 needs.

The likelihood of the stack is the product of those of the data sets (Chan & Meng 2022), since the
number of the imputation becomes a factor of every grouping factor.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from mixedmodels.data import Column, Frame, as_pandas
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit, fit_model
from mixedmodels.fit.request import Request, columns_in_use
from mixedmodels.formula import Formula, parse
from mixedmodels.formula.residual import parse_residual

IMPUTATION = ".imp"
"""The column that numbers the imputations; primes are added where the data have one."""


def stacked(fits: Sequence[Fit]) -> Fit:
    """The model fitted to the stack of the data of several fits of it, by maximum likelihood.

    Raises
    ------
    DataError
        If groups of the model cannot be told apart by imputation, or rows are not kept.
    """
    requests = [fit.request for fit in fits]
    first = requests[0]
    _require_divisible(first)
    columns = [name for name in first.frame.columns if name in _used(first)]
    number = IMPUTATION
    while number in columns:
        number += "'"
    table = pd.concat([_table(r, columns, number, i) for i, r in enumerate(requests)])
    request = replace(
        first,
        formula=_divided(first.formula, number),
        residual=_divided_residual(first.residual, number),
        frame=Frame.of(table.reset_index(drop=True)),
        weights=_joined([r.weights for r in requests]),
        offset=_joined([r.offset for r in requests]),
        response=_joined([r.response for r in requests]),  # type: ignore[arg-type]
        reml=False,
        source=None,
    )
    return fit_model(request)


def _used(request: Request) -> set[str]:
    return set(columns_in_use(request, request.frame.columns))


def _table(request: Request, columns: Sequence[str], number: str, i: int) -> pd.DataFrame:
    """The columns that the model uses, factors with their levels in order, and the number."""
    data = {name: _values(request.frame.column(name)) for name in columns}
    return pd.DataFrame(data).assign(**{number: f"imputation {i + 1}"})


def _values(column: Column) -> Any:
    """As pandas takes them: numbers with nan, categories in their order."""
    if column.numbers is None or column.is_rounded:
        return as_pandas(replace(column, numbers=None))
    if column.missing is None:
        return column.numbers
    if column.kind == "boolean":
        return pd.arrays.BooleanArray(column.numbers, column.missing)
    return column.floats()


def _joined(parts: Sequence[str | ArrayLike | None]) -> str | ArrayLike | None:
    """Arrays one behind the other; a column's name stays."""
    if parts[0] is None or isinstance(parts[0], str):
        return parts[0]
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts])


def _divided(formula: Formula, number: str) -> Formula:
    """The formula with every grouping factor crossed with the number of the imputation."""
    terms = [str(replace(term, group=(*term.group, number))) for term in formula.random]
    return parse(" + ".join([f"{formula.response} ~ {formula.fixed}", *terms]))


def _divided_residual(residual: str | None, number: str) -> str | None:
    """The residual's covariance with its blocks crossed with the number."""
    if residual is None:
        return None
    term = parse_residual(residual)
    return str(replace(term, group=(*term.group, number)))


def _require_divisible(request: Request) -> None:
    special = [
        str(term)
        for term in request.formula.random
        if term.is_membership or term.structure.word == "known"
    ]
    if special:
        raise DataError(
            f"D4 cannot stack data sets of a model with {special[0]}.\n"
            'Do:   use method="D3" or "D2".\n'
            "Why:  its levels belong to a known matrix, or a row to several of them, so that "
            "they cannot\n      be made those of one imputation."
        )
