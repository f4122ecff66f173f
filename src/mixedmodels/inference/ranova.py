"""`ranova`: a likelihood-ratio test of every random term, like an analysis of variance."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from formulaic.parser.types import Term
from numpy.typing import NDArray

from mixedmodels.design import (
    ORIGINAL,
    ModelMatrices,
    TermSpec,
    columns_of,
    coordinates_of,
    droppable_terms,
    is_categorical,
    is_intercept,
    term_label,
)
from mixedmodels.engine.route import problem_like
from mixedmodels.errors import DataError
from mixedmodels.fit.criteria import aic, log_likelihood, n_parameters
from mixedmodels.fit.fit import Fit
from mixedmodels.formula.tokens import quote
from mixedmodels.inference.likelihood_ratio import (
    NAN,
    LikelihoodRatio,
    likelihood_ratio,
    ratio_columns,
)
from mixedmodels.inference.maximum import Maximum, caveats, maximum_of, rows_held_back, search
from mixedmodels.inference.nested import column_space, is_inside

Vector = NDArray[np.float64]


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
    others
        The terms on the left of the bar that stay.
    """

    label: str
    term: int
    columns: tuple[int, ...]
    adds_intercept: bool
    others: tuple[Term, ...]


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
        `term, npar, llf, aic, note, statistic, df, p_value, p_value_boundary`, the model itself
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
    return fit.frame.table(columns_of_models([whole_model(fit), *reduced_models(fit)]))


@dataclass(frozen=True, slots=True)
class ReducedModel:
    """A model with less in its random part, and its test against the whole.

    Attributes
    ----------
    reduction
        What was left out; None in the whole model.
    maximum
        The model at its optimum.
    test
        The likelihood ratio.
    notes
        What is to be said of it.
    """

    reduction: Reduction | None
    maximum: Maximum
    test: LikelihoodRatio
    notes: tuple[str, ...]

    @property
    def label(self) -> str:
        """What tables call it."""
        return "<none>" if self.reduction is None else self.reduction.label


def whole_model(fit: Fit) -> ReducedModel:
    """The first row of the table."""
    full = maximum_of(fit)
    nothing = LikelihoodRatio(NAN, NAN, NAN, NAN, ())
    return ReducedModel(None, full, nothing, tuple(caveats(full)))


def reduced_models(fit: Fit) -> list[ReducedModel]:
    """The model without each random term, or one of its effects; see `ranova`."""
    full = maximum_of(fit)
    found = []
    for reduction in _reductions(fit):
        problem = problem_like(fit.problem, _reduced(fit.matrices, reduction))
        maximum = search(problem, reml=fit.reml, control=fit.request.control)
        test = likelihood_ratio(maximum, full)
        notes = (*test.notes, *_held_back(fit, reduction), *caveats(maximum))
        found.append(ReducedModel(reduction, maximum, test, notes))
    return found


def columns_of_models(rows: Sequence[ReducedModel]) -> dict[str, object]:
    """The columns `term, npar, llf, aic, note, statistic, df, p_value, p_value_boundary`."""
    maxima = [row.maximum for row in rows]
    return {
        "term": np.array([row.label for row in rows], dtype=object),
        "npar": np.array([n_parameters(maximum) for maximum in maxima], dtype=np.int64),
        "llf": np.array([log_likelihood(maximum) for maximum in maxima], dtype=np.float64),
        "aic": np.array([aic(maximum) for maximum in maxima], dtype=np.float64),
        "note": np.array(["; ".join(row.notes) for row in rows], dtype=object),
        **ratio_columns([row.test for row in rows]),
    }


def _reductions(fit: Fit) -> Iterator[Reduction]:
    for k, spec in enumerate(fit.spec.terms):
        matrix = fit.matrices.terms[k]
        terms = [row.term for row in spec.recipe.structure]
        if not matrix.is_plain:
            yield Reduction(str(spec.term), k, (), adds_intercept=False, others=())
        elif matrix.is_independent:
            yield from _of_independent(k, spec, terms)
        elif not (droppable := droppable_terms(terms)):
            yield Reduction(str(spec.term), k, (), adds_intercept=False, others=())
        else:
            for term in droppable:
                label = f"{term_label(term)} in {spec.term}"
                Z = matrix.coordinates.original(matrix.Z)
                yield _without(k, spec, term, label, Z=Z)


def _of_independent(k: int, spec: TermSpec, terms: Sequence[Term]) -> Iterator[Reduction]:
    """Effects with a variance each: all can go, unless the coding of a factor rests on them."""
    coded = any(is_categorical(term, spec.recipe) for term in terms)
    group = ":".join(quote(name) for name in spec.term.group)
    for term in droppable_terms(terms) if coded and len(terms) > 1 else terms:
        if is_intercept(term):
            label = f"(1 | {group})"
        else:
            name, bar = term_label(term), "||" if is_categorical(term, spec.recipe) else "|"
            label = f"{name} in (0 + {name} {bar} {group})"
        yield _without(k, spec, term, label)


def _without(
    k: int, spec: TermSpec, term: Term, label: str, *, Z: Vector | None = None
) -> Reduction:
    """Leave out one effect; with the columns `Z` of a correlated term the constant stays inside."""
    kept: list[int] = []
    start = 0
    for row in spec.recipe.structure:
        stop = start + len(row.columns)
        kept += [] if row.term is term else range(start, stop)
        start = stop
    return Reduction(
        label,
        k,
        tuple(kept),
        adds_intercept=Z is not None and _loses_constant(Z, kept),
        others=tuple(row.term for row in spec.recipe.structure if row.term is not term),
    )


def _loses_constant(Z: Vector, kept: Sequence[int]) -> bool:
    """Whether all columns have the constant among their combinations, and those kept do not."""
    ones = np.ones((len(Z), 1))
    return is_inside(column_space(Z), ones) and not is_inside(column_space(Z[:, kept]), ones)


def _held_back(fit: Fit, reduction: Reduction) -> list[str]:
    """The note on rows that only the part left out keeps from being used."""
    spec = fit.spec
    columns = columns_of(spec.fixed.formula, spec).union(spec.response_columns)
    for k, term in enumerate(spec.terms):
        is_reduced = k == reduction.term
        columns |= columns_of(reduction.others if is_reduced else term.recipe.formula, spec)
        if not is_reduced or reduction.columns or reduction.adds_intercept:
            columns |= set(term.term.group)
    return rows_held_back(fit, columns)


def _reduced(matrices: ModelMatrices, reduction: Reduction) -> ModelMatrices:
    """The same rows and fixed effects with less of one random term."""
    old = matrices.terms[reduction.term]
    kept = list(reduction.columns)
    Z = old.coordinates.original(old.Z)[:, kept]
    names = tuple(old.names[j] for j in kept)
    if reduction.adds_intercept:
        Z = np.hstack([np.ones((len(Z), 1)), Z])
        names = ("Intercept", *names)
    terms = list(matrices.terms)
    if names:
        coordinates = ORIGINAL if old.is_independent else coordinates_of(Z)
        Z = np.asfortranarray(coordinates.columns(Z))
        terms[reduction.term] = replace(old, Z=Z, names=names, coordinates=coordinates)
    else:
        del terms[reduction.term]
    return matrices.with_terms(terms)
