"""Dispersion of counts about their means: Pearson's chi-square beside what the model gives.

The sum of squared Pearson residuals at the conditional modes is compared with that of replicates of
the model (`replicates`). Its customary comparison with n - npar expects too much, the more the
modes follow their rows: with an effect for every row it calls every model underdispersed. Where
there are no replicates the expectation is n less the effective number of parameters, the sum of
the leverages.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.diagnostics.leverage import hat_values
from mixedmodels.diagnostics.replicates import replicates
from mixedmodels.errors import DataError
from mixedmodels.fit.criteria import n_parameters
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.row_distribution import row_distribution

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Dispersion:
    """Pearson's chi-square and what the model gives.

    Attributes
    ----------
    chi2 : float
        Of the data.
    expected : float
        Of the model.
    df : int
        Rows less parameters.
    p_over, p_under : float
        Probabilities of one at least, and at most, as large; from replicates (the data counted
        among them) where there are any.
    remedy : str
        What to do if it is too large.
    """

    chi2: float
    expected: float
    df: int
    p_over: float
    p_under: float
    remedy: str

    @property
    def ratio(self) -> float:
        """Chi-square over that of the model: 1 where the family's variance is right."""
        return self.chi2 / self.expected


def pearson_dispersion(fit: Fit) -> Dispersion | None:
    """The dispersion of counts; None for other families, with weights, and where every row is a
    single trial, whose variance follows from its mean.
    """
    rows = row_distribution(fit)
    df = len(rows.y) - n_parameters(fit)
    is_told = rows.family.response in ("trials", "count") and fit.matrices.weights is None
    if not is_told or rows.has_single_trials or df < 1:
        return None
    chi2 = float(np.sum(rows.pearson() ** 2))
    found = replicates(fit)
    if found is None:
        expected = _freedom(fit)
        over, under = special.chdtrc(expected, chi2), special.chdtr(expected, chi2)
    else:
        others = np.array([np.sum(one.pearson() ** 2) for one in found.rows(fit)])
        expected = float(others.mean())
        over, under = (np.mean(np.append(side, True)) for side in (others >= chi2, others <= chi2))
    return Dispersion(chi2, expected, df, float(over), float(under), _remedy(rows.family.name))


def _freedom(fit: Fit) -> float:
    """Rows less the effective number of parameters, or less that of parameters where leverage is
    out of reach.
    """
    n = len(fit.matrices.y)
    try:
        return n - float(hat_values(fit).sum())
    except DataError:
        return float(n - n_parameters(fit))


def _remedy(family: str) -> str:
    if family == "poisson":
        return (
            'family="negative_binomial", or a random effect of the row, (1 | row), lets them '
            "spread more; so does a covariate that is missing."
        )
    if family == "binomial":
        return (
            'family="beta_binomial", or a random effect of the row, (1 | row), lets them spread '
            "more; so does a covariate that is missing."
        )
    return "A covariate, a random effect or a curve may be missing."
