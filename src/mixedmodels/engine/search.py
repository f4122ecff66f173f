"""The optimum of a problem, whose variances that no data can tell stay at zero."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels._native import GeneralisedSolution, Solution
from mixedmodels.design import ORIGINAL, Identification, ModelMatrices
from mixedmodels.engine.convergence import (
    Convergence,
    convergence_of,
    generalised_convergence,
)
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.route import AnyLinear
from mixedmodels.engine.settings import Control
from mixedmodels.engine.singularity import TermFacts
from mixedmodels.engine.structured import StructuredProblem
from mixedmodels.errors import DataError

Vector = NDArray[np.float64]


def optimum(
    problem: AnyLinear,
    known: Identification,
    facts: Sequence[TermFacts],
    *,
    reml: bool,
    control: Control,
) -> tuple[Solution, Convergence]:
    """Search for the optimum of `problem`.

    Effects that the fixed part takes up have no part in it: the data are silent on their variance,
    which is zero in the result, as if they were not in the model. A term whose parameters cannot
    all be told is never called singular, since where it ends on its flat ground is chance.
    """
    if isinstance(problem, StructuredProblem) or not any(known.absorbed):
        solution = problem.minimise(reml=reml, control=control)
        convergence = convergence_of(problem, solution, tuple(facts))
        return solution, _without_chance(convergence, known)
    if not problem.matrices.has_rows:
        raise _taken_up(known, facts)
    free = np.array(
        [not {row, column} & set(known.absorbed[k]) for k, row, column in problem.theta_index],
        dtype=np.bool_,
    )
    part = replace(problem, matrices=without_columns(problem.matrices, known.absorbed))
    if control.start is not None:
        start = problem.working(problem.checked(control.start))
        control = replace(control, start=start[free].tolist())
    found = part.minimise(reml=reml, control=control)
    theta = np.zeros(len(free))
    theta[free] = found.theta
    kept = [k for k, fact in enumerate(facts) if len(known.absorbed[k]) < len(fact.columns)]
    convergence = convergence_of(part, found, tuple(_part(facts[k], known, k) for k in kept))
    singular = tuple(replace(term, term=kept[term.term]) for term in convergence.singular)
    convergence = replace(convergence, singular=singular)
    return problem.estimates(theta, reml=reml), _without_chance(convergence, known)


def generalised_optimum(
    problem: GeneralisedProblem,
    known: Identification,
    facts: Sequence[TermFacts],
    *,
    control: Control,
) -> tuple[GeneralisedSolution, Convergence]:
    """Search for the optimum of a generalised model, with the Hessian in all of its parameters."""
    solution = problem.search(control=control)
    convergence = generalised_convergence(problem, solution, tuple(facts))
    return solution, _without_chance(convergence, known)


def _taken_up(known: Identification, facts: Sequence[TermFacts]) -> DataError:
    labels = [fact.label for fact, out in zip(facts, known.absorbed, strict=True) if out]
    return DataError(
        f"The fixed part takes up effects of {', '.join(labels)}, whose variance therefore cannot "
        "be estimated.\n"
        "Do:   leave the term out, or take out of the fixed part what tells its levels apart.\n"
        "Why:  of rows in memory such a variance is left at zero; sums cannot leave it out."
    )


def without_columns(matrices: ModelMatrices, columns: Sequence[Sequence[int]]) -> ModelMatrices:
    """The matrices without some columns of each Z_k, whose names are then those of the others."""
    terms = []
    for term, out in zip(matrices.terms, columns, strict=True):
        kept = [j for j in range(len(term.names)) if j not in out]
        if kept:
            names = tuple(term.names[j] for j in kept)
            Z = np.asfortranarray(term.Z[:, kept])
            terms.append(replace(term, names=names, Z=Z, coordinates=ORIGINAL))
    return matrices.with_terms(terms)


def _part(fact: TermFacts, known: Identification, term: int) -> TermFacts:
    columns = tuple(c for j, c in enumerate(fact.columns) if j not in known.absorbed[term])
    return replace(fact, columns=columns)


def _without_chance(convergence: Convergence, known: Identification) -> Convergence:
    if not known.n_lost or not convergence.singular:
        return convergence
    unknown = {
        k
        for (k, i, j), is_known in zip(known.parameters, known.identified[:-1], strict=True)
        if not is_known and not {i, j} & set(known.absorbed[k])
    }
    kept = tuple(term for term in convergence.singular if term.term not in unknown)
    return replace(convergence, singular=kept)
