"""R^2 of a mixed model: the share of the variance that is explained."""

from mixedmodels.fit.fit import Fit
from mixedmodels.inference.explained_variance import explained_variance


def r2(fit: Fit) -> dict[str, float]:
    """Nakagawa's R^2, ``marginal`` of the fixed effects and ``conditional`` of all effects.

    Of random slopes it takes the mean variance over the rows (Johnson 2014). Without random
    effects the two are equal. See `mixedmodels.inference.explained_variance`.
    """
    parts = explained_variance(fit)
    return {
        "marginal": parts.fixed / parts.total,
        "conditional": (parts.fixed + parts.random) / parts.total,
    }
