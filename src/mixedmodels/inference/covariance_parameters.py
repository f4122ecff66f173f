"""Every variance parameter on its natural scale with its standard error and interval."""

from typing import Any

import numpy as np

from mixedmodels.fit.fit import Fit
from mixedmodels.fit.variance_components import told_parameters
from mixedmodels.inference.interval import Intervals
from mixedmodels.inference.intervals import Wanted, wald
from mixedmodels.inference.variance_information import variance_parameters
from mixedmodels.options import require_probability


def covariance_parameters(fit: Fit, level: float = 0.95) -> object:
    """Table `group, term, parameter, estimate, std_error, conf_low, conf_high`; see
    `LinearMixedModel.covariance_parameters`.

    Raises
    ------
    DataError
        If `level` is no probability.
    """
    return fit.frame.table(natural_columns(fit, level))


def natural_columns(fit: Fit, level: float = 0.95) -> dict[str, Any]:
    """The columns of `covariance_parameters`."""
    require_probability("level", level)
    names, estimates = told_parameters(fit)
    known = np.isfinite(estimates)
    limits = natural_intervals(fit, level)
    variances = np.diag(variance_parameters(fit, "sd").covariance)
    return {
        "group": list(names.groups),
        "term": list(names.terms),
        "parameter": list(names.names),
        "estimate": estimates,
        "std_error": np.where(known, np.sqrt(variances), np.nan),
        "conf_low": np.where(known, limits.conf_low, np.nan),
        "conf_high": np.where(known, limits.conf_high, np.nan),
    }


def natural_intervals(fit: Fit, level: float = 0.95) -> Intervals:
    """Wald intervals in the order of `told_parameters`."""
    return wald(fit, Wanted(level, "variance", "satterthwaite", n=0, seed=None))
