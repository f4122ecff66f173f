"""`Fit`: the estimates of one model, from which every result is a function.

Notation: y = X beta + sum_k Z_k b_k + offset + e, b_k ~ N(0, sigma^2 T_k T_k') for each level,
e ~ N(0, sigma^2 / w).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixedmodels._native import Solution
from mixedmodels.data import Frame
from mixedmodels.design import Identification, ModelMatrices, ModelSpec, build
from mixedmodels.engine.convergence import Convergence
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.route import AnyLinear, AnyProblem, problem_of, require_no_structure
from mixedmodels.engine.search import generalised_optimum, optimum
from mixedmodels.engine.singularity import TermFacts
from mixedmodels.engine.templates import covariance
from mixedmodels.engine.watching import watched
from mixedmodels.errors import DataError
from mixedmodels.families import GAUSSIAN, Family
from mixedmodels.fit.generalised import Generalised, generalised_of, generalised_problem
from mixedmodels.fit.holding import held_problem
from mixedmodels.fit.iterated import depends_on_fitted, fixed_point
from mixedmodels.fit.notices import announce, announce_proportions
from mixedmodels.fit.request import Request
from mixedmodels.fit.response import checked_response
from mixedmodels.fit.separations import notices_of
from mixedmodels.fit.start import ordered_control
from mixedmodels.fit.undetermined import undetermined
from mixedmodels.fit.unneeded import unneeded_parts
from mixedmodels.shortening import brief

Vector = NDArray[np.float64]

EXACT = 4 * float(np.sqrt(np.finfo(np.float64).eps))
"""Residual sd relative to that of the response, both weighted, below which a residual is rounding
error.
"""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Fit:
    """Estimates at the optimum, with the problem and the recipe that they came from.

    `theta`, `beta`, `b` and `cov_beta_unscaled` belong to the columns of `matrices`, in their
    working coordinates (see `mixedmodels.design.coordinates`), which are those of the formula
    unless a column is far from zero or nearly repeats others. What carries a name is reported by
    `fit.fixed_effects`, `fit.random_effects` and `fit.variance_components`.

    Attributes
    ----------
    request : Request
        What was asked for, but for the start of the search: a later fit may have another theta.
    spec : ModelSpec
        The recipe of the columns, for new data.
    problem : Problem
        The criterion, and the matrices.
    reml : bool
        Whether `objective` is the REML criterion.
    theta : array (m,)
        Relative covariance parameters, formula order.
    beta : array (p,)
        Fixed effects.
    sigma : float
        Residual standard deviation.
    objective : float
        Minus twice the log-likelihood (ML) or restricted log-likelihood (REML).
    b : tuple of (levels, q_k) arrays
        Conditional modes of the random effects per term.
    cov_beta_unscaled : array (p, p)
        (X'V^-1 X)^-1; times sigma^2 it is the covariance of `beta`.
    convergence : Convergence
        How the search ended, which terms are singular, and which variance parameters the data
        cannot tell apart.
    generalised : Generalised, optional
        What a generalised model has beside this; None for a linear one. In a generalised model
        `sigma` is 1, `reml` False, and `cov_beta_unscaled` the part of beta of its covariance.
    answers : mapping, optional
        Of a fit that was loaded without its rows, what functions gave that needed them, by name and
        arguments (see `fit.once`); None for every other fit.
    """

    request: Request
    spec: ModelSpec
    problem: AnyProblem
    reml: bool
    theta: Vector
    beta: Vector
    sigma: float
    objective: float
    b: tuple[Vector, ...]
    cov_beta_unscaled: Vector
    convergence: Convergence
    generalised: Generalised | None = None
    answers: Mapping[tuple[Any, ...], Any] | None = None

    __repr__ = brief

    @property
    def matrices(self) -> ModelMatrices:
        """The model matrices of the kept rows."""
        return self.problem.matrices

    @property
    def psi(self) -> Vector:
        """All that the criterion is a function of: theta, then beta and delta of a generalised
        model, in which they are not profiled out.
        """
        if self.generalised is None:
            return self.theta
        return np.concatenate([self.theta, self.beta, self.delta])

    @property
    def delta(self) -> Vector:
        """Parameters (a,) of the parts beside the mean, unbounded; none in a linear model."""
        return np.empty(0) if self.generalised is None else self.generalised.auxiliary

    @property
    def family(self) -> Family:
        """The distribution of the response: normal for every linear model."""
        return GAUSSIAN if self.generalised is None else self.generalised.family

    @property
    def T(self) -> tuple[Vector, ...]:
        """Per term the template (q_k, r_k) that `theta` gives, for the columns of Z_k."""
        return self.problem.templates(self.theta)

    @property
    def covariances(self) -> tuple[Vector, ...]:
        """Sigma_k = sigma^2 T_k T_k' (q_k, q_k) of every term, in the units of the response."""
        return tuple(covariance(T_k, self.sigma) for T_k in self.T)

    @property
    def identification(self) -> Identification:
        """What the data can tell of the variance parameters."""
        return self.spec.identification

    @property
    def frame(self) -> Frame:
        """The data, and the maker of tables in the caller's own frame library."""
        return self.request.frame


def fit_model(request: Request) -> Fit:
    """Build the matrices and fit them.

    Raises
    ------
    FormulaError, DataError
        If the formula or the data cannot be used.
    ConvergenceError
        If the search fails and ``request.control.on_failure`` is ``"raise"``.
    """
    with watched(request.control):
        spec, matrices = matrices_of(request)
        return fit_problem(request, spec, _problem(request, matrices))


def matrices_of(request: Request) -> tuple[ModelSpec, ModelMatrices]:
    """The recipe and the matrices of a request."""
    spec, matrices = build(
        request.formula,
        request.frame,
        weights=request.weights,
        offset=request.offset,
        contrasts=request.contrasts,
        context=request.context,
        missing=request.missing,
        residual=request.residual,
        sigma=request.sigma,
        known=request.known,
        distribution=request.distribution,
    )
    if request.response is not None:
        family = None if request.distribution is None else request.distribution.family
        y = checked_response(request.response, matrices, family=family)
        matrices = replace(matrices, y=y)
    return spec, matrices


def _problem(request: Request, matrices: ModelMatrices) -> AnyProblem:
    if request.distribution is not None:
        return generalised_problem(request, request.distribution, matrices)
    if not request.fixed and not request.tied:
        return problem_of(matrices, request.method)
    require_no_structure(request.method)
    return held_problem(matrices, request.fixed or {}, request.tied or ())


def fit_problem(request: Request, spec: ModelSpec, problem: AnyProblem) -> Fit:
    """Search for the optimum of a problem that is already built, and announce what is unusual."""
    with watched(request.control):
        if isinstance(problem, GeneralisedProblem):
            fit = _fitted_generalised(request, spec, problem)
        else:
            fit = _fitted_linear(request, spec, problem)
    aliased = (*spec.aliased, *(name for part in spec.auxiliary for name in part.aliased))
    announce(fit.convergence, aliased, on_failure=request.control.on_failure)
    announce_proportions(fit.family, fit.matrices.y, fit.matrices.size)
    return fit


def _fitted_generalised(request: Request, spec: ModelSpec, problem: GeneralisedProblem) -> Fit:
    facts, control = term_facts(spec, problem.matrices), ordered_control(request, problem)
    known = spec.identification
    solution, convergence = generalised_optimum(problem, known, facts, control=control)
    if known.n_lost:
        covariances = [covariance(T_k, 1.0) for T_k in problem.templates(solution.theta)]
        messages = undetermined(problem.matrices, known, covariances, 1.0)
        convergence = replace(convergence, undetermined=messages)
    found = generalised_of(problem, solution)
    fit = Fit(
        request=_without_start(request),
        spec=spec,
        problem=problem,
        reml=False,
        theta=solution.theta,
        beta=solution.beta,
        sigma=1.0,
        objective=solution.deviance,
        b=tuple(solution.b),
        cov_beta_unscaled=found.of_beta(len(solution.theta), len(solution.beta)),
        convergence=convergence,
        generalised=found,
    )
    notices = notices_of(fit, converged=convergence.converged, covariances=fit.covariances)
    unneeded = unneeded_parts(fit)
    if not notices and not unneeded:
        return fit
    return replace(fit, convergence=replace(convergence, separated=notices, unneeded=unneeded))


def _fitted_linear(request: Request, spec: ModelSpec, problem: AnyLinear) -> Fit:
    problem, solution, convergence = _searched(request, spec, problem)
    _require_residual(solution, problem)
    if spec.identification.n_lost:
        messages = undetermined_at(problem, spec.identification, solution)
        convergence = replace(convergence, undetermined=messages)
    return Fit(
        request=_without_start(request),
        spec=spec,
        problem=problem,
        reml=request.reml,
        theta=solution.theta,
        beta=solution.beta,
        sigma=solution.sigma,
        objective=solution.deviance,
        b=tuple(solution.b),
        cov_beta_unscaled=solution.cov_beta_unscaled,
        convergence=convergence,
    )


def _without_start(request: Request) -> Request:
    if request.control.start is None:
        return request
    return replace(request, control=replace(request.control, start=None))


def _searched(
    request: Request, spec: ModelSpec, problem: AnyLinear
) -> tuple[AnyLinear, Solution, Convergence]:
    facts = term_facts(spec, problem.matrices)
    control = ordered_control(request, problem)

    def search(at: AnyLinear, theta: Vector | None) -> tuple[Solution, Convergence]:
        start = control if theta is None else replace(control, start=theta.tolist())
        return optimum(at, spec.identification, facts, reml=request.reml, control=start)

    if depends_on_fitted(problem.matrices):
        return fixed_point(problem, search)
    return (problem, *search(problem, None))


def term_facts(spec: ModelSpec, matrices: ModelMatrices) -> tuple[TermFacts, ...]:
    """What messages about the random terms need to know of each."""
    return tuple(
        TermFacts(
            lhs=written.term.lhs,
            group=written.term.name,
            columns=term.names,
            is_independent=term.is_independent,
            n_levels=len(matrices.groupings[term.group].levels),
            written="" if term.is_plain else str(written.term),
        )
        for written, term in zip(spec.terms, matrices.terms, strict=True)
    )


def undetermined_at(
    problem: AnyLinear, known: Identification, solution: Solution
) -> tuple[str, ...]:
    """The messages about variance parameters that the data cannot tell apart."""
    covariances = [covariance(T_k, solution.sigma) for T_k in problem.templates(solution.theta)]
    return undetermined(problem.matrices, known, covariances, solution.sigma**2)


def _require_residual(solution: Solution, problem: AnyLinear) -> None:
    if not problem.matrices.is_plain and solution.status == "unbounded":
        raise DataError(
            "The likelihood has no maximum: the covariance of the residuals becomes singular.\n"
            "Do:   choose a structure with fewer parameters (toep, ar1 or cs), leave out occasions "
            "that few\n"
            "      have, or random effects beside the structure.\n"
            "Why:  too few blocks have all the occasions, so that a combination of them is "
            "reproduced exactly."
        )
    is_left = np.isfinite(solution.deviance) and _residual_share(solution, problem) > EXACT
    if solution.status == "exact" or not is_left:
        raise DataError(
            "The model fits the response exactly: no residual variance is left.\n"
            "Do:   look for a column that repeats the response, or a group that determines it.\n"
            "Why:  the likelihood has no maximum when the residual variance is zero."
        )


def _residual_share(solution: Solution, problem: AnyLinear) -> float:
    """The residual standard deviation, at a typical value of what it is a function of, over that of
    the response.
    """
    m = problem.matrices
    own = spread(m.y, m.weights) if m.moments is None else m.moments.spread
    return solution.sigma * problem.typical_scale(solution.theta) / float(own)


def spread(y: Vector, weights: Vector | None) -> Vector:
    """Standard deviation of responses (n,) or (n, r) in the units of sigma."""
    if weights is None:
        centred = y - y.sum(axis=0) / len(y)
        return np.asarray(np.sqrt(np.einsum("i...,i...->...", centred, centred) / len(y)))
    squares = (y - np.average(y, axis=0, weights=weights)) ** 2
    return np.asarray(np.sqrt(weights @ squares / len(y)))
