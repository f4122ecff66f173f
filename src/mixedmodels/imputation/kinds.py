"""Which model a column has by the values in it."""

from __future__ import annotations

import numpy as np

from mixedmodels.data import Column, Frame
from mixedmodels.errors import DataError
from mixedmodels.families import Family, family_of
from mixedmodels.vocabulary import FamilyName

LARGEST = 2.0**53
"""Whole numbers beyond which a float does not hold every one."""


def family_for(frame: Frame, name: str, asked: FamilyName | None) -> Family | None:
    """The family of a column's model: None for a linear one.

    Numbers have linear models, but for a column of nothing but 0 and 1; truth values and factors of
    two levels are binomial, ordered factors ordinal.

    Raises
    ------
    DataError
        If there is no model for what the column holds, or the family does not fit it.
    """
    column = frame.column(name)
    if column.is_rounded or _is_beyond(column):
        raise DataError(
            f"The column {name!r} holds whole numbers that a float does not hold.\n"
            "Do:   leave identifiers out of the formulas for imputation."
        )
    if column.kind == "time":
        raise DataError(
            f"The column {name!r} holds dates, which are not imputed.\n"
            "Do:   make it a number first, such as days since the start."
        )
    if asked is not None:
        family = family_of(asked, None)
        return None if family.name == "gaussian" else _checked(name, column, family)
    if column.kind == "boolean" or _is_binary(column):
        return family_of("binomial", None)
    if column.codes is None:
        return None
    if frame.is_ordered(name):
        return family_of("ordinal", None)
    raise DataError(
        f"The column {name!r} has {len(column.codes.without_unused().values)} levels without an "
        "order, for which there is no model.\n"
        f'Do:   make it an ordered factor, say families={{{name!r}: "ordinal"}} if its levels have '
        "an order,\n      or impute it elsewhere and pass the completed tables to lmm."
    )


def _is_binary(column: Column) -> bool:
    if column.codes is not None:
        return len(column.codes.without_unused().values) == 2
    if column.numbers is None:
        return False
    there = column.numbers if column.missing is None else column.numbers[~column.missing]
    return bool(np.isin(there, (0, 1)).all()) and len(np.unique(there)) == 2


def _is_beyond(column: Column) -> bool:
    numbers = column.numbers
    if numbers is None or numbers.dtype.kind not in "iu":
        return False
    there = numbers if column.missing is None else numbers[~column.missing]
    return bool(len(there)) and float(np.abs(there.astype(np.float64)).max()) > LARGEST


def _checked(name: str, column: Column, family: Family) -> Family:
    """Refuse families whose draws are not values of the column."""
    is_count = family.response == "count" and column.numbers is not None
    is_trials = family.response == "trials" and family.name == "binomial"
    if is_count or family.response in ("ordered", "positive", "unit", "real"):
        return family
    if is_trials and (column.kind == "boolean" or _is_binary(column)):
        return family
    raise DataError(
        f"The column {name!r} cannot be imputed by the family {family.name}.\n"
        "Do:   give binomial for two values, poisson or nb2 for counts, ordinal for ordered "
        "levels."
    )
