"""Trends: slopes of the mean along a covariate, at values of other columns.

The derivative of a mean is a linear function of beta too: that of the derivatives of the columns.
Where the formula names the covariate itself in every term that has it, columns are straight lines
in it, and their difference over one unit is exact. Otherwise (`poly`, splines, logarithms) they are
taken at seven or more places, `STEP` standard deviations of the covariate apart and within the
range of the data, with the weights that are exact for polynomials of a degree one less than the
number of places (Fornberg 1988, Mathematics of Computation 51, 699-706).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from formulaic.parser.types import Factor
from numpy.typing import ArrayLike, NDArray

from mixedmodels.design.names import used_columns
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.degrees_of_freedom import TestMethod, require_test_method
from mixedmodels.options import require_count, require_probability
from mixedmodels.posthoc.averaging import averaged
from mixedmodels.posthoc.coefficients import degree_names
from mixedmodels.posthoc.emmeans import (
    Averages,
    StatedNesting,
    Weights,
    plan,
    tell_not_estimable,
)
from mixedmodels.posthoc.grid_variables import covariate_extent, fixed_variables
from mixedmodels.posthoc.linear_functions import LinearFunctions, Testing
from mixedmodels.posthoc.reference_grid import CovReduce
from mixedmodels.posthoc.specs import By, require_column
from mixedmodels.posthoc.subspace import combined

Vector = NDArray[np.float64]

STEP = 1e-3
"""Distance of the places in standard deviations of the covariate."""

HIGHEST_DEGREE = 4
"""Degree beyond which differences lose their digits."""


@dataclass(frozen=True, slots=True)
class Stencil:
    """Places along a covariate, with the weights of derivatives at its values.

    Attributes
    ----------
    places : array (values, s)
        Per value the places whose columns are weighed.
    weights : array (values, degrees, s)
        Of the derivative of each degree d, divided by d factorial.
    """

    places: Vector
    weights: Vector


def emtrends(
    fit: Fit,
    specs: str | Sequence[str],
    var: str,
    by: By = None,
    *,
    at: Mapping[str, ArrayLike] | None = None,
    cov_reduce: CovReduce = "mean",
    weights: Weights = "equal",
    nuisance: str | Sequence[str] = (),
    nesting: StatedNesting = None,
    max_degree: int = 1,
    ddf: TestMethod = "satterthwaite",
    level: float = 0.95,
) -> LinearFunctions:
    """Trends, as `LinearMixedModel.emtrends` explains them."""
    require_probability("level", level)
    require_test_method(ddf)
    require_covariate(fit, var)
    _check_degree(max_degree)
    averages = plan(
        fit,
        specs,
        by,
        at=at,
        cov_reduce=cov_reduce,
        weights=weights,
        nuisance=nuisance,
        nesting=nesting,
    )
    stencil = stencil_at(fit, var, averages.grid[var].values, max_degree)
    L = _derivatives(fit, averages, var, stencil)
    labels = averages.labels or {"1": np.array(["overall"], dtype=object)}
    size = len(L) * max_degree
    labels = {name: np.tile(values, max_degree) for name, values in labels.items()}
    if max_degree > 1:
        names = np.array(degree_names(max_degree), dtype=object)
        labels["degree"] = np.repeat(names, averages.k)
    found = LinearFunctions(
        fit=fit,
        kind="trend",
        labels=labels,
        by=averages.specs.by,
        L=np.concatenate([L[:, d] for d in range(max_degree)]),
        constant=np.zeros(size),
        testing=Testing(ddf=ddf, level=level),
        n_means=np.zeros(size, dtype=np.int64),
        notes=(f"slopes of {fit.spec.formula.response} along {var}", *averages.notes),
    )
    tell_not_estimable(found)
    return found


def stencil_at(fit: Fit, var: str, values: Sequence[float], max_degree: int) -> Stencil:
    """Where the columns are needed for derivatives at some values of a covariate.

    Raises
    ------
    DataError
        If the covariate does not vary.
    """
    if is_straight(fit, var):
        weights = np.zeros((len(values), max_degree, 2))
        weights[:, 0] = (-1.0, 1.0)
        return Stencil(np.tile([0.0, 1.0], (len(values), 1)), weights)
    low, high, spread = covariate_extent(fit, var)
    if not spread:
        raise DataError(f"{var!r} does not vary in the data.\nDo:   ask for another slope.")
    m, h = max_degree + 2, STEP * spread
    value = np.asarray(values, dtype=np.float64)
    start = value - m * h
    if high - low > 2 * m * h:
        inside = np.clip(start, low, high - 2 * m * h)
        start = np.where((low <= value) & (value <= high), inside, start)
    places = start[:, None] + np.arange(2 * m + 1) * h
    scaled = _difference_weights((places - value[:, None]) / h, max_degree)
    return Stencil(places, scaled / h ** np.arange(1, max_degree + 1)[:, None])


def _difference_weights(x: Vector, max_degree: int) -> Vector:
    """Weights (values, degrees, s) of derivatives at zero over d!, from places x (values, s).

    They are those of the polynomial through the places, which gains one place at a time: with
    p_j = product of (t - x_i) over i < j, the share of place k is l_k = p_j / p_j(x_k) times what
    the later places multiply it by, (t - x_j) / (x_k - x_j). Row d of a polynomial in t is its
    coefficient of t^d (Fornberg 1988).
    """
    n, s = x.shape
    found = np.zeros((s, max_degree + 1, n))
    product = np.zeros((max_degree + 1, n))
    product[0] = 1.0
    for j in range(s):
        t = x[:, j]
        size = np.ones(n)
        for k in range(j):
            found[k] = _times(found[k], t) / (x[:, k] - t)
            size *= t - x[:, k]
        found[j] = product / size
        product = _times(product, t)
    return np.ascontiguousarray(found[:, 1:].transpose(2, 1, 0))


def _times(polynomial: Vector, root: Vector) -> Vector:
    """The leading coefficients (degrees + 1, n) of a polynomial in t, times t - root."""
    out = -root * polynomial
    out[1:] += polynomial[:-1]
    return out


def is_straight(fit: Fit, var: str) -> bool:
    """Whether every term with the covariate is a product of itself and what does not have it."""
    for term in fit.spec.fixed.term_slices:
        calls = [f.expr for f in term.factors if f.eval_method is Factor.EvalMethod.PYTHON]
        if any(used_columns(text, [var]) for text in calls):
            return False
    return True


def _derivatives(fit: Fit, averages: Averages, var: str, stencil: Stencil) -> Vector:
    """Rows (k, degrees, columns), averaged over the values of `var` if it is not asked for."""
    n, s = stencil.places.shape
    grid = {**averages.grid, var: averages.grid[var].at(tuple(stencil.places.ravel().tolist()))}
    if var in averages.targets:
        value = averages.targets[var][:, None]
    else:
        value = np.tile(np.arange(n), (averages.k, 1))
    own = value.shape[1]
    place = (value[..., None] * s + np.arange(s)).reshape(-1)
    targets = {name: np.repeat(codes, own * s) for name, codes in averages.targets.items()}
    targets[var] = place
    L = averaged(fit, grid, targets, averages.cells, k=averages.k * own * s)
    C = stencil.weights[value].transpose(0, 2, 1, 3).reshape(averages.k, -1, own * s) / own
    return combined(C, L.reshape(averages.k, own * s, -1))


def require_covariate(fit: Fit, var: str) -> None:
    """Refuse a name that is not a covariate of the fixed part."""
    variables = fixed_variables(fit)
    require_column(var, variables)
    if variables[var].is_factor:
        raise DataError(
            f"{var!r} is a factor, which has no slope.\n"
            f'Do:   compare its levels with emmeans("{var}").pairs(), or name a covariate.'
        )


def _check_degree(max_degree: int) -> None:
    require_count("max_degree", max_degree, what="degrees")
    if max_degree > HIGHEST_DEGREE:
        raise DataError(
            f"max_degree = {max_degree} is more than {HIGHEST_DEGREE}.\nDo:   give a lower degree."
        )
