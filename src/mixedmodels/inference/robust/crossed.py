"""Clusters in several ways: rows are dependent if they share a cluster of any of them.

Cameron, Gelbach & Miller (2011): the sum over all sets of clusterings, of odd size with a plus and
of even size with a minus, of the covariance whose clusters are the intersections. The working
model's weights V^-1 need not be of blocks here: rows i add C x~_i e_i, with x~_i the row of V^-1 X.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from warnings import warn

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.arrays import without_offset
from mixedmodels.errors import DataError, RobustCovarianceWarning
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.notices import user_level
from mixedmodels.inference.robust.adjustment import factor
from mixedmodels.inference.robust.cluster_robust import NOTHING, require_clusters
from mixedmodels.inference.robust.clusters import Clustering
from mixedmodels.vocabulary import RobustKind

Vector = NDArray[np.float64]

FEW = 30
"""Clusters in one way below which tests reject too often (Cameron, Gelbach & Miller, section 4)."""

NEGATIVE = -1e-10
"""Eigenvalue, relative to the largest, that is a negative variance and no rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class CrossedRobust:
    """Tests by a covariance over crossed clusters.

    Attributes
    ----------
    covariance : array (p, p)
        Of beta-hat, in working coordinates.
    found : array (p, p)
        The same before negative variances were raised to zero.
    model : array (p, p)
        sigma^2 (X'V^-1 X)^-1.
    df : float
        The fewest clusters of any way, less one; infinite for z tests.
    """

    covariance: Vector
    found: Vector
    model: Vector
    df: float

    def single(self, L: Vector) -> Vector:
        """The same for all rows of `L`; nan of those of which no variance was found."""
        own, model = (np.sum((L @ C) * L, axis=1) for C in (self.found, self.model))
        return np.where(own > NOTHING * model, self.df, np.nan)

    def joint(self, L: Vector) -> tuple[float, float]:
        """Scale one and the same; nan where some combination of rows has no variance."""
        root = np.linalg.cholesky(L @ self.model @ L.T)
        half = np.linalg.solve(root, L @ self.found @ L.T)
        least = np.linalg.eigvalsh(np.linalg.solve(root, half.T))[0]
        return (1.0, self.df) if least > NOTHING else (np.nan, np.nan)

    def normal(self) -> "CrossedRobust":
        """With infinitely many degrees of freedom."""
        return replace(self, df=float(np.inf))


def crossed(fit: Fit, kind: RobustKind, clusterings: Sequence[Clustering]) -> CrossedRobust:
    """The method with the fewest clusters of any way, less one, as degrees of freedom.

    Raises
    ------
    DataError
        For CR2 and CR3, which are derived for clusters that are independent, and with one cluster.
    """
    if kind in ("CR2", "CR3"):
        raise DataError(
            f'cov="{kind}" is for clusters in one way.\n'
            'Do:   use cov="CR1" with several, or name one clustering in which all are nested.\n'
            "Why:  its adjustment makes the residuals of independent clusters unbiased; clusters "
            "that cross\n      are not independent."
        )
    for clustering in clusterings:
        require_clusters(clustering, kind, len(fit.beta))
    _warn_of_few(clusterings)
    scores = _scores(fit)
    total = np.zeros((scores.shape[1],) * 2)
    for k in range(1, len(clusterings) + 1):
        for chosen in combinations(clusterings, k):
            total += (-1) ** (k + 1) * _one_way(kind, scores, _intersection(chosen))
    df = float(min(c.count for c in clusterings) - 1)
    C = fit.cov_beta_unscaled
    return CrossedRobust(_without_negative(total, C), total, fit.sigma**2 * C, df)


def _scores(fit: Fit) -> Vector:
    """C x~_i e_i of every row (n, p)."""
    m = fit.matrices
    e = without_offset(m, m.y) - m.X @ fit.beta
    weighted = fit.problem.marginal_inverse(fit.theta).times(np.ascontiguousarray(m.X))
    return np.asarray(weighted @ fit.cov_beta_unscaled * e[:, None])


def _intersection(clusterings: Sequence[Clustering]) -> Clustering:
    found = clusterings[0]
    for other in clusterings[1:]:
        found = found.within(other)
    return found


def _one_way(kind: RobustKind, scores: Vector, clustering: Clustering) -> Vector:
    n, p = scores.shape
    sums = np.zeros((clustering.count, p))
    np.add.at(sums, clustering.codes, scores)
    return factor(kind, clustering.count, n, p) * (sums.T @ sums)


def _without_negative(covariance: Vector, C: Vector) -> Vector:
    """The covariance without negative variances: eigenvalues in the metric of C, which do not
    depend on the coding and the units of columns, are raised to zero.
    """
    root = np.linalg.cholesky(C)
    half = np.linalg.solve(root, covariance)
    values, vectors = np.linalg.eigh(np.linalg.solve(root, half.T))
    if not len(values) or values[0] >= NEGATIVE * max(values[-1], 0.0):
        return covariance
    warn(
        "The covariance over crossed clusters has negative variances, which were set to zero: "
        "there are too few clusters to tell, or the clusterings nearly coincide.",
        RobustCovarianceWarning,
        stacklevel=user_level(),
    )
    raised = root @ vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(raised @ raised.T)


def _warn_of_few(clusterings: Sequence[Clustering]) -> None:
    few = [f"{c.count} of {c.name}" for c in clusterings if c.count < FEW]
    if few:
        warn(
            f"Few clusters ({', '.join(few)}) for a covariance over crossed clusters: tests reject "
            "too often and intervals are too narrow; with fewer than "
            f"{FEW} in either way prefer the model's own covariance, whose random effects cross.",
            RobustCovarianceWarning,
            stacklevel=user_level(),
        )
