"""A cluster-robust covariance as a method of tests: covariance, degrees of freedom, joint tests.

Under the working model the estimated variance of l'beta-hat is a quadratic form in normal
residuals, l'Cov l = factor sum_j (p_j'e)^2, and with sigma^2 = 1

    p_i'Var(e) p_j = [i = j] d_i - f_i'f_j,   d_i = |half_i l|^2,   f_i = C^1/2' X_i'N_i l,

whose moments are sums over clusters, not over pairs of them:

    df = 2 E^2 / Var = (sum_i d_i - |f_i|^2)^2 / (sum_i d_i^2 - 2 d_i |f_i|^2  +  |F'F|^2).

Pustejovsky & Tipton (2018), sections 3.1 and 4.2; Zhang (2013), Journal of Applied Statistics 40.
"""

from dataclasses import dataclass, replace
from warnings import warn

import numpy as np
from numpy.typing import NDArray

from mixedmodels.errors import DataError, RobustCovarianceWarning
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.notices import user_level
from mixedmodels.inference.robust.adjustment import adjusted, factor
from mixedmodels.inference.robust.blocks import blocks
from mixedmodels.inference.robust.clusters import Clustering
from mixedmodels.inference.robust.hotelling import Scatter, hotelling_df
from mixedmodels.inference.robust.many_rows import of_many_rows
from mixedmodels.vocabulary import DegreesOfFreedom, RobustKind

Vector = NDArray[np.float64]
Int = NDArray[np.int64]

NOTHING = 1e-8
"""Share of a variance that the clusters tell of, below which they tell nothing."""

LITTLE = 0.5
"""Share below which what the clusters tell is no estimate of the variance any more."""

MOST = 50_000_000
"""Numbers of one array of products of columns."""


@dataclass(frozen=True, slots=True, eq=False)
class ClusterRobust:
    """Tests by a cluster-robust covariance.

    Attributes
    ----------
    covariance : array (p, p)
        Of beta-hat, in working coordinates.
    count : int
        Clusters m.
    C : array (p, p)
        (X'V^-1 X)^-1.
    N, half : arrays (R, p)
        Of all clusters, one after the other; see `adjustment.Adjusted`.
    X : array (R, p)
        X_j C^1/2.
    starts : array (m,)
        Where each cluster begins.
    ddf : str
        ``"satterthwaite"``, ``"clusters"`` (m - 1) or ``"normal"``.
    """

    covariance: Vector
    count: int
    C: Vector
    N: Vector
    half: Vector
    X: Vector
    starts: Int
    ddf: DegreesOfFreedom = "satterthwaite"

    def by(self, ddf: DegreesOfFreedom) -> "ClusterRobust":
        """The same covariance with other degrees of freedom."""
        return replace(self, ddf=ddf)

    def single(self, L: Vector) -> Vector:
        """Degrees of freedom of the rows of `L`; nan of those whose variance the clusters do not
        tell, as one of them alone determines the row.
        """
        mean, spread = self._moments(L)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = mean / np.sum((L @ self.C) * L, axis=1)
            is_told = (share > NOTHING) & (spread > 0)
            _warn_of_little(share[is_told])
            return np.where(is_told, self._reference(2 * mean**2 / spread), np.nan)

    def _moments(self, L: Vector) -> tuple[Vector, Vector]:
        """Mean and variance (k,) of the estimated variance of every row."""
        p = L.shape[1]
        if len(L) > p**2 and self.N.size * p <= MOST:
            return of_many_rows(L, self.half, self.N, self.X, self.starts)
        alone = [self._scatter(row[None]) for row in L]
        return (
            np.array([one.mean()[0, 0] for one in alone], dtype=np.float64),
            np.array([one.spread() for one in alone], dtype=np.float64),
        )

    def joint(self, L: Vector) -> tuple[float, float]:
        """Scale and degrees of freedom of F by Hotelling's T^2; nan where clusters are too few."""
        q = len(L)
        if q == 1:
            return 1.0, float(self.single(L)[0])
        mean = self._scatter(L).mean()
        root = np.linalg.cholesky(L @ self.C @ L.T)
        told = np.linalg.eigvalsh(np.linalg.solve(root, np.linalg.solve(root, mean).T))
        if told[0] <= NOTHING or q >= self.count:
            return np.nan, np.nan
        _warn_of_little(told[:1])
        if self.ddf != "satterthwaite":
            return 1.0, float(self._reference(np.array(np.nan)))
        unit = np.linalg.solve(np.linalg.cholesky(mean), L)
        df = hotelling_df(self._scatter(unit))
        return ((df - q + 1) / df, df - q + 1) if df > q - 1 else (np.nan, np.nan)

    def _reference(self, satterthwaite: Vector) -> Vector:
        """Satterthwaite's degrees of freedom, or what stands in their place."""
        if self.ddf == "satterthwaite":
            return satterthwaite
        constant = float(self.count - 1) if self.ddf == "clusters" else np.inf
        return np.full_like(satterthwaite, constant)

    def _scatter(self, L: Vector) -> Scatter:
        half, N = self.half @ L.T, self.N @ L.T
        d = np.add.reduceat(half[:, :, None] * half[:, None, :], self.starts)
        f = np.stack([np.add.reduceat(N[:, [s]] * self.X, self.starts) for s in range(len(L))])
        return Scatter(d, f)


def cluster_robust(fit: Fit, kind: RobustKind, clustering: Clustering) -> ClusterRobust:
    """The method at a linear fit, over clusters that are independent in its model.

    Raises
    ------
    DataError
        If there are too few clusters for any variance.
    """
    n, p = fit.matrices.X.shape
    require_clusters(clustering, kind, p)
    C = fit.cov_beta_unscaled
    root = np.linalg.cholesky(C) if p else C
    parts: list[tuple[Vector, Vector, Vector]] = []
    lengths, scores = [], np.empty((clustering.count, p))
    for block in blocks(fit, clustering, whitens=kind != "CR2"):
        found = adjusted(kind, block, C)
        scores[block.clusters] = np.einsum("grp,gr->gp", found.N, block.e)
        parts.append((_flat(found.N), _flat(found.half), _flat(block.X) @ root))
        lengths += [block.X.shape[1]] * len(block.clusters)
    N, half, X = (np.concatenate(part) for part in zip(*parts, strict=True))
    return ClusterRobust(
        covariance=factor(kind, clustering.count, n, p) * (scores.T @ scores),
        count=clustering.count,
        C=C,
        N=N,
        half=half,
        X=X,
        starts=np.cumsum([0, *lengths[:-1]], dtype=np.int64),
    )


def require_clusters(clustering: Clustering, kind: RobustKind, p: int) -> None:
    """Refuse so few clusters that nothing varies between them, or a factor has no value.

    Raises
    ------
    DataError
        If there is one cluster, or for CR1p no more clusters than coefficients.
    """
    m = clustering.count
    if m < 2:
        raise DataError(
            f"There is one cluster only ({clustering.name}).\n"
            "Do:   name finer clusters, or leave cov= out.\n"
            "Why:  a cluster-robust covariance is estimated from the differences between clusters."
        )
    if kind == "CR1p" and m <= p:
        raise DataError(
            f'cov="CR1p" needs more clusters than the {p} coefficients, and {clustering.name} has '
            f'{m}.\nDo:   use cov="CR2".\n'
            "Why:  it divides by the clusters less the coefficients."
        )


def _warn_of_little(share: Vector) -> None:
    """Say where the clusters are expected to tell less than half of a variance."""
    if not (share < LITTLE).any():
        return
    warn(
        f"A cluster-robust variance is too small: if the model is right, {share.min():.0%} of it "
        "is expected.\n"
        "Do:   take the model's own covariance for this test (leave cov= out); with few clusters "
        'cov="CR2".\n'
        "Why:  one cluster alone determines a part of what is tested, as where one is treated, "
        "and its\n      residuals leave nothing to estimate the variance of that part from.",
        RobustCovarianceWarning,
        stacklevel=user_level(),
    )


def _flat(stack: Vector) -> Vector:
    return stack.reshape(stack.shape[0] * stack.shape[1], stack.shape[2])
