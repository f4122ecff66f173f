"""The one path of every test of fixed effects: L beta = c, by t for one row and by F for several.

A method of degrees of freedom gives the covariance of beta-hat that a test uses, the degrees of
freedom of single rows, and those and a scale of the joint F. Coefficients, rows of analysis of
variance and contrasts all come through here, so that they cannot disagree.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.degrees_of_freedom import TestMethod, method_of
from mixedmodels.options import require_probability

Vector = NDArray[np.float64]

RANK = 1e-10
"""Eigenvalues of L Cov L', with rows scaled to unit variance, below which a row repeats others."""

SINGULAR = 1e-12
"""Eigenvalue of L Cov L', with rows scaled to unit variance, that is rounding of zero."""


NO_HYPOTHESIS = (
    "The hypothesis has no coefficient with a nonzero factor: there is nothing to test.\n"
    "Do:   give at least one row of L that is not zero."
)

CONTRADICTION = (
    "The constraints of the hypothesis contradict each other: no coefficients satisfy them all.\n"
    "Do:   remove the constraints that repeat others with another value."
)


@dataclass(frozen=True, slots=True)
class FTest:
    """One joint test.

    Attributes
    ----------
    statistic : float
        F, scaled where the method scales it (Kenward and Roger).
    num_df : int
        Rank of the hypothesis.
    den_df : float
        Denominator degrees of freedom, infinite where the reference is chi-square.
    p_value : float
        Upper tail.
    unscaled : float
        The Wald statistic over its rank: F where the method does not scale it.
    """

    statistic: float
    num_df: int
    den_df: float
    p_value: float
    unscaled: float


NOTHING_TO_TEST = FTest(np.nan, 0, np.nan, np.nan, np.nan)
"""The test of a term that the others determine, or, with its rank, of one that nothing tells the
variance of.
"""


@dataclass(frozen=True, slots=True)
class TTests:
    """One test per row of L; every attribute is an array (k,).

    Attributes
    ----------
    estimate
        L beta - c.
    std_error
        From the covariance that the method of degrees of freedom uses.
    df
        Infinite for the normal reference.
    statistic
        The estimate over its standard error.
    p_value
        Two-sided.
    conf_low, conf_high
        Limits of L beta - c.
    """

    estimate: Vector
    std_error: Vector
    df: Vector
    statistic: Vector
    p_value: Vector
    conf_low: Vector
    conf_high: Vector


def t_tests(
    fit: Fit,
    L: Vector,
    *,
    ddf: TestMethod,
    rhs: Vector | None = None,
    level: float = 0.95,
) -> TTests:
    """Test every row of `L` (k, p) on its own against `rhs` (k,), by default zero.

    A row is one of X, in its working coordinates: of coefficients by name it is
    ``fit.matrices.coordinates.columns(L)``.

    Raises
    ------
    DataError
        If `level` is not between 0 and 1, or the method cannot be used with this fit.
    """
    require_probability("level", level)
    method = method_of(fit, ddf)
    estimate = L @ fit.beta - (0.0 if rhs is None else rhs)
    std_error = np.sqrt(np.sum((L @ method.covariance) * L, axis=1))
    df = np.where(np.isnan(std_error), np.nan, method.single(L))
    std_error = _without_rounding(fit, L, std_error, df)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = estimate / std_error
    half = student_quantile(df, 0.5 + level / 2) * std_error
    return TTests(
        estimate=estimate,
        std_error=std_error,
        df=df,
        statistic=statistic,
        p_value=2 * student_tail(df, np.abs(statistic)),
        conf_low=estimate - half,
        conf_high=estimate + half,
    )


def _without_rounding(fit: Fit, L: Vector, std_error: Vector, df: Vector) -> Vector:
    """Standard errors without those of zero but for rounding, of rows that have no test as nothing
    tells their variance: a zero would say that they are known exactly.
    """
    untold = np.isnan(df)
    if not untold.any():
        return std_error
    model = fit.sigma**2 * np.sum((L @ fit.cov_beta_unscaled) * L, axis=1)
    return np.where(untold & (std_error**2 <= SINGULAR * model), np.nan, std_error)


def f_test(fit: Fit, L: Vector, *, ddf: TestMethod, rhs: Vector | None = None) -> FTest:
    """Test L beta = rhs jointly; rows of `L` (k, p), as in `t_tests`, that repeat others do not
    count.

    Raises
    ------
    DataError
        If `L` is zero, the constraints contradict each other, or the method cannot be used with
        this fit.
    """
    method = method_of(fit, ddf)
    if not np.isfinite(method.covariance).all():
        return replace(NOTHING_TO_TEST, num_df=int(np.linalg.matrix_rank(L)))
    L, rhs = independent_rows(L, np.zeros(len(L)) if rhs is None else rhs, fit)
    difference = L @ fit.beta - rhs
    scale, den_df = method.joint(L)
    variance = L @ method.covariance @ L.T
    if np.isnan(den_df) or _is_singular(variance):
        return replace(NOTHING_TO_TEST, num_df=len(L))
    wald = float(difference @ np.linalg.solve(variance, difference))
    k, unscaled = len(L), wald / len(L)
    p_value = f_tail(scale * unscaled, k, den_df)
    return FTest(scale * unscaled, k, den_df, p_value, unscaled)


def student_tail(df: Vector, t: Vector) -> Vector:
    """P(T > t); normal where df is infinite, nan where it is nan."""
    finite = np.isfinite(df)
    inner = special.stdtr(np.where(finite, df, 1.0), -t)
    tail: Vector = np.where(finite, inner, np.where(np.isnan(df), np.nan, special.ndtr(-t)))
    return tail


def student_quantile(df: Vector, probability: float) -> Vector:
    """Quantile of Student's t; normal where df is infinite, nan where it is nan."""
    finite = np.isfinite(df)
    inner = special.stdtrit(np.where(finite, df, 1.0), probability)
    normal = np.where(np.isnan(df), np.nan, special.ndtri(probability))
    quantile: Vector = np.where(finite, inner, normal)
    return quantile


def f_tail(statistic: float, num_df: int, den_df: float) -> float:
    """P(F > statistic); chi-square over `num_df` where `den_df` is infinite, nan where it is nan or
    not above zero.
    """
    if np.isinf(den_df):
        return float(special.chdtrc(num_df, num_df * statistic))
    return float(special.fdtrc(num_df, den_df, statistic)) if den_df > 0 else float("nan")


def _is_singular(variance: Vector) -> bool:
    """Whether the covariance of rows, which is not the model's, has none of some combination."""
    sd = np.sqrt(np.diag(variance))
    if not np.all(sd > 0):
        return True
    return bool(np.linalg.eigvalsh(variance / np.outer(sd, sd))[0] < SINGULAR)


def independent_rows(L: Vector, rhs: Vector, fit: Fit) -> tuple[Vector, Vector]:
    """Orthogonal rows, in the metric of the covariance, that span the rows of `L`.

    Raises
    ------
    DataError
        If `L` is zero, or the constraints contradict each other.
    """
    cov = fit.cov_beta_unscaled
    length = np.sqrt(np.einsum("ki,ij,kj->k", L, cov, L))
    if not np.any(length > 0):
        raise DataError(NO_HYPOTHESIS)
    keep = length > 0
    unit, target = L[keep] / length[keep, None], rhs[keep] / length[keep]
    values, vectors = np.linalg.eigh(unit @ cov @ unit.T)
    rank = values > RANK * values[-1]
    contradiction = np.abs(vectors[:, ~rank].T @ target)
    if np.any(rhs[~keep] != 0) or np.any(contradiction > RANK**0.5 * (1 + np.abs(target).max())):
        raise DataError(CONTRADICTION)
    if rank.all() and keep.all():
        return L, rhs
    rotation = vectors[:, rank].T
    return rotation @ unit, rotation @ target
