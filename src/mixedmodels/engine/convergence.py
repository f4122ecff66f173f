"""The report of a search: did it converge, in how many steps, at what kind of point."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels._native import GeneralisedSolution, Solution
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.route import AnyLinear, AnyProblem
from mixedmodels.engine.singularity import SingularTerm, TermFacts, singular_terms

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MonteCarlo:
    """What the probes of an iterative fit leave open, and how well its equations are solved.

    The signs are the same in every fit: the errors say how far another choice of them would move
    the results, not how results vary from run to run, which they do not.

    Attributes
    ----------
    probes : int
        Number of probes: as many as keep `share` below 0.1, 256 at most.
    is_exact : bool
        Whether the probes were complete, so that nothing is left to chance.
    criterion_error : float
        Monte Carlo standard error of the criterion at the estimates, in units of the deviance.
    theta_error : array (m,)
        Of the elements of theta.
    sigma_error : float
        Of the residual standard deviation.
    share : array (m,)
        Monte Carlo error of theta over its sampling standard error.
    se_error : array (m,)
        Relative Monte Carlo error of the sampling standard errors of theta.
    residual : float
        The largest relative residual of the equations for X, y and the random effects.
    solving_error : float
        A bound on the error that it leaves in any effect, in standard errors of that effect.
    """

    probes: int
    is_exact: bool
    criterion_error: float
    theta_error: Vector
    sigma_error: float
    share: Vector
    se_error: Vector
    residual: float
    solving_error: float

    def __str__(self) -> str:
        """The probes and their errors in one line."""
        if self.is_exact:
            return "conjugate gradients; log-determinant and traces exact"
        worst = float(np.max(self.share, initial=0.0))
        return (
            f"conjugate gradients and {self.probes} probes; Monte Carlo error of the criterion "
            f"{self.criterion_error:.2g}, of theta {worst:.2g} standard errors"
        )


@dataclass(frozen=True, slots=True, repr=False)
class Convergence:
    """How the search for the optimum ended.

    Attributes
    ----------
    converged : bool
        Whether the last point is an optimum to the tolerance asked for.
    status : str
        ``"converged"``, ``"max_evaluations"``, ``"time_limit"``, ``"stalled"``, or ``"unbounded"``
        where theta grows without limit because the residual variance tends to zero.
    search : str
        The same in words; where it failed, what to do and why.
    n_evaluations : int
        Evaluations of the criterion, those from other starts included.
    gradient_norm : float
        Largest derivative of the criterion by an element of theta, with the columns of Z scaled
        to unit root-mean-square, so that it does not depend on units. Where a gradient is dear
        (a large dense remainder) and the last step came out as predicted, it is the estimate of
        what that step left.
    singular : tuple of SingularTerm
        Terms whose covariance has a direction of zero variance. A singular fit is converged.
    trace : tuple of float
        The criterion at each evaluation.
    undetermined : tuple of str
        Of variance parameters that the data cannot tell apart, which they are, what is determined
        of them, what to do and why.
    monte_carlo : MonteCarlo or None
        Of an iterative fit, what its random probes leave open.
    separated : tuple of str
        Of coefficients and variances of a generalised model that have no finite estimate, which
        they are, what to do and why.
    unneeded : tuple of str
        Of parts of a generalised model beside the mean that the data do not need, such as a
        dispersion of counts that vary no more than Poisson's.

    Notes
    -----
    A converged search is at a minimum of the criterion: its last step is taken with the exact
    second derivatives where these are cheap, which leaves theta within a part in 10^7 of the
    optimum, and the model that it minimises sees the other side of a variance of zero. Where there
    are few rows for the random effects (fewer than 2.2 for each), the criterion may have several
    minima: the search is then repeated from up to four other starts, and the best end is reported.
    """

    converged: bool
    status: str
    search: str
    n_evaluations: int
    gradient_norm: float
    singular: tuple[SingularTerm, ...]
    trace: tuple[float, ...]
    undetermined: tuple[str, ...] = ()
    monte_carlo: MonteCarlo | None = None
    separated: tuple[str, ...] = ()
    unneeded: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """`search`, and all notes, those of the singular terms with their directions last."""
        singular = (term.message for term in self.singular)
        notes = (*self.undetermined, *self.separated, *self.unneeded, *singular)
        return "\n".join([self.search, *notes])

    def __repr__(self) -> str:
        """The message, which is what one looks for."""
        return f"Convergence: {self.message}"


def convergence_of(
    problem: AnyLinear, solution: Solution, facts: tuple[TermFacts, ...]
) -> Convergence:
    """The report on `solution`, a point of `problem` whose terms are described by `facts`."""
    typical = problem.typical_scale(solution.theta)
    scales = [scale / typical for scale in problem.column_scales]
    coordinates = [term.coordinates for term in problem.matrices.terms]
    singular = singular_terms(problem.templates(solution.theta), scales, facts, coordinates)
    per_unit = solution.gradient * problem.units
    converged = solution.status == "converged"
    return Convergence(
        converged=converged,
        status=solution.status,
        search=search_in_words(solution) + _crowding(problem, solution),
        n_evaluations=solution.n_evaluations,
        gradient_norm=float(np.abs(per_unit).max()) if per_unit.size else 0.0,
        singular=singular,
        trace=tuple(solution.trace),
        monte_carlo=_monte_carlo(solution),
    )


def generalised_convergence(
    problem: GeneralisedProblem, solution: GeneralisedSolution, facts: tuple[TermFacts, ...]
) -> Convergence:
    """The report on `solution`, a point of a generalised model."""
    psi = np.concatenate([solution.theta, solution.beta, solution.auxiliary])
    T = problem.templates(solution.theta)
    scales = problem.column_scales
    if _is_any_small(T, scales):
        scales = [scale / problem.typical_scale(psi) for scale in scales]
    coordinates = [term.coordinates for term in problem.matrices.terms]
    per_unit = solution.gradient * problem.psi_units
    count = len(solution.trace)
    search = generalised_search_in_words(solution.status, count)
    return Convergence(
        converged=solution.status == "converged",
        status=solution.status,
        search=search + _crowding(problem, solution),
        n_evaluations=count,
        gradient_norm=float(np.abs(per_unit).max()) if per_unit.size else 0.0,
        singular=singular_terms(T, scales, facts, coordinates),
        trace=tuple(solution.trace),
    )


SMALL = 0.1
"""Standard deviation of a random effect, on the scale of the linear predictor, above which it is
not negligible whatever the information of a row.
"""


def _is_any_small(T: Sequence[Vector], scales: Sequence[Vector]) -> bool:
    """Whether some direction may be negligible: only then is the information of a row looked at."""
    return any(
        np.linalg.svd(scale[:, None] * T_k, compute_uv=False)[-1] < SMALL
        for scale, T_k in zip(scales, T, strict=True)
        if T_k.size
    )


def generalised_search_in_words(status: str, count: int) -> str:
    """How the search of a generalised model ended; where it failed, what to do and why."""
    evaluations = f"{count} evaluation{'' if count == 1 else 's'} of the criterion"
    if status == "unbounded":
        return (
            f"Not converged: a parameter grows without limit (stopped after {evaluations}).\n"
            "Do:   look for a column or a level that predicts the response without error, for\n"
            "      random effects with too few rows, and for an overdispersion that is not there.\n"
            "Why:  the likelihood has no maximum there."
        )
    return _in_words(status, evaluations)


def _monte_carlo(solution: Solution) -> MonteCarlo | None:
    found = solution.monte_carlo
    if found is None:
        return None
    return MonteCarlo(
        probes=found.probes,
        is_exact=found.is_exact,
        criterion_error=found.criterion,
        theta_error=found.theta,
        sigma_error=found.sigma,
        share=found.share,
        se_error=found.standard_errors,
        residual=found.residual,
        solving_error=found.of_solving,
    )


def search_in_words(solution: Solution) -> str:
    """How a search ended; where it failed, what to do and why."""
    count = solution.n_evaluations
    evaluations = f"{count} evaluation{'' if count == 1 else 's'} of the criterion"
    if not len(solution.theta):
        return "Least squares: no search was needed."
    if solution.status == "unbounded":
        return (
            f"Not converged: theta grows without limit (stopped after {evaluations}).\n"
            "Do:   take out random effects, or bring more rows for each level.\n"
            "Why:  the random effects explain all that the residual would: the estimate of the\n"
            "      residual variance tends to zero, or the data do not tell it from the others."
        )
    return _in_words(solution.status, evaluations)


def _in_words(status: str, evaluations: str) -> str:
    """The same for what is common to all models."""
    if status == "converged":
        return f"Converged in {evaluations}."
    if status == "max_evaluations":
        return (
            f"Not converged: the search was stopped after {evaluations}.\n"
            "Do:   raise Control(max_evaluations=...), or start from this fit's theta.\n"
            "Why:  the result is the best point seen, not the optimum."
        )
    if status == "time_limit":
        return (
            f"Not converged: the time allowed was over after {evaluations}.\n"
            "Do:   raise Control(time_limit=...), or go on from here with\n"
            "      Control(start=model.theta).\n"
            "Why:  the result is the best point seen, not the optimum."
        )
    return (
        f"Not converged: no further decrease was found after {evaluations}.\n"
        "Do:   look at convergence.gradient_norm; try another Control(start=...), centre the\n"
        "      covariates or simplify the random part.\n"
        "Why:  the criterion is too flat or too rough for the precision of the arithmetic."
    )


def _crowding(problem: AnyProblem, solution: Solution | GeneralisedSolution) -> str:
    """A line where other minima may have been missed: more random effects than rows."""
    matrices = problem.matrices
    levels = [len(grouping.levels) for grouping in matrices.groupings]
    effects = sum(levels[term.group] * term.Z.shape[1] for term in matrices.terms)
    rows = len(matrices.y)
    if effects <= rows or solution.status != "converged" or len(solution.theta) < 2:
        return ""
    return (
        f"\nThere are more random effects ({effects}) than rows ({rows}): the criterion may have\n"
        "several minima, and this is the best that was found."
    )
