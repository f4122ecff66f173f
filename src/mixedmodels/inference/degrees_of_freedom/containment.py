"""Containment: degrees of freedom from the rank of the random effects that contain a column.

SAS/STAT User's Guide, The MIXED Procedure, DDFM=CONTAIN. A random effect is the columns of one
bar that belong to one term of its left side, spread over the levels of the group. Of those that
contain a column of X the smallest contribution to the rank of [X Z], effects taken in formula
order, is its number of degrees of freedom; without one it is n - rank[X Z]. SAS goes by names, so
that a factor is contained in what is written as its interaction; here an effect contains a column
that is a combination of its columns, whatever they are called.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lapack

from mixedmodels.design import Grouping, ModelMatrices, TermMatrix
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.once import once
from mixedmodels.inference.degrees_of_freedom.by_coefficient import ByCoefficient, by_coefficient

Vector = NDArray[np.float64]

INSIDE = 1e-9
"""Relative size of what a column leaves outside an effect that contains it."""

RANK = 1e-9
"""Pivot, with columns of length one, below which a column repeats others."""

MOST_COLUMNS = 6000
"""Columns of [X Z] whose rank is found in seconds."""


@dataclass(frozen=True, slots=True)
class RandomEffect:
    """Columns `Z` (n, s) that stand for one effect per level of the grouping."""

    grouping: Grouping
    Z: Vector

    def contains(self, x: Vector) -> bool:
        """Whether `x` (n,) is a combination of the columns within every level."""
        left = x
        for _ in range(2):  # the second time for the digits
            left = left - self._projection(left)
        return bool(np.linalg.norm(left) <= INSIDE * np.linalg.norm(x))

    def _projection(self, x: Vector) -> Vector:
        codes, levels = self.grouping.codes, len(self.grouping.levels)
        s = self.Z.shape[1]
        gram = np.zeros((levels, s, s))
        right = np.zeros((levels, s))
        for i in range(s):
            right[:, i] = np.bincount(codes, self.Z[:, i] * x, minlength=levels)
            for j in range(s):
                gram[:, i, j] = np.bincount(codes, self.Z[:, i] * self.Z[:, j], minlength=levels)
        factors = np.einsum("gij,gj->gi", np.linalg.pinv(gram, hermitian=True), right)
        return np.asarray(np.sum(self.Z * factors[codes], axis=1))

    def spread(self) -> sparse.csr_array:
        """The columns (n, levels s), each over the rows of one level."""
        n, s = self.Z.shape
        at = self.grouping.codes[:, None] * s + np.arange(s)
        shape = (n, s * len(self.grouping.levels))
        rows = np.repeat(np.arange(n), s)
        return sparse.csr_array((self.Z.ravel(), (rows, at.ravel())), shape=shape)


def containment(fit: Fit) -> ByCoefficient:
    """The method at a fit by REML or ML.

    Raises
    ------
    DataError
        If the rank of [X Z] would take minutes to find, or rows belong to several levels.
    """
    return by_coefficient(fit, containment_df(fit))


@once
def containment_df(fit: Fit) -> Vector:
    """Degrees of freedom (p,) of the columns of the formula."""
    m = fit.matrices
    if any(term.members is not None for term in m.terms):
        raise DataError(
            "Containment is not defined for rows that belong to several levels of a group.\n"
            'Do:   use ddf="satterthwaite" or "kenward-roger".'
        )
    X = m.coordinates.original(m.X)
    effects = list(random_effects(m))
    ranks = ranks_with(m, effects)
    gains = np.diff(ranks)
    df = np.full(X.shape[1], float(len(X) - ranks[-1]))
    for j, x in enumerate(X.T):
        inside = [gain for e, gain in zip(effects, gains, strict=True) if e.contains(x)]
        df[j] = min(inside, default=df[j])
    return df


def random_effects(m: ModelMatrices) -> Iterator[RandomEffect]:
    """The effects of every bar, in formula order."""
    for term in m.terms:
        Z = term.coordinates.original(term.Z)
        for columns in _columns_by_effect(term):
            yield RandomEffect(m.groupings[term.group], np.ascontiguousarray(Z[:, columns]))


def _columns_by_effect(term: TermMatrix) -> Iterator[list[int]]:
    """Columns of one term of the left side: ``f[T.b]:x`` and ``f[T.c]:x`` are of ``f:x``."""
    names = [re.sub(r"\[[^\]]*\]", "", name) for name in term.names]
    for _, columns in groupby(range(len(names)), key=lambda j: names[j]):
        yield list(columns)


def ranks_with(m: ModelMatrices, effects: list[RandomEffect]) -> list[int]:
    """The rank of X, and of X with the first, the first two, ... effects."""
    spreads = [effect.spread() for effect in effects]
    sizes = np.cumsum([m.X.shape[1], *(Z.shape[1] for Z in spreads)])
    if sizes[-1] > MOST_COLUMNS:
        raise DataError(
            f"Containment needs the rank of [X Z], of {sizes[-1]:,} columns.\n"
            'Do:   use ddf="satterthwaite" or "normal", which is good enough with this many '
            "levels.\n"
            f"Why:  the work grows with the cube of the columns, and {MOST_COLUMNS:,} are allowed."
        )
    whole = sparse.hstack([sparse.csr_array(m.X), *spreads]).tocsc()
    gram = (whole.T @ whole).toarray()
    size = np.sqrt(np.diag(gram))
    gram /= np.outer(np.where(size > 0, size, 1.0), np.where(size > 0, size, 1.0))
    return [_rank(gram[:end, :end]) for end in sizes]


def _rank(gram: Vector) -> int:
    if not len(gram):
        return 0
    return int(lapack.dpstrf(gram, tol=RANK)[2])
