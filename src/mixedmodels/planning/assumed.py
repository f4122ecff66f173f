"""A fit that stands for a plan: its rows and columns, and its numbers as the estimates."""

from dataclasses import replace

import numpy as np

from mixedmodels.engine.convergence import convergence_of
from mixedmodels.fit.fit import Fit, term_facts
from mixedmodels.planning.plan import Plan

FIRST = 0
"""The seed of the response that stands in for one."""


def assumed(plan: Plan) -> Fit:
    """The plan as a fit, of which questions can be asked in the words of a fitted model.

    The numbers of the plan are its estimates, and their covariance is that of the design. The
    response is drawn from the plan: how well the variances are known is that of one data set.
    """
    matrices = plan.problem.matrices
    draws = plan.draws(FIRST, effects="normal", residuals="normal")
    problem = plan.problem.with_response(plan.problem.draw(draws, 0, 1)[:, 0])
    found = problem.estimates(plan.theta, reml=True)
    response = np.full(len(matrices.kept), np.nan)
    response[matrices.kept] = problem.matrices.y
    return Fit(
        request=replace(plan.request, response=response),
        spec=plan.spec,
        problem=problem,
        reml=True,
        theta=plan.theta,
        beta=plan.beta,
        sigma=plan.sigma,
        objective=found.deviance,
        b=tuple(found.b),
        cov_beta_unscaled=found.cov_beta_unscaled,
        convergence=convergence_of(problem, found, term_facts(plan.spec, matrices)),
    )
