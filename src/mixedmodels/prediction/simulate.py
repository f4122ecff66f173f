"""Responses drawn from a model: from a fit, or from parameters that somebody planned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixedmodels.engine.batch import Draws
from mixedmodels.engine.templates import working_template
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fixed_effects import coefficients
from mixedmodels.fit.linear_predictor import add_random_effects, marginal_mean
from mixedmodels.fit.variance_components import reported_covariances
from mixedmodels.options import require_count, require_option
from mixedmodels.prediction.new_design import new_design
from mixedmodels.prediction.parameters import (
    Correlations,
    Deviations,
    covariance_roots,
    finite,
    fixed_effects,
)
from mixedmodels.prediction.streams import Key, Seed, key_of
from mixedmodels.vocabulary import Shape, SimulatedEffects

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Truth:
    """What responses are drawn from.

    Attributes
    ----------
    beta : array (p,)
        Fixed effects.
    roots : tuple of (q_k, q_k) arrays
        sigma T_k of every term.
    sigma : float
        Residual standard deviation of a row of weight 1.
    theta : array (m,)
        What the covariance of the residuals follows from.
    """

    beta: Vector
    roots: tuple[Vector, ...]
    sigma: float
    theta: Vector


def simulate(
    fit: Fit,
    n: int = 1,
    *,
    seed: Seed = None,
    re: SimulatedEffects = "new",
    effects: Shape = "normal",
    residuals: Shape = "normal",
    newdata: object = None,
    fixed: Mapping[str, float] | None = None,
    sd: Deviations | None = None,
    corr: Correlations | None = None,
    sigma: float | None = None,
    theta: ArrayLike | None = None,
) -> Vector:
    """Responses drawn from a fitted model; see `LinearMixedModel.simulate`, and of a generalised
    one, whose family leaves `residuals` and `sigma` without a meaning, its own.

    Raises
    ------
    DataError
        If `n` is not a positive whole number, an option is not known, a parameter has no such
        name or is not possible, or new data lack a column that the model needs.
    """
    require_count("n", n)
    require_option("effects", effects, get_args(Shape))
    require_option("residuals", residuals, get_args(Shape))
    require_option("re", re, get_args(SimulatedEffects))
    if re == "fitted" and any(given is not None for given in (sd, corr, theta)):
        raise DataError(
            're = "fitted" keeps the random effects of the fit, for which sd, corr and theta say '
            'nothing.\nDo:   draw new ones from them with re="new", or leave them out.'
        )
    truth = truth_of(fit, fixed=fixed, sd=sd, corr=corr, sigma=sigma, theta=theta)
    modes = fit.b if re == "fitted" else ()
    rows = None if newdata is None else new_design(fit, newdata, seen=re == "fitted")
    m = fit.matrices if rows is None else rows.matrices
    mean = marginal_mean(m.X, truth.beta, m.offset)
    for term, b in zip(m.terms, modes, strict=False):
        add_random_effects(mean, m.groupings[term.group].codes, term.Z, b, term.members)
    draws = Draws(
        mean=mean,
        roots=() if re == "fitted" else truth.roots,
        sigma=truth.sigma,
        key=key_of(seed),
        effects=effects,
        residuals=residuals,
        theta=truth.theta,
        auxiliary=fit.delta,
    )
    y = fit.problem.draw(draws, 0, n, matrices=None if rows is None else m)
    return y if rows is None else rows.spread(y)


def truth_of(
    fit: Fit,
    *,
    fixed: Mapping[str, float] | None,
    sd: Deviations | None,
    corr: Correlations | None,
    sigma: float | None,
    theta: ArrayLike | None,
) -> Truth:
    """The estimates, but for what is given."""
    if theta is not None and (sd is not None or corr is not None):
        raise DataError(
            "The covariances are given twice, as theta and as sd or corr.\n"
            "Do:   give theta, relative to sigma, or sd and corr, in the units of the response."
        )
    scale = fit.sigma if sigma is None else finite("sigma", sigma)
    if not scale > 0:
        raise DataError(f"sigma = {sigma!r} is no residual sd.\nDo:   give a positive number.")
    m, beta = fit.matrices, fit.beta
    if fixed is not None:
        named = fixed_effects(fixed, m.x_names, estimated=coefficients(fit))
        beta = m.coordinates.working(named)
    if theta is None and sd is None and corr is None:
        return Truth(beta, scaled(fit.T, fit.sigma), scale, fit.theta)
    values = fit.theta
    if theta is not None:
        values = _checked(fit, theta)
        reported = scaled(fit.problem.templates(values), scale)
    else:
        known = reported_covariances(fit)
        given = ({} if sd is None else sd, {} if corr is None else corr)
        reported = covariance_roots(m, *given, estimated=known)
    pairs = zip(m.terms, reported, strict=True)
    roots = tuple(working_template(t.coordinates, root) for t, root in pairs)
    return Truth(beta, roots, scale, values)


def _checked(fit: Fit, theta: ArrayLike) -> Vector:
    """Theta for the columns of the formula."""
    try:
        values = np.asarray(theta, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    m = fit.problem.n_theta
    if values.shape != (m,) or not np.isfinite(values).all():
        raise DataError(
            f"theta = {theta!r} is not what the model has.\n"
            f"Do:   give {m} finite numbers in the order of model.theta."
        )
    return values


def draws_of(fit: Fit, key: Key) -> Draws:
    """The distribution of the response of new samples: everything normal, or of the family."""
    return Draws(
        mean=population_mean(fit),
        roots=scaled(fit.T, fit.sigma),
        sigma=fit.sigma,
        key=key,
        theta=fit.theta,
        auxiliary=fit.delta,
    )


def population_mean(fit: Fit) -> Vector:
    """X beta + offset (n,)."""
    return marginal_mean(fit.matrices.X, fit.beta, fit.matrices.offset)


def scaled(T: Sequence[Vector], sigma: float) -> tuple[Vector, ...]:
    """The products sigma T_k, one per term."""
    return tuple(sigma * T_k for T_k in T)
