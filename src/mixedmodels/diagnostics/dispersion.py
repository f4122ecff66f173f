"""Dispersion of counts about their means: Pearson's chi-square over its degrees of freedom.

With residuals at the conditional modes and n - npar degrees of freedom, as is customary for mixed
models; modes that follow their rows make it somewhat too small, so that a ratio above one is told
late rather than early. The comparison with simulated responses (`scaled_tests`) has no such bias.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.fit.criteria import n_parameters
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.row_distribution import row_distribution

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Dispersion:
    """Pearson's chi-square with its degrees of freedom, the probabilities of one at least and at
    most as large, and what to do if there is too much.
    """

    chi2: float
    df: int
    p_over: float
    p_under: float
    remedy: str

    @property
    def ratio(self) -> float:
        """Chi-square over its degrees of freedom: 1 where the family's variance is right."""
        return self.chi2 / self.df


def pearson_dispersion(fit: Fit) -> Dispersion | None:
    """The dispersion of counts; None for other families, and where every row is a single trial,
    whose variance follows from its mean.
    """
    rows = row_distribution(fit)
    df = len(rows.y) - n_parameters(fit)
    if rows.family.response not in ("trials", "count") or rows.has_single_trials or df < 1:
        return None
    chi2 = float(np.sum(rows.pearson() ** 2))
    return Dispersion(
        chi2=chi2,
        df=df,
        p_over=float(special.chdtrc(df, chi2)),
        p_under=float(special.chdtr(df, chi2)),
        remedy=_remedy(rows.family.name),
    )


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
