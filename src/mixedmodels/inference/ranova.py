"""`ranova`: a likelihood-ratio test of every random term, like an analysis of variance."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from formulaic.parser.types import Term

from mixedmodels.design import ModelMatrices, TermMatrix, droppable_terms, is_intercept, term_label
from mixedmodels.engine.problem import Problem
from mixedmodels.errors import DataError
from mixedmodels.fit.criteria import aic, log_likelihood, n_parameters
from mixedmodels.fit.fit import Fit
from mixedmodels.formula import RandomTerm
from mixedmodels.formula.tokens import quote
from mixedmodels.inference.likelihood_ratio import (
    NAN,
    LikelihoodRatio,
    likelihood_ratio,
    ratio_columns,
)
from mixedmodels.inference.maximum import caveats, maximum_of, search
from mixedmodels.inference.nested import column_space, is_inside


@dataclass(frozen=True, slots=True)
class Reduction:
    """One way to make the random part smaller.

    Attributes
    ----------
    label
        What is left out.
    term
        The random term concerned.
    columns
        Of its columns, those that stay.
    adds_intercept
        Whether a constant takes the place of a factor that stood for it.
    """

    label: str
    term: int
    columns: tuple[int, ...]
    adds_intercept: bool


def ranova(fit: Fit) -> object:
    """Test every random term by leaving it, or one of its effects, out.

    An intercept `(1 | g)` is left out whole. Of `(x1 + x2 | g)` each effect that is in no
    interaction is left out in turn, with its covariances. Independent effects, `(x || g)`, are
    tested one by one, the intercept included. `(0 + f | g)` of a factor f becomes `(1 | g)`, the
    model with equal effects of all levels; `(0 + x | g)` of a covariate is left out, since
    `(1 | g)` is not a special case of it. The models are fitted again by the criterion of the fit,
    with the same fixed effects and rows.

    Returns
    -------
    table
        `term, npar, llf, aic, statistic, df, p_value, p_value_boundary, note`, the model itself
        first, as ``<none>``. `npar`, `llf` and `aic` are those of the model without the term.
        `p_value` takes the ratio for chi-square and is too large, as variances cannot be
        negative; `p_value_boundary` is from the mixture that holds there, or an upper bound, as
        the note says (see `mixedmodels.inference.mixture`).

    Raises
    ------
    DataError
        If the model has no random terms.
    """
    if not fit.matrices.terms:
        raise DataError(
            "The model has no random terms, so there is nothing to test.\n"
            "Do:   use drop1() for the fixed terms."
        )
    full = maximum_of(fit)
    chosen = list(_reductions(fit))
    maxima = [
        search(Problem(_reduced(fit.matrices, r)), reml=fit.reml, control=fit.request.control)
        for r in chosen
    ]
    tests = [likelihood_ratio(maximum, full) for maximum in maxima]
    rows = [full, *maxima]
    notes = [caveats(full)] + [
        [*test.notes, *caveats(maximum)] for test, maximum in zip(tests, maxima, strict=True)
    ]
    return fit.frame.table(
        {
            "term": ["<none>", *(reduction.label for reduction in chosen)],
            "npar": [n_parameters(row) for row in rows],
            "llf": np.array([log_likelihood(row) for row in rows]),
            "aic": np.array([aic(row) for row in rows]),
            **ratio_columns([LikelihoodRatio(NAN, NAN, NAN, NAN, ()), *tests]),
            "note": ["; ".join(parts) for parts in notes],
        }
    )


def _reductions(fit: Fit) -> Iterator[Reduction]:
    for k, (spec, matrix) in enumerate(zip(fit.spec.terms, fit.matrices.terms, strict=True)):
        columns = _columns_of_terms(spec.recipe.structure)
        terms = [row.term for row in spec.recipe.structure]
        whole = tuple(range(len(matrix.names)))
        if matrix.structure == "diagonal":
            yield from _independent(k, spec.term, matrix, list(zip(terms, columns, strict=True)))
        elif not (droppable := droppable_terms(terms)):
            yield Reduction(str(spec.term), k, (), False)
        else:
            for term, dropped in zip(terms, columns, strict=True):
                if term in droppable:
                    kept = tuple(j for j in whole if j not in dropped)
                    label = f"{term_label(term)} in {spec.term}"
                    yield Reduction(label, k, kept, _loses_constant(matrix, kept))


def _independent(
    k: int,
    written: RandomTerm,
    matrix: TermMatrix,
    terms: Sequence[tuple[Term, Sequence[int]]],
) -> Iterator[Reduction]:
    """Effects with a variance each: all can go, unless a factor's coding rests on them."""
    group = ":".join(quote(name) for name in written.group)
    each_is_one_column = all(len(columns) == 1 for _, columns in terms)
    droppable = (
        [t for t, _ in terms] if each_is_one_column else droppable_terms([t for t, _ in terms])
    )
    for term, dropped in terms:
        if term not in droppable:
            continue
        kept = tuple(j for j in range(len(matrix.names)) if j not in dropped)
        label, bar = term_label(term), "|" if len(dropped) == 1 else "||"
        name = f"(1 | {group})" if is_intercept(term) else f"{label} in (0 + {label} {bar} {group})"
        yield Reduction(name, k, kept, False)


def _columns_of_terms(structure: Sequence[object]) -> list[list[int]]:
    """Per term of a recipe, the places of its columns."""
    places = []
    start = 0
    for row in structure:
        stop = start + len(row.columns)  # type: ignore[attr-defined]  # formulaic is untyped
        places.append(list(range(start, stop)))
        start = stop
    return places


def _loses_constant(matrix: TermMatrix, kept: Sequence[int]) -> bool:
    """Whether all columns have the constant among their combinations, and those kept do not."""
    ones = np.ones((len(matrix.Z), 1))
    inside = [is_inside(column_space(Z), ones) for Z in (matrix.Z, matrix.Z[:, list(kept)])]
    return inside[0] and not inside[1]


def _reduced(matrices: ModelMatrices, reduction: Reduction) -> ModelMatrices:
    """The same rows and fixed effects with less of one random term."""
    old = matrices.terms[reduction.term]
    kept = list(reduction.columns)
    Z = old.Z[:, kept]
    names = tuple(old.names[j] for j in kept)
    if reduction.adds_intercept:
        Z = np.hstack([np.ones((len(Z), 1)), Z])
        names = ("Intercept", *names)
    terms = list(matrices.terms)
    if names:
        terms[reduction.term] = replace(old, Z=np.asfortranarray(Z), names=names)
    else:
        del terms[reduction.term]
    used = sorted({term.group for term in terms})
    return replace(
        matrices,
        groupings=tuple(matrices.groupings[g] for g in used),
        terms=tuple(replace(term, group=used.index(term.group)) for term in terms),
    )
