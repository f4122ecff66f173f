"""Parameters of a fit drawn from their approximate posterior, so that imputations are proper.

Variance parameters (theta, sigma) are those of a refit to a response drawn from the fit, a
parametric bootstrap, which allows for variances at or near zero where no normal approximation
does (Little & Rubin 2019, Statistical Analysis with Missing Data, section 10.2.3). The residual sd
of the sample is turned round, sigma^2 / sigma*: without random effects sigma is then exactly a draw
of the posterior of the usual flat prior. Given (theta, sigma) the fixed and random effects of a
linear model are exact draws of their joint normal posterior, by perturbation: with b0 and y0 drawn
from the model at beta = 0, they are (0, b0) plus the estimates of (beta, b) from y - y0. Those of
a generalised model are the bootstrap's beta, and b normal around its modes there, by Laplace's
approximation, independent between random terms.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.batch import RefitPlan
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.errors import ConvergenceError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.linear_predictor import add_random_effects
from mixedmodels.prediction.simulate import draws_of
from mixedmodels.prediction.streams import key_of

Vector = NDArray[np.float64]

TRIES = 20
"""Samples that are drawn in search of one that can be fitted."""


def posterior_draw(fit: Fit, rng: np.random.Generator) -> Fit:
    """The fit with parameters and random effects drawn from their approximate posterior.

    Raises
    ------
    ConvergenceError
        If no sample from the fit can be fitted.
    """
    if isinstance(fit.problem, GeneralisedProblem):
        return _generalised_draw(fit, fit.problem, rng)
    theta, sigma = _variances(fit, rng)
    return effects_drawn(replace(fit, theta=theta, sigma=sigma), rng)


def effects_drawn(fit: Fit, rng: np.random.Generator) -> Fit:
    """A linear model with fixed and random effects drawn at its theta and sigma."""
    m = fit.matrices
    noise = fit.sigma * fit.problem.row_sd(fit.theta) * rng.standard_normal(len(m.y))
    before = []
    for term, T_k in zip(m.terms, fit.T, strict=True):
        grouping = m.groupings[term.group]
        u = rng.standard_normal((len(grouping.levels), T_k.shape[1]))
        before.append(fit.sigma * u @ T_k.T)
        add_random_effects(noise, grouping.codes, term.Z, before[-1], term.members)
    found = fit.problem.with_response(m.y - noise).estimates(fit.theta, reml=fit.reml)
    b = tuple(b0 + b_k for b0, b_k in zip(before, found.b, strict=True))
    return replace(fit, beta=found.beta, b=b)


def _variances(fit: Fit, rng: np.random.Generator) -> tuple[Vector, float]:
    plan = RefitPlan(reml=fit.reml, start=fit.theta)
    for _ in range(TRIES):
        found = fit.problem.refit_drawn(draws_of(fit, key_of(rng)), 0, 1, plan)
        sigma = float(found.sigma[0])
        if np.isfinite(sigma) and sigma > 0:
            return found.theta[0], fit.sigma**2 / sigma
    raise _no_sample(fit)


def _generalised_draw(fit: Fit, problem: GeneralisedProblem, rng: np.random.Generator) -> Fit:
    plan = RefitPlan(reml=False, start=fit.psi)
    for _ in range(TRIES):
        found = problem.refit_drawn(draws_of(fit, key_of(rng)), 0, 1, plan)
        psi = np.concatenate([found.theta[0], found.beta[0], found.auxiliary[0]])
        if np.isfinite(psi).all():
            break
    else:
        raise _no_sample(fit)
    modes = problem.solution(psi, hessian=False).b
    b = []
    for k, mode in enumerate(modes):
        spread = problem.conditional_covariance(psi, term=k)
        b.append(mode + _normal(spread, rng))
    generalised = fit.generalised
    if generalised is None:
        raise ValueError("a generalised problem without what its fit has beside a linear one")
    own = replace(generalised, auxiliary=found.auxiliary[0])
    return replace(fit, theta=found.theta[0], beta=found.beta[0], b=tuple(b), generalised=own)


def _normal(covariances: Vector, rng: np.random.Generator) -> Vector:
    """Normal rows (levels, q) of given covariances (levels, q, q), which may be singular."""
    values, vectors = np.linalg.eigh(covariances)
    roots = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    return np.asarray(np.einsum("lij,lj->li", roots, rng.standard_normal(covariances.shape[:2])))


def _no_sample(fit: Fit) -> ConvergenceError:
    return ConvergenceError(
        f"None of {TRIES} samples from {fit.spec.formula} could be fitted.\n"
        "Do:   give a smaller model for this column.\n"
        "Why:  parameters are drawn by fitting samples, and these have no maximum."
    )
