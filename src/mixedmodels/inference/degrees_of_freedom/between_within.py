"""Between-within degrees of freedom: those of the level of grouping at which a column varies.

Schluchter & Elashoff (1990), Journal of Statistical Computation and Simulation 37, 69-87; Pinheiro
& Bates (2000), Mixed-Effects Models in S and S-PLUS, page 91, for several nested levels. With N_g
groups at level g = 1, ..., G, from the outside in, N_{G+1} = n rows, and p_g columns that are
constant in the groups of level g but not in those of g - 1,

    df_g = N_g - (N_{g-1} + p_g),    N_0 = 1 with an intercept and 0 without,

and the intercept has those of the innermost level, G + 1. What nlme and mmrm report.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import Grouping, ModelMatrices
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.once import once
from mixedmodels.inference.degrees_of_freedom.by_coefficient import ByCoefficient, by_coefficient

Vector = NDArray[np.float64]

SAME = 8 * float(np.finfo(np.float64).eps)
"""Difference, relative to the largest value of a column, of values that are the same."""


def between_within(fit: Fit) -> ByCoefficient:
    """The method at a fit by REML or ML.

    Raises
    ------
    DataError
        If the groups are not nested in each other.
    """
    return by_coefficient(fit, between_within_df(fit))


@once
def between_within_df(fit: Fit) -> Vector:
    """Degrees of freedom (p,) of the columns of the formula."""
    m = fit.matrices
    return level_df(m.coordinates.original(m.X), nested_groupings(m))


def level_df(X: Vector, groupings: Sequence[Grouping]) -> Vector:
    """Degrees of freedom (p,) of the columns of `X` (n, p), given groupings from the outside in."""
    n, innermost = len(X), len(groupings)
    is_constant = _is_constant(X, np.zeros(n, dtype=np.int32))
    level = np.full(X.shape[1], innermost)
    for g in reversed(range(innermost)):
        level[_is_constant(X, groupings[g].codes)] = g
    level[is_constant] = innermost
    sizes = np.array([int(is_constant.any()), *(len(g.levels) for g in groupings), n])
    estimated = np.bincount(level[~is_constant], minlength=innermost + 1)
    df = sizes[1:] - (sizes[:-1] + estimated)
    found: Vector = df[level].astype(np.float64)
    return found


def _is_constant(X: Vector, codes: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Whether each column has one value per level."""
    first = np.zeros((int(codes.max(initial=-1)) + 1, X.shape[1]))
    first[codes] = X
    tolerance = SAME * np.abs(X).max(axis=0, initial=0.0)
    return np.asarray(np.all(np.abs(X - first[codes]) <= tolerance, axis=0))


def nested_groupings(m: ModelMatrices) -> list[Grouping]:
    """The groupings of the model from the outside in, blocks of residuals among them; one level, or
    one per row, is no grouping.

    Raises
    ------
    DataError
        If one is not within the other, or rows belong to several levels of one.
    """
    n = len(m.y)
    several = [m.groupings[term.group].name for term in m.terms if term.members is not None]
    if several:
        raise _crossed(several[0], f"rows belong to several levels of {several[0]}")
    inner = [g for g in (*m.groupings, *_blocks(m)) if 1 < len(g.levels) < n]
    found: list[Grouping] = []
    for grouping in sorted(inner, key=lambda g: len(g.levels)):
        if found and not grouping.is_within(found[-1]):
            outer = found[-1].name
            what = f"levels of {grouping.name} lie in several of {outer}"
            raise _crossed(f"{outer} and {grouping.name}", what)
        if not found or len(grouping.levels) > len(found[-1].levels):
            found.append(grouping)
    return found


def _blocks(m: ModelMatrices) -> list[Grouping]:
    """The blocks of correlated residuals."""
    found = m.residual
    if found is None or found.structure is None or not found.group:
        return []
    codes = np.unique(found.codes, return_inverse=True)[1].astype(np.int32)
    return [Grouping(found.group, (), codes, tuple(range(int(codes.max()) + 1)))]


def _crossed(names: str, what: str) -> DataError:
    return DataError(
        f"{names}: the groups are not nested, as {what}.\n"
        'Do:   use ddf="containment", "satterthwaite" or "kenward-roger".\n'
        "Why:  between-within degrees of freedom go by the level of grouping at which a column "
        "varies."
    )
