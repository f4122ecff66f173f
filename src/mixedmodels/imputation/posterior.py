"""Parameters of a fit drawn from their approximate posterior, so that imputations are proper.

Variance parameters (theta, sigma) are those of a refit to a response drawn from the fit, a
parametric bootstrap, which allows for variances at or near zero where no normal approximation
does (Little & Rubin 2019, Statistical Analysis with Missing Data, section 10.2.3). The residual sd
of the sample is turned round, sigma^2 / sigma*: without random effects sigma is then exactly a draw
of the posterior of the usual flat prior. Given (theta, sigma) the fixed and random effects of a
linear model are exact draws of their joint normal posterior (`inference.draws.conditional`). Those
of a generalised model are the bootstrap's beta, and b normal around its modes there, by Laplace's
approximation.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.batch import RefitPlan
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.route import AnyLinear
from mixedmodels.errors import ConvergenceError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.draws.conditional import conditional_draw, linear_draw
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
    theta, sigma = refitted_sample(
        fit, fit.problem, rng, advice="give a smaller model for this column"
    )
    return linear_draw(replace(fit, theta=theta, sigma=fit.sigma**2 / sigma), fit.problem, rng)


def refitted_sample(
    fit: Fit, problem: AnyLinear, rng: np.random.Generator, *, advice: str
) -> tuple[Vector, float]:
    """Theta and sigma of a linear model refitted to a response drawn from it.

    Raises
    ------
    ConvergenceError
        If no sample can be fitted; `advice` is what to do then.
    """
    plan = RefitPlan(reml=fit.reml, start=fit.theta)
    for _ in range(TRIES):
        found = problem.refit_drawn(draws_of(fit, key_of(rng)), 0, 1, plan)
        sigma = float(found.sigma[0])
        if np.isfinite(sigma) and sigma > 0:
            return found.theta[0], sigma
    raise _no_sample(fit, advice)


def _generalised_draw(fit: Fit, problem: GeneralisedProblem, rng: np.random.Generator) -> Fit:
    plan = RefitPlan(reml=False, start=fit.psi)
    for _ in range(TRIES):
        found = problem.refit_drawn(draws_of(fit, key_of(rng)), 0, 1, plan)
        psi = np.concatenate([found.theta[0], found.beta[0], found.auxiliary[0]])
        if np.isfinite(psi).all():
            break
    else:
        raise _no_sample(fit, "give a smaller model for this column")
    generalised = fit.generalised
    if generalised is None:
        raise ValueError("a generalised problem without what its fit has beside a linear one")
    own = replace(generalised, auxiliary=found.auxiliary[0])
    at = replace(fit, theta=found.theta[0], beta=found.beta[0], generalised=own)
    return conditional_draw(at, rng)


def _no_sample(fit: Fit, advice: str) -> ConvergenceError:
    return ConvergenceError(
        f"None of {TRIES} samples from {fit.spec.formula} could be fitted.\n"
        f"Do:   {advice}.\n"
        "Why:  parameters are drawn by fitting samples, and these have no maximum."
    )
