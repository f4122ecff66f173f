"""`Maximum`: as much of a fit as a likelihood ratio needs, found without a word to the user.

Comparisons search for many optima of models made from one another. These are no `Fit`s: nobody
predicts from them, and what is unusual about them belongs in a table, not in a warning.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import Identification, ModelMatrices, complete_rows, identify
from mixedmodels.engine.convergence import Convergence
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.route import AnyProblem
from mixedmodels.engine.search import generalised_optimum, optimum
from mixedmodels.engine.settings import Control
from mixedmodels.engine.singularity import TermFacts
from mixedmodels.engine.structured import StructuredProblem
from mixedmodels.engine.structured_terms import Values
from mixedmodels.families import GAUSSIAN, Family
from mixedmodels.fit.fit import Fit

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Maximum:
    """A model at its optimum.

    Attributes
    ----------
    matrices : ModelMatrices
        The model.
    reml : bool
        Whether `objective` is the REML criterion.
    theta : array (m,)
        Relative covariance parameters.
    beta : array (p,)
        Fixed effects.
    objective : float
        Minus twice the log-likelihood, restricted under REML.
    convergence : Convergence
        How the search ended.
    identification : Identification
        What the data can tell of the variance parameters.
    held : list of (float, int or None), optional
        Which structure parameters are held or tied, as `StructuredProblem.values` says it.
    shape : ModelMatrices, optional
        The matrices on some rows, where those of the model have none.
    family : Family
        Of the response.
    nodes : int, optional
        Of the quadrature of a generalised model; None of a linear one, whose integral is exact.
    """

    matrices: ModelMatrices
    reml: bool
    theta: Vector
    beta: Vector
    objective: float
    convergence: Convergence
    identification: Identification
    held: Values | None = None
    shape: ModelMatrices | None = None
    family: Family = GAUSSIAN
    nodes: int | None = None

    @property
    def rows(self) -> ModelMatrices:
        """Matrices that tell of which other models this one is a special case."""
        return self.matrices if self.shape is None else self.shape

    @property
    def criterion_error(self) -> float:
        """Monte Carlo standard error of `objective`: zero but for iterative fits."""
        spread = self.convergence.monte_carlo
        return 0.0 if spread is None else spread.criterion_error


def maximum_of(fit: Fit, *, reml: bool | None = None) -> Maximum:
    """The optimum of a fit; under the other criterion it is searched for."""
    if reml is not None and reml != fit.reml:
        known = fit.identification
        return search(fit.problem, reml=reml, control=fit.request.control, known=known)
    return Maximum(
        matrices=fit.matrices,
        reml=fit.reml,
        theta=fit.theta,
        beta=fit.beta,
        objective=fit.objective,
        convergence=fit.convergence,
        identification=fit.identification,
        held=_held(fit.problem),
        family=fit.family,
        nodes=None if fit.generalised is None else fit.generalised.nodes,
    )


def search(
    problem: AnyProblem, *, reml: bool, control: Control, known: Identification | None = None
) -> Maximum:
    """Search from the default start, whatever start the control names: theta may be another."""
    m = problem.matrices
    facts = tuple(
        TermFacts(
            lhs=" + ".join("1" if name == "Intercept" else name for name in term.names),
            group=m.groupings[term.group].name,
            columns=term.names,
            is_independent=term.is_independent,
            n_levels=len(m.groupings[term.group].levels),
        )
        for term in m.terms
    )
    known = identify(m) if known is None else known
    control = replace(control, start=None)
    if isinstance(problem, GeneralisedProblem):
        return _generalised(problem, known, facts, control)
    solution, convergence = optimum(problem, known, facts, reml=reml, control=control)
    return Maximum(
        matrices=m,
        reml=reml,
        theta=solution.theta,
        beta=solution.beta,
        objective=solution.deviance,
        convergence=convergence,
        identification=known,
        held=_held(problem),
    )


def _generalised(
    problem: GeneralisedProblem,
    known: Identification,
    facts: Sequence[TermFacts],
    control: Control,
) -> Maximum:
    solution, convergence = generalised_optimum(problem, known, facts, control=control)
    return Maximum(
        matrices=problem.matrices,
        reml=False,
        theta=solution.theta,
        beta=solution.beta,
        objective=solution.deviance,
        convergence=convergence,
        identification=known,
        held=_held(problem),
        family=problem.family,
        nodes=problem.nodes,
    )


def _held(problem: AnyProblem) -> Values | None:
    return problem.values if isinstance(problem, StructuredProblem) else None


FREES_VARIANCES = (
    "no test: with less in the fixed part the data can tell variances that they cannot in the "
    "larger model"
)


def frees_variances(small: Maximum, large: Maximum) -> bool:
    """Whether leaving fixed effects out lets variances be told that were taken up by them.

    The difference is then no hypothesis about fixed effects alone, and has no chi-square.
    """
    if not large.identification.n_lost or len(small.beta) >= len(large.beta):
        return False
    with_all = identify(replace(small.rows, X=large.rows.X))
    return with_all.n_lost > small.identification.n_lost


def caveats(maximum: Maximum) -> list[str]:
    """What a row of a table must say of the fit behind it."""
    notes = []
    if not maximum.convergence.converged:
        notes.append("its search did not converge")
    if maximum.criterion_error:
        notes.append(f"iterative: Monte Carlo error of the criterion {maximum.criterion_error:.2g}")
    if maximum.convergence.singular:
        labels = (term.label for term in maximum.convergence.singular)
        notes.append(f"singular fit: {', '.join(labels)}")
    if maximum.identification.n_lost:
        notes.append("variance parameters that the data cannot tell apart do not count")
    return notes


def rows_held_back(fit: Fit, columns: Collection[str]) -> list[str]:
    """The note on rows that a model with only these columns could use, and that `fit` does not."""
    if not fit.matrices.n_missing:
        return []
    arguments = {"offset": fit.request.offset}
    if fit.request.distribution is not None:
        arguments |= fit.request.distribution.arguments
    more = complete_rows(fit.frame, columns, arguments=arguments) - len(fit.matrices.y)
    return [f"on the rows of the full model: {more} more would be complete"] if more > 0 else []
