"""The variance of the response in three parts, from which R^2 and ICC are ratios.

    fixed:    variance of X beta over the rows
    random:   mean variance of Z b over the rows, mean_i z_i' Sigma z_i = tr(Sigma Z'Z) / n
    residual: sigma^2

Nakagawa & Schielzeth (2013), Methods in Ecology and Evolution 4, 133-142, for random intercepts;
Johnson (2014), ibid. 5, 944-946, for random slopes; Nakagawa, Johnson & Schielzeth (2017), Journal
of the Royal Society Interface 14, 20170213.
"""

from dataclasses import dataclass

import numpy as np

from mixedmodels.fit.fit import Fit
from mixedmodels.fit.variance_components import term_covariances


@dataclass(frozen=True, slots=True)
class ExplainedVariance:
    """Variances in the units of the response squared."""

    fixed: float
    random: float
    residual: float

    @property
    def total(self) -> float:
        """Their sum."""
        return self.fixed + self.random + self.residual


def explained_variance(fit: Fit) -> ExplainedVariance:
    """The three parts at `fit`, in time O(n (p + q^2)) and memory O(n).

    The rows count alike whatever their weights, and the residual variance is that of a row of
    weight 1. The offset is known, not explained: it is left out.
    """
    m = fit.matrices
    fixed = float(np.var(m.X @ fit.beta, ddof=1)) if len(fit.beta) else 0.0
    return ExplainedVariance(fixed, sum(by_group(fit).values()), fit.sigma**2)


def by_group(fit: Fit) -> dict[str, float]:
    """The random part, group by group."""
    m = fit.matrices
    shares = dict.fromkeys((grouping.name for grouping in m.groupings), 0.0)
    for cov, term in zip(term_covariances(fit), m.terms, strict=True):
        mean = float(np.sum(cov * (term.Z.T @ term.Z))) / len(m.y)
        shares[m.groupings[term.group].name] += mean
    return shares
