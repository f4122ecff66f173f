"""Confidence intervals of all parameters, by one method or another, in one table."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.engine.structured import StructuredProblem
from mixedmodels.engine.structured_terms import StructuredTerms
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.bootstrap import bootstrap
from mixedmodels.inference.coefficients import coefficient_tests
from mixedmodels.inference.degrees_of_freedom import TestMethod, refuse_other_covariance
from mixedmodels.inference.interval import Intervals
from mixedmodels.inference.profile import profile_intervals
from mixedmodels.inference.profile.constrained import PARALLEL
from mixedmodels.inference.structured_parameters import wald_intervals
from mixedmodels.inference.variance_information import variance_parameters
from mixedmodels.options import require_option, require_probability
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import IntervalMethod, Which

Vector = NDArray[np.float64]


REGION = "mixedmodels.inference.profile.region"
"""Loaded when it is first needed: it brings in scipy's optimisers."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The request: coverage, which parameters, and the degrees of freedom of t intervals."""

    level: float
    which: Which
    ddf: TestMethod
    n: int
    seed: Seed


def conf_int(
    fit: Fit,
    level: float = 0.95,
    *,
    method: IntervalMethod = "wald",
    which: Which = "fixed",
    ddf: TestMethod = "satterthwaite",
    n: int = 1000,
    seed: Seed = None,
) -> object:
    """Table `group, term, estimate, conf_low, conf_high`.

    Random terms come in formula order: standard deviations, named as the columns, then
    correlations, ``cor(a, b)``; then the residual standard deviation, group ``Residual``, term
    ``sd``, or what a generalised model has beside its mean (see `fit.auxiliary_parameters`); then
    the fixed effects, whose group is null.

    Parameters
    ----------
    fit : Fit
    level : float
        Coverage.
    method : {"wald", "profile", "bootstrap"}
        ``"wald"``, fixed effects: t intervals. Standard deviations: normal on the log scale;
        correlations: normal on Fisher's z scale; dispersions on the log scale, probabilities on the
        logit's, coefficients and thresholds as they are; all with delta-method standard errors, and
        null where the covariance of the term is singular, as a parameter is on its boundary there,
        or where the data do not identify the parameter.

        ``"profile"``: where the likelihood (ML, to which a REML fit is refitted), maximised over
        all other parameters, falls to the cut-off. A limit of 0 of a standard deviation, of -1 or 1
        of a correlation, or an infinite one, says that it does not fall so far on that side.

        ``"bootstrap"``: percentiles of `n` parametric samples, seeded by `seed`.
    which : {"fixed", "variance", "all"}
        The parameters.
    ddf : mixedmodels.vocabulary.DegreesOfFreedom
        Degrees of freedom of the t intervals.
    n : int
        Samples of the bootstrap.
    seed : int or Generator, optional
        Their randomness.

    Raises
    ------
    DataError
        If an argument is not one of these, or the method cannot be used with this fit.
    """
    require_probability("level", level)
    require_option("which", which, get_args(Which))
    require_option("method", method, tuple(METHODS))
    if method != "wald" or which == "variance":
        refuse_other_covariance(ddf, "profiles, bootstraps and intervals of variances")
    found = METHODS[method](fit, Wanted(level, which, ddf, n, seed))
    return found.table(fit.frame)


def wald(fit: Fit, wanted: Wanted) -> Intervals:
    """Intervals from standard errors at the estimates."""
    if wanted.which == "fixed":
        return _wald_fixed(fit, wanted)
    variance = _wald_variance(fit, wanted.level)
    return variance if wanted.which == "variance" else variance + _wald_fixed(fit, wanted)


def _wald_fixed(fit: Fit, wanted: Wanted) -> Intervals:
    tests = coefficient_tests(fit, wanted.ddf, level=wanted.level)
    names = fit.matrices.x_names
    groups = (None,) * len(names)
    return Intervals(groups, names, tests.estimate, tests.conf_low, tests.conf_high)


def _wald_variance(fit: Fit, level: float) -> Intervals:
    """Normal on log sd and on atanh of a correlation, whose derivatives are 1/sd and 1/(1-r^2).

    A correlation of 1 that comes from an origin very far from the data has no interval.
    """
    if isinstance(fit.problem, StructuredTerms):
        return wald_intervals(fit, level)
    found = variance_parameters(fit, "sd")
    half = special.ndtri(0.5 + level / 2) * np.sqrt(np.diag(found.covariance))
    inside = np.where(np.isfinite(half), found.estimate, np.nan)  # on the boundary: no interval
    r = np.where(found.is_correlation, inside, 0.0)
    r = np.where(1 - r**2 > PARALLEL**-2, r, np.nan)
    sd = np.where(found.is_correlation, 1.0, inside)
    with np.errstate(over="ignore"):  # an infinite limit says that there is none
        low, high = (
            np.where(
                found.is_correlation,
                np.tanh(np.arctanh(r) + side * half / (1 - r**2)),
                sd * np.exp(side * half / sd),
            )
            for side in (-1, 1)
        )
    return Intervals(found.groups, found.terms, found.estimate, low, high)


def profiled(fit: Fit, wanted: Wanted) -> Intervals:
    """Intervals from the profile of the likelihood."""
    if isinstance(fit.problem, StructuredProblem):
        found: Intervals = import_module(REGION).structured_limits(fit, wanted.level, wanted.which)
        return found
    return profile_intervals(fit, level=wanted.level, which=wanted.which)


def bootstrapped(fit: Fit, wanted: Wanted) -> Intervals:
    """Percentiles of the parametric bootstrap."""
    found = bootstrap(fit, wanted.n, seed=wanted.seed).intervals(wanted.level, "percentile")
    fixed = [group is None for group in found.groups]
    shares = [group in ("R2", "ICC") for group in found.groups]
    keep = {
        "all": [not share for share in shares],
        "fixed": fixed,
        "variance": [not (f or s) for f, s in zip(fixed, shares, strict=True)],
    }
    return found.some(keep[wanted.which])


METHODS: dict[IntervalMethod, Callable[[Fit, Wanted], Intervals]] = {
    "wald": wald,
    "profile": profiled,
    "bootstrap": bootstrapped,
}
