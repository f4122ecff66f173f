"""A fit that stands for a plan: its rows and columns, and its numbers as the estimates."""

from dataclasses import replace

import numpy as np

from mixedmodels.engine.convergence import convergence_of, generalised_convergence
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.fit.fit import Fit, term_facts
from mixedmodels.fit.generalised import generalised_of
from mixedmodels.fit.request import Request
from mixedmodels.planning.plan import Plan, one_response


def assumed(plan: Plan) -> Fit:
    """The plan as a fit, of which questions can be asked in the words of a fitted model.

    The numbers of the plan are its estimates, and their covariance is that of the design. The
    response is drawn from the plan: how well the variances are known is that of one data set.
    """
    problem = one_response(plan)
    kept = problem.matrices.kept
    response = np.full(len(kept), np.nan)
    response[kept] = problem.matrices.y
    request = replace(plan.request, response=response)
    if isinstance(problem, GeneralisedProblem):
        return _of_family(plan, problem, request)
    found = problem.estimates(plan.theta, reml=True)
    return Fit(
        request=request,
        spec=plan.spec,
        problem=problem,
        reml=True,
        theta=plan.theta,
        beta=plan.beta,
        sigma=plan.sigma,
        objective=found.deviance,
        b=tuple(found.b),
        cov_beta_unscaled=found.cov_beta_unscaled,
        convergence=convergence_of(problem, found, term_facts(plan.spec, problem.matrices)),
    )


def _of_family(plan: Plan, problem: GeneralisedProblem, request: Request) -> Fit:
    found = problem.solution(plan.psi)
    generalised = generalised_of(problem, found)
    return Fit(
        request=request,
        spec=plan.spec,
        problem=problem,
        reml=False,
        theta=plan.theta,
        beta=plan.beta,
        sigma=1.0,
        objective=found.deviance,
        b=tuple(found.b),
        cov_beta_unscaled=generalised.of_beta(len(plan.theta), len(plan.beta)),
        convergence=generalised_convergence(
            problem, found, term_facts(plan.spec, problem.matrices)
        ),
        generalised=generalised,
    )
