"""Leverage: the diagonal of H = d fitted / d y at the estimated variances, random effects included.

With t_i = (x_i, z_i) and the inverse C of the mixed-model equations, h_i = w_i t_i'C t_i (Nobre &
Singer 2011, *Journal of Applied Statistics* 38, 1063). Its sum is the effective number of
parameters of the mean (Hodges & Sargent 2001, *Biometrika* 88, 367).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.diagnostics.projection import leverage_and_spread, projection
from mixedmodels.diagnostics.working import as_linear
from mixedmodels.engine.equations import Equations
from mixedmodels.engine.structured_terms import StructuredTerms
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import residuals
from mixedmodels.fit.once import once

Vector = NDArray[np.float64]

NO_FREEDOM = 1e-10
"""1 - h below which a row determines its own fitted value."""


@dataclass(frozen=True, slots=True)
class Leverage:
    """The leverage of every row and what it was made of.

    Attributes
    ----------
    equations : Equations
        The random effects' equations.
    X : array (n, p)
        W^-1/2 V^-1 X: the fixed effects' columns after the random effects have adapted to them.
    values : array (n,)
        h_i.
    """

    equations: Equations
    X: Vector
    values: Vector


def leverage(fit: Fit) -> Leverage:
    """Leverage of the rows of a fit; one factorisation and no refit.

    Raises
    ------
    DataError
        If covariances have structure.
    """
    eq = equations(fit)
    X = eq.project(eq.root_weights[:, None] * fit.matrices.X)
    fixed = np.einsum("ia,ab,ib->i", X, fit.cov_beta_unscaled, X, optimize=True)
    return Leverage(eq, X, np.clip(eq.inner(eq.U) + fixed, 0.0, 1.0))


def equations(fit: Fit) -> Equations:
    """The equations of a fit at its theta.

    Raises
    ------
    DataError
        If covariances have structure.
    """
    if not isinstance(fit.problem, StructuredTerms):
        return fit.problem.equations(fit.theta)
    raise DataError(
        "This is not available for models with structured covariances.\n"
        "Do:   use hat_values(), influence() and residuals of the kinds normalized and "
        "studentized, which are."
    )


def hat_values(fit: Fit) -> pd.Series:
    """Leverage of the rows used, on their index; in [0, 1] unless residuals are correlated. Of a
    generalised model that of its working model.
    """
    fit = as_linear(fit)
    values = leverage(fit).values if fit.matrices.is_plain else structured_leverage(fit)[0]
    return pd.Series(values, index=fit.matrices.index.view(), name="leverage")


@once
def structured_leverage(fit: Fit) -> tuple[Vector, Vector]:
    """Of a model whose covariances have structure, the leverage of every row, and its studentized
    residual; nan where a row has no freedom left.
    """
    values, spread = leverage_and_spread(projection(fit))
    sd = fit.problem.row_sd(fit.theta)
    scale = np.sqrt(np.where(spread > NO_FREEDOM * sd**2, spread, np.nan))
    return values, residuals(fit).to_numpy() / (fit.sigma * scale)


def studentized_pearson(fit: Fit) -> Vector:
    """Pearson residuals (n,) of a generalised model over sqrt(1 - h)."""
    left = 1 - hat_values(fit).to_numpy()
    scale = np.sqrt(np.where(left > NO_FREEDOM, left, np.nan))
    return np.asarray(residuals(fit, "pearson").to_numpy() / scale)


def studentized(fit: Fit, found: Leverage) -> Vector:
    """Pearson residuals over sigma sqrt(1 - h) (n,); nan where a row has no freedom left."""
    pearson = residuals(fit, "pearson").to_numpy()
    left = 1 - found.values
    scale = np.sqrt(np.where(left > NO_FREEDOM, left, np.nan))
    return np.asarray(pearson / (fit.sigma * scale))
