"""Refuse models that the data cannot identify, before any fitting."""

from __future__ import annotations

import numpy as np

from mixedmodels.design.matrices import Grouping, Mask, Matrix, TermMatrix, Vector
from mixedmodels.errors import DataError
from mixedmodels.formula import RandomTerm

DEPENDENT = 1e-10
"""Relative size of what is left of a column within groups, below which it is dependent."""


def check_response(y: Vector, text: str) -> None:
    """Refuse a response that is infinite or constant."""
    finite = np.isfinite(y)
    if not finite.all():
        raise DataError(
            f"The response {text!r} is infinite or not a number in "
            f"{np.count_nonzero(~finite)} rows.\n"
            "Do:   correct these rows or leave them out; a logarithm needs positive values."
        )
    if np.all(y == y[0]):
        raise DataError(
            f"The response {text!r} has the same value, {y[0]:g}, in every row.\n"
            "Do:   check the column and the rows that were kept.\n"
            "Why:  without variation there is nothing to explain."
        )


def check_sizes(n: int, p: int) -> None:
    """Refuse as many coefficients as rows."""
    if n <= p:
        raise DataError(
            f"There are {n} rows for {p} coefficients of the fixed part.\n"
            "Do:   use fewer terms or more rows.\n"
            "Why:  nothing is left from which to estimate a variance."
        )


def check_term(
    term: RandomTerm,
    matrix: TermMatrix,
    grouping: Grouping,
    *,
    is_numeric: Mask,
    weights: Vector | None,
) -> None:
    """Refuse a random term whose variances cannot be told from the residual or each other.

    Indicators of factors (`is_numeric` false) may be constant within groups: a factor between
    groups gives each of its levels a variance of its own.
    """
    n, q = matrix.Z.shape
    levels = len(grouping.levels)
    same_weights = weights is None or bool(np.all(weights == weights[0]))
    if same_weights and n <= levels * q:
        raise DataError(
            f"The term {term} has {levels} levels"
            + (f" with {q} effects each" if q > 1 else "")
            + f", and there are {n} rows.\n"
            "Do:   leave the term out or simplify it; a factor that numbers the rows is no group.\n"
            "Why:  with an effect for every row, its variance and the residual variance cannot be "
            "told apart."
        )
    if matrix.names == ("Intercept",) or has_full_rank_group(matrix.Z, grouping):
        return
    dependent = dependent_columns(matrix.Z, grouping) & is_numeric
    if dependent.any():
        raise _dependent(term, matrix.names, int(np.argmax(dependent)))


def has_full_rank_group(Z: Matrix, grouping: Grouping) -> bool:
    """Whether the columns are independent within the largest group: a cheap sufficient test."""
    largest = int(np.bincount(grouping.codes).argmax())
    rows = Z[grouping.codes == largest]
    scale = np.abs(rows).max(axis=0)
    if not scale.all() or len(rows) < Z.shape[1]:
        return False
    singular_values = np.linalg.svd(rows / scale, compute_uv=False)
    return bool(singular_values[-1] > DEPENDENT * singular_values[0])


def dependent_columns(Z: Matrix, grouping: Grouping) -> Mask:
    """The columns that within every group are combinations of the earlier ones.

    Gram-Schmidt within all groups at once: what remains of each column after the projection on
    the earlier ones, with coefficients of its own for each group.
    """
    codes, levels = grouping.codes, len(grouping.levels)
    dependent = np.zeros(Z.shape[1], dtype=np.bool_)
    directions: list[tuple[Vector, Vector]] = []
    for column in range(Z.shape[1]):
        rest = Z[:, column] / (np.abs(Z[:, column]).max() or 1.0)
        before = float(rest @ rest)
        for direction, squares in directions:
            products = np.bincount(codes, weights=rest * direction, minlength=levels)
            rest = rest - (products / squares)[codes] * direction
        left = np.bincount(codes, weights=rest * rest, minlength=levels)
        dependent[column] = left.sum() <= DEPENDENT**2 * before
        if not dependent[column]:
            vanishing = left <= DEPENDENT**2 * left.max()
            directions.append((rest, np.where(vanishing, np.inf, left)))
    return dependent


def _dependent(term: RandomTerm, names: tuple[str, ...], column: int) -> DataError:
    name, others = names[column], names[:column]
    if not others:
        return DataError(
            f"The column {name!r} of {term} is zero in every row.\nDo:   leave it out of the term."
        )
    if others == ("Intercept",):
        what = f"The random slope of {name!r} in {term} is constant within every group."
        why = "a slope needs a covariate that varies within the groups"
    else:
        what = (
            f"The column {name!r} of {term} is, within every group, a combination of "
            f"{', '.join(others)}."
        )
        why = "their effects cannot be told apart"
    return DataError(f"{what}\nDo:   leave {name!r} out of the term.\nWhy:  {why}.")
