"""Intervals of the variance parameters for a table that is to be complete, at a bounded cost."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.fit.fit import Fit
from mixedmodels.fit.once import once
from mixedmodels.inference.interval import Intervals
from mixedmodels.inference.intervals import Wanted, wald
from mixedmodels.inference.profile.profile import profile_intervals
from mixedmodels.inference.variance_information import variance_parameters

Mask = NDArray[np.bool_]

MOST_EFFECTS = 300
"""Random effects up to which limits are looked for on the profile: well under a second."""

MOST_PARAMETERS = 10
"""Parameters up to which they are."""


@dataclass(frozen=True, slots=True)
class VarianceIntervals:
    """One interval per variance parameter, r of them.

    Attributes
    ----------
    intervals : Intervals
        In the order of `variance_parameters` on the scale ``"sd"``.
    is_correlation, is_profiled : bool array (r,)
        Which are correlations, and which limits are from the profile of the likelihood (ML).
    """

    intervals: Intervals
    is_correlation: Mask
    is_profiled: Mask


@once
def variance_intervals(
    fit: Fit, *, level: float = 0.95, correlations: bool = True
) -> VarianceIntervals:
    """Wald intervals; those of singular terms, which have none, from the profile.

    Only where the profile is cheap (`MOST_EFFECTS`, `MOST_PARAMETERS`); elsewhere, and for
    parameters that the data do not identify, the limits are nan.

    Parameters
    ----------
    fit : Fit
        The model.
    level : float
        Coverage.
    correlations : bool
        Whether correlations of singular terms are profiled, too.
    """
    found = wald(fit, Wanted(level, "variance", "satterthwaite", n=0, seed=None))
    parameters = variance_parameters(fit, "sd")
    wanted = parameters.on_boundary & np.isnan(found.conf_low)
    if not correlations:
        wanted &= ~parameters.is_correlation
    m = fit.matrices
    effects = sum(len(m.groupings[term.group].levels) * len(term.names) for term in m.terms)
    if effects > MOST_EFFECTS or wanted.sum() > MOST_PARAMETERS:
        wanted[:] = False
    if wanted.any():
        profiled = profile_intervals(fit, level=level, which="variance", only=wanted.tolist())
        found = replace(found, conf_low=found.conf_low.copy(), conf_high=found.conf_high.copy())
        found.conf_low[wanted] = profiled.conf_low
        found.conf_high[wanted] = profiled.conf_high
    return VarianceIntervals(found, parameters.is_correlation, wanted)
