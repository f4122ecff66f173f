"""Codings of categorical columns that the caller chose by name or by matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from formulaic.transforms.contrasts import (
    Contrasts as Coding,
)
from formulaic.transforms.contrasts import (
    CustomContrasts,
    DiffContrasts,
    HelmertContrasts,
    PolyContrasts,
    SumContrasts,
    TreatmentContrasts,
    encode_contrasts,
)

from mixedmodels.data import Codes, label
from mixedmodels.design.contrast_tables import read_contrasts
from mixedmodels.design.names import near_matches
from mixedmodels.errors import DataError
from mixedmodels.vocabulary import ContrastName, Contrasts

NAMED: Mapping[str, type[Coding]] = {
    "treatment": TreatmentContrasts,
    "sum": SumContrasts,
    "helmert": HelmertContrasts,
    "poly": PolyContrasts,
    "diff": DiffContrasts,
}


@dataclass(frozen=True, slots=True)
class Encoder:
    """Encodes a column with a chosen coding when formulaic asks; picklable, unlike a closure."""

    coding: Coding

    def __call__(
        self,
        values: Any,
        reduced_rank: bool,
        drop_rows: Sequence[int],
        encoder_state: dict[str, Any],
        model_spec: Any,
    ) -> Any:
        """The columns of the coding, or indicators where the factor must span the intercept."""
        return encode_contrasts(
            values,
            contrasts=self.coding if reduced_rank else TreatmentContrasts(),
            reduced_rank=reduced_rank,
            _state=encoder_state,
            _spec=model_spec,
        )


def codings(contrasts: Contrasts | None, factors: Mapping[str, Codes | None]) -> dict[str, Coding]:
    """The coding of each column that `contrasts` names.

    Parameters
    ----------
    contrasts
        Column to name of a coding, or to a matrix with one row per level; rows that have names
        belong to the levels that they name (see `read_contrasts`).
    factors
        The columns that the formula uses outside of groups; None for those that are numeric.

    Raises
    ------
    DataError
        If a column is not used or numeric, a name is unknown, or a matrix does not fit.
    """
    if contrasts is not None and not isinstance(contrasts, Mapping):
        raise DataError(
            f"contrasts is of type {type(contrasts).__name__}.\n"
            'Do:   pass a dict from columns to codings, as {"recipe": "sum"}.'
        )
    chosen: dict[str, Coding] = {}
    for column, contrast in (contrasts or {}).items():
        if column not in factors:
            raise DataError(
                f"contrasts names {column!r}, which the formula does not use."
                f"{near_matches(str(column), tuple(factors))}\n"
                "Do:   name a categorical column of the fixed part or the left side of a bar."
            )
        factor = factors[column]
        if factor is None:
            raise DataError(
                f"contrasts names {column!r}, which is numeric.\n"
                f"Do:   write C({column}, contr.sum) in the formula, or make the column "
                "categorical."
            )
        if isinstance(contrast, tuple) and len(contrast) == 2 and isinstance(contrast[0], str):
            chosen[column] = _reference_coding(column, contrast, factor)
        else:
            chosen[column] = _coding(column, contrast, factor.values)
    return chosen


def _reference_coding(column: str, contrast: tuple[Any, ...], factor: Codes) -> Coding:
    """Treatment coding with a reference level of the caller's choice."""
    name, level = contrast
    if name != "treatment":
        raise DataError(
            f"The coding {name!r} of {column!r} has no reference level.\n"
            f'Do:   use ("treatment", level), or {name!r} alone.'
        )
    number = level_index(factor.values, level)
    if number is None:
        listed = ", ".join(map(repr, factor.values[:12])) + (", …" if factor.values[12:] else "")
        raise DataError(
            f"The reference level {level!r} of {column!r} does not occur."
            f"{near_matches(str(level), factor.levels)}\n"
            f"Do:   use one of {listed}."
        )
    return TreatmentContrasts(base=factor.values[number])


def level_index(levels: Sequence[Any], wanted: object) -> int | None:
    """The number of a level that somebody wrote, by its value or else by how it reads."""
    for number, level in enumerate(levels):
        if type(level) is type(wanted) and level == wanted:
            return number
    texts = [label(level) for level in levels]
    return texts.index(label(wanted)) if label(wanted) in texts else None


def _coding(column: str, contrast: Any, levels: Sequence[Any]) -> Coding:
    if isinstance(contrast, str):
        if contrast not in NAMED:
            known = ", ".join(get_args(ContrastName))
            raise DataError(
                f"There is no contrast {contrast!r} (for {column!r})."
                f"{near_matches(contrast, NAMED)}\n"
                f"Do:   use one of {known}, or a matrix with one row per level."
            )
        return NAMED[contrast]()
    return table_coding(column, contrast, levels)


def table_coding(column: str, contrast: Any, levels: Sequence[Any]) -> Coding:
    """The coding that a table gives, whose rows belong to the levels that they name.

    Raises
    ------
    DataError
        If it is no matrix of numbers that codes these levels.
    """
    table, n_levels = read_contrasts(column, contrast, levels), len(levels)
    matrix = table.matrix
    if matrix.dtype.kind not in "fiu" or matrix.ndim != 2 or not np.isfinite(matrix).all():
        raise DataError(
            f"The contrasts of {column!r} are not a matrix of finite numbers.\n"
            "Do:   pass a two-dimensional array, one row per level."
        )
    with_constant = np.column_stack([np.ones(len(matrix)), matrix])
    fits = matrix.shape[0] == n_levels and matrix.shape[1] < n_levels
    if not fits or np.linalg.matrix_rank(with_constant) <= matrix.shape[1]:
        raise DataError(
            f"The contrasts of {column!r} are a {matrix.shape[0]} x {matrix.shape[1]} matrix.\n"
            f"Do:   give one row for each of the {n_levels} levels and at most {n_levels - 1} "
            "columns, independent of each other and of a constant."
        )
    return CustomContrasts(matrix.astype(np.float64), table.names)
