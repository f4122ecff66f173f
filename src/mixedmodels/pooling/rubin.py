"""Rubin's rules: estimates of m imputed data sets, their variance and degrees of freedom.

With estimates q_l and their covariances U_l, l = 1, …, m,

    Q = mean q_l,   U = mean U_l,   B = sum (q_l - Q)(q_l - Q)' / (m - 1),   T = U + (1 + 1/m) B

(Rubin 1987, Multiple Imputation for Nonresponse in Surveys, chapter 3). Per number, with the
relative increase of variance r = (1 + 1/m) B / U and lambda = r / (1 + r), the degrees of freedom
are (m - 1) / lambda^2, and where those of complete data are finite, Barnard & Rubin's (1999,
Biometrika 86, 948-955).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.inference.contrast import student_quantile, student_tail

Vector = NDArray[np.float64]

SAME = 1e-13
"""Relative difference of estimates that is rounding error."""


@dataclass(frozen=True, slots=True)
class Rubin:
    """Pooled estimates, k of them.

    Attributes
    ----------
    m : int
        Imputations.
    estimate : array (k,)
        Q, the mean over the imputations.
    within, between, total : array (k, k)
        U, B and T.
    df : array (k,)
        Degrees of freedom of T; infinite where the imputations agree and those of complete data
        are infinite.
    """

    m: int
    estimate: Vector
    within: Vector
    between: Vector
    total: Vector
    df: Vector

    @property
    def std_error(self) -> Vector:
        """Square roots of the diagonal of T."""
        return np.sqrt(np.diag(self.total))

    @property
    def riv(self) -> Vector:
        """Relative increase of variance due to what is missing: (1 + 1/m) B / U, (k,)."""
        return _riv(self.m, np.diag(self.within), np.diag(self.between))

    @property
    def share(self) -> Vector:
        """Lambda, the share of the variance due to what is missing: (1 + 1/m) B / T, (k,)."""
        riv = self.riv
        return np.where(np.isinf(riv), 1.0, riv / (1 + riv))

    @property
    def fmi(self) -> Vector:
        """Fraction of missing information, (r + 2 / (df + 3)) / (1 + r), (k,)."""
        riv = self.riv
        with np.errstate(invalid="ignore"):
            fmi = (riv + 2 / (self.df + 3)) / (1 + riv)
        return np.where(np.isinf(riv), 1.0, fmi)

    @property
    def statistic(self) -> Vector:
        """Estimates over their standard errors."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.estimate / self.std_error

    @property
    def p_value(self) -> Vector:
        """Two-sided, of Student's t."""
        return 2 * student_tail(self.df, np.abs(self.statistic))

    def limits(self, level: float) -> tuple[Vector, Vector]:
        """Confidence limits (k,), (k,)."""
        half = student_quantile(self.df, 0.5 + level / 2) * self.std_error
        return self.estimate - half, self.estimate + half


def rubin(estimates: Vector, covariances: Vector, df_complete: Vector) -> Rubin:
    """Pool `estimates` (m, k) with `covariances` (m, k, k).

    Parameters
    ----------
    estimates, covariances
        Of every imputation.
    df_complete : array (k,)
        Degrees of freedom that complete data would give; infinite for none.
    """
    m = len(estimates)
    within = covariances.mean(axis=0)
    away = estimates - estimates.mean(axis=0)
    away[:, np.abs(away).max(axis=0) <= SAME * np.abs(estimates).max(axis=0)] = 0.0
    between = away.T @ away / (m - 1)
    riv = _riv(m, np.diag(within), np.diag(between))
    return Rubin(
        m=m,
        estimate=estimates.mean(axis=0),
        within=within,
        between=between,
        total=within + (1 + 1 / m) * between,
        df=barnard_rubin(m, riv, df_complete),
    )


def barnard_rubin(m: int, riv: Vector, df_complete: Vector) -> Vector:
    """Degrees of freedom (k,) from the relative increases of variance and those of complete data.

    1 / df = 1 / df_old + 1 / df_obs with df_old = (m - 1) / lambda^2 and
    df_obs = (1 - lambda) df_complete (df_complete + 1) / (df_complete + 3).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(np.isinf(riv), 1.0, riv / (1 + riv))
        old = (m - 1) / share**2
        finite = np.where(np.isfinite(df_complete), df_complete, 1.0)
        observed = (1 - share) * finite * (finite + 1) / (finite + 3)
        joint = 1 / (1 / old + 1 / observed)
    found = np.where(np.isinf(df_complete), old, joint)
    return np.where(np.isnan(df_complete) | np.isnan(riv), np.nan, found)


def _riv(m: int, within: Vector, between: Vector) -> Vector:
    with np.errstate(divide="ignore", invalid="ignore"):
        riv = (1 + 1 / m) * between / within
    return np.where((between == 0) & (within == 0), 0.0, riv)
