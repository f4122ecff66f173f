"""The report of a search: did it converge, in how many steps, at what kind of point."""

from dataclasses import dataclass

import numpy as np

from mixedmodels._native import Solution
from mixedmodels.engine.problem import Problem
from mixedmodels.engine.singularity import SingularTerm, TermFacts, singular_terms
from mixedmodels.engine.templates import templates


@dataclass(frozen=True, slots=True)
class Convergence:
    """How the search for the optimum ended.

    Attributes
    ----------
    converged : bool
        Whether the last point is an optimum to the tolerance asked for.
    status : str
        ``"converged"``, ``"max_evaluations"`` or ``"stalled"``.
    search : str
        The same in words; where it failed, what to do and why.
    n_evaluations : int
        Evaluations of the criterion.
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
    """

    converged: bool
    status: str
    search: str
    n_evaluations: int
    gradient_norm: float
    singular: tuple[SingularTerm, ...]
    trace: tuple[float, ...]
    undetermined: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """`search`, then `undetermined`, then the singular terms with their directions."""
        singular = (term.message for term in self.singular)
        return "\n".join([self.search, *self.undetermined, *singular])


def convergence_of(
    problem: Problem, solution: Solution, facts: tuple[TermFacts, ...]
) -> Convergence:
    """The report on `solution`, a point of `problem` whose terms are described by `facts`."""
    index = problem.theta_index
    scales = problem.column_scales
    T = templates(solution.theta, index, [len(scale) for scale in scales])
    coordinates = [term.coordinates for term in problem.matrices.terms]
    singular = singular_terms(T, scales, facts, coordinates)
    per_unit = [g / scales[k][i] for g, (k, i, _) in zip(solution.gradient, index, strict=True)]
    converged = solution.status == "converged"
    return Convergence(
        converged=converged,
        status=solution.status,
        search=_search(solution),
        n_evaluations=solution.n_evaluations,
        gradient_norm=float(np.max(np.abs(per_unit))) if per_unit else 0.0,
        singular=singular,
        trace=tuple(solution.trace),
    )


def _search(solution: Solution) -> str:
    count = solution.n_evaluations
    evaluations = f"{count} evaluation{'' if count == 1 else 's'} of the criterion"
    if not len(solution.theta):
        return "Least squares: no search was needed."
    if solution.status == "converged":
        return f"Converged in {evaluations}."
    if solution.status == "max_evaluations":
        return (
            f"Not converged: the search was stopped after {evaluations}.\n"
            "Do:   raise Control(max_evaluations=...), or start from this fit's theta.\n"
            "Why:  the result is the best point seen, not the optimum."
        )
    return (
        f"Not converged: no further decrease was found after {evaluations}.\n"
        "Do:   look at convergence.gradient_norm; try another Control(start=...), centre the\n"
        "      covariates or simplify the random part.\n"
        "Why:  the criterion is too flat or too rough for the precision of the arithmetic."
    )
