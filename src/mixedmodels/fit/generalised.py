"""`Generalised`: what the fit of a generalised model has beside that of a linear one.

Notation: psi = (theta | beta | delta), theta the free coordinates of the covariance structures,
beta of the columns of X, delta the auxiliary parameters (log dispersion, shape, logit of zero
inflation or of the hurdle, thresholds), which have columns of their own.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels._native import GeneralisedSolution
from mixedmodels.design import ModelMatrices
from mixedmodels.design.distribution import Distribution
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.families import Family
from mixedmodels.fit.flat_hessian import covariance_of
from mixedmodels.fit.holding import held_problem
from mixedmodels.fit.request import Request
from mixedmodels.shortening import brief

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Generalised:
    """What is estimated beside the fixed and random effects, and the precision of everything.

    Attributes
    ----------
    family : Family
        Of the response, with its link.
    auxiliary : array (a,)
        delta, in the order of ``matrices.auxiliary`` and of the columns of each, unbounded.
    covariance : array (m + p + a, m + p + a)
        Of the estimates of psi: the inverse of half the Hessian of the criterion, as in
        glmmTMB; what `flat_hessian` makes of one that is not positive definite.
    covariance_conditional : array (p, p)
        (X'V^-1 X)^-1 at the conditional modes, theta and delta held: what lme4 reports without the
        Hessian.
    eta : array (n,)
        The linear predictor with offset at the conditional modes.
    nodes : int
        Nodes of the quadrature; 1 is Laplace's approximation.
    """

    family: Family
    auxiliary: Vector
    covariance: Vector
    covariance_conditional: Vector
    eta: Vector
    nodes: int

    __repr__ = brief

    def of_beta(self, m: int, p: int) -> Vector:
        """The part (p, p) of the covariance that belongs to beta, behind the m of theta."""
        return self.covariance[m : m + p, m : m + p]


def generalised_problem(
    request: Request, distribution: Distribution, matrices: ModelMatrices
) -> GeneralisedProblem:
    """The problem of a generalised model, with the parameters held that the request names."""
    values = None
    if request.fixed or request.tied:
        values = held_problem(matrices, request.fixed or {}, request.tied or ()).values
    family = distribution.family
    if family.response == "ordered":
        family = family.with_categories(1 + matrices.auxiliary[0].n_thresholds)
    return GeneralisedProblem(matrices, values, family=family, nodes=distribution.nodes)


def generalised_of(problem: GeneralisedProblem, solution: GeneralisedSolution) -> Generalised:
    """What a search found, by its names."""
    covariance = solution.covariance
    if covariance is None:
        unknown = np.full((problem.n_psi, problem.n_psi), np.nan)
        hessian = unknown if solution.hessian is None else solution.hessian
        covariance = covariance_of(hessian, problem.n_theta, len(solution.auxiliary))
    return Generalised(
        family=problem.family,
        auxiliary=solution.auxiliary,
        covariance=covariance,
        covariance_conditional=solution.covariance_conditional,
        eta=solution.eta,
        nodes=problem.nodes,
    )
