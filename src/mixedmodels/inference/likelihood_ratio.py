"""Likelihood-ratio tests of nested models, and the table that compares several."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data.unkept import rows_needed
from mixedmodels.design import ModelMatrices
from mixedmodels.design.streamed.finish import rows_of_sample
from mixedmodels.errors import DataError
from mixedmodels.fit.criteria import aic, aicc, bic, log_likelihood, n_parameters
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.maximum import (
    FREES_VARIANCES,
    Maximum,
    caveats,
    frees_variances,
    maximum_of,
)
from mixedmodels.inference.mixture import NOTHING, chi_square_tail, mixture
from mixedmodels.inference.nested import (
    change_of_basis,
    column_space,
    is_inside,
    lost_directions,
)
from mixedmodels.inference.nested_families import Distribution, is_discrete, lost_parts
from mixedmodels.inference.nested_structures import residual_is_within

NAN = float("nan")

SAME_BASIS = 1e-9
"""|log det| of a change of basis below which REML criteria are on one scale."""

SAME_SPREAD = 1e-10
"""Relative difference of the spread of responses whose rows are not kept that is rounding."""

WORSE = 1e-5
"""A larger model whose criterion is worse by more than this has not been searched to the end."""

CHANCE = 3.0
"""Monte Carlo errors beyond which a difference is none of chance."""

LARGER_IS_WORSE = "the larger model fits worse: its search ended early"


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """A smaller model against a larger one.

    Attributes
    ----------
    statistic : float
        Difference of the criteria, never negative; nan where there is no test.
    df : float
        Difference of the numbers of parameters; nan where there is no test.
    p_value : float
        From chi-square with `df` degrees of freedom.
    p_value_boundary : float
        From the mixture of chi-squares that holds where a variance is tested at zero, or an upper
        bound; nan where no variance is. See `mixedmodels.inference.mixture`.
    notes : tuple of str
        Why there is no test, which mixture was used, what is doubtful.
    """

    statistic: float
    df: float
    p_value: float
    p_value_boundary: float
    notes: tuple[str, ...]


def likelihood_ratio(small: Maximum, large: Maximum) -> LikelihoodRatio:
    """Test `small`, fitted to the same rows by the same criterion, against `large`.

    Without a test if `small` is no special case of `large`.
    """
    df = n_parameters(large) - n_parameters(small)
    lost = lost_directions(small.rows, large.rows)
    parts = lost_parts(_distribution(small), _distribution(large))
    if (small.nodes is None) != (large.nodes is None):
        return _no_test("no test: of a linear and a generalised model; fit both by glmm")
    if len({m.nodes for m in (small, large) if m.matrices.terms}) > 1:
        return _no_test("no test: the integrals over the random effects are approximated otherwise")
    if parts is None:
        return _no_test("no test: not nested (distributions)")
    if frees_variances(small, large):
        return _no_test(FREES_VARIANCES)
    if not _fixed_part_is_nested(small.rows, large.rows):
        return _no_test("no test: not nested (fixed effects)")
    if lost is None:
        return _no_test("no test: not nested (random effects)")
    if large.held is not None and large.held != small.held:
        return _no_test("no test: not nested (fixed or tied parameters)")
    if not residual_is_within(small.rows, large.rows):
        return _no_test("no test: not nested (residual covariance)")
    if df <= 0:
        return _no_test("no test: the same model in other words")
    change = small.objective - large.objective
    statistic = change if change > NOTHING else 0.0
    weights = mixture(df, (*lost, *[1] * parts))
    notes = [] if weights is None else [weights.note]
    notes += differences(small, large)
    return LikelihoodRatio(
        statistic=statistic,
        df=float(df),
        p_value=chi_square_tail(statistic, df),
        p_value_boundary=NAN if weights is None else weights.tail(statistic),
        notes=tuple(notes),
    )


def differences(small: Maximum, large: Maximum) -> list[str]:
    """What is to be said of the difference of the criteria of two models.

    Of iterative fits its standard error: at most the sum of both, as the probes are the same.
    """
    error = small.criterion_error + large.criterion_error
    notes = [LARGER_IS_WORSE] if small.objective - large.objective < -WORSE - CHANCE * error else []
    if error > WORSE:
        notes.append(f"Monte Carlo error of the statistic: up to {error:.2g}")
    return notes


def _distribution(maximum: Maximum) -> Distribution:
    return Distribution(maximum.family, maximum.rows.auxiliary)


def compare(fits: Sequence[Fit], names: Sequence[str] | None = None) -> object:
    """Table of models of the same data, from the fewest parameters to the most.

    Every model is tested against the one in the row above, of which it must be an extension. All
    criteria contain every constant, so that models of different families can be compared by them.
    Models that were fitted by REML and have the same columns of fixed effects are compared by
    REML; all others by maximum likelihood, and the notes say so.

    Parameters
    ----------
    fits : sequence of Fit
        Two or more.
    names : sequence of str, optional
        What to call them; by default their formulas, and families and residuals if they differ.

    Returns
    -------
    table
        `model, npar, aic, aicc, bic, weight, llf, deviance, note, statistic, df, p_value,
        p_value_boundary`, in the frame library of the first fit's data. `weight` is
        Akaike's: the relative likelihood of the models, exp(-AIC/2), scaled to sum to 1.
        `p_value_boundary` is given where a variance is tested at zero (see
        `mixedmodels.inference.mixture`). `note` is empty where there is nothing to say.

    Raises
    ------
    DataError
        If there are fewer than two models, they differ in rows, response or weights, or some have
        densities and others probabilities.
    """
    labels = _labels(fits, names)
    for position, fit in enumerate(fits[1:], 1):
        require_same_data(fits[0], fit, labels[0], labels[position])
    shapes = common_rows(fits)
    by_reml, reason = _criterion(fits, shapes)
    maxima = [
        replace(maximum_of(fit, reml=by_reml), shape=shape)
        for fit, shape in zip(fits, shapes, strict=True)
    ]
    order = sorted(range(len(fits)), key=lambda i: n_parameters(maxima[i]))
    rows = [maxima[i] for i in order]
    tests = [
        LikelihoodRatio(NAN, NAN, NAN, NAN, ()),
        *(likelihood_ratio(rows[i], rows[i + 1]) for i in range(len(rows) - 1)),
    ]
    refitted = [[reason] if fits[i].reml != by_reml or (by_reml and reason) else [] for i in order]
    notes = [
        [*first, *test.notes, *caveats(row)]
        for first, test, row in zip(refitted, tests, rows, strict=True)
    ]
    akaike = np.array([aic(row) for row in rows])
    relative = np.exp(-(akaike - akaike.min()) / 2)
    return fits[0].frame.table(
        {
            "model": [labels[i] for i in order],
            "npar": [n_parameters(row) for row in rows],
            "aic": akaike,
            "aicc": np.array([aicc(row) for row in rows]),
            "bic": np.array([bic(row) for row in rows]),
            "weight": relative / relative.sum(),
            "llf": np.array([log_likelihood(row) for row in rows]),
            "deviance": np.array([row.objective for row in rows]),
            "note": ["; ".join(parts) for parts in notes],
            **ratio_columns(tests),
        }
    )


def ratio_columns(tests: Sequence[LikelihoodRatio]) -> dict[str, object]:
    """The columns `statistic, df, p_value, p_value_boundary` of a table of tests."""
    names = ("statistic", "df", "p_value", "p_value_boundary")
    return {name: np.array([getattr(test, name) for test in tests]) for name in names}


def _no_test(note: str) -> LikelihoodRatio:
    return LikelihoodRatio(NAN, NAN, NAN, NAN, (note,))


def _labels(fits: Sequence[Fit], names: Sequence[str] | None) -> list[str]:
    if len(fits) < 2:
        raise DataError(
            f"{len(fits)} models were given, and a comparison needs at least two.\n"
            "Do:   pass all models at once, as compare(first, second)."
        )
    if names is None:
        is_alike = len({(fit.family.name, fit.family.zero) for fit in fits}) == 1
        same_residual = len({_of_residual(fit) for fit in fits}) == 1
        return [
            str(fit.spec.formula)
            + ("" if is_alike else _of_family(fit))
            + ("" if same_residual else _of_residual(fit))
            for fit in fits
        ]
    if isinstance(names, str) or not isinstance(names, Sequence) or len(names) != len(fits):
        raise DataError(
            f"names = {names!r} does not name the {len(fits)} models.\n"
            "Do:   give a list with one name per model, or leave it out for their formulas."
        )
    return [str(name) for name in names]


def _of_family(fit: Fit) -> str:
    zero = "" if fit.family.zero == "none" else f", {fit.family.zero}"
    return f" [{fit.family.name}{zero}]"


def _of_residual(fit: Fit) -> str:
    """What is asked of the residuals, as it was written; empty if nothing."""
    spec = fit.spec.residual
    if spec is None:
        return ""
    blocks = "" if spec.blocks is None else f", residual={spec.blocks.term}"
    return blocks + ("" if spec.scale is None else f", sigma={spec.scale.formula}")


def require_same_data(first: Fit, other: Fit, first_name: str, other_name: str) -> None:
    """Refuse models of which the likelihoods are of different data."""
    a, b = first.matrices, other.matrices
    which = f"      {first_name}\n      {other_name}\n"
    if len(a.y) != len(b.y) or not _same_rows(a, b):
        missing = "" if a.n_missing == b.n_missing else " after those with missing values are out"
        raise DataError(
            f"The models use different rows, {len(a.y)} and {len(b.y)}{missing}:\n{which}"
            "Do:   fit all of them to one table without missing values in any column they use.\n"
            "Why:  likelihoods of different data cannot be compared."
        )
    if not _same_response(a, b):
        texts = (first.spec.formula.response, other.spec.formula.response)
        what = (
            "values of the response" if texts[0] == texts[1] else f"responses {' and '.join(texts)}"
        )
        raise DataError(
            f"The models have different {what}:\n{which}"
            "Do:   fit all of them to the same response, with the rows in the same order.\n"
            "Why:  likelihoods of different data, or on different scales, cannot be compared."
        )
    if is_discrete(first.family) != is_discrete(other.family):
        raise DataError(
            f"One model has probabilities of the response, the other densities:\n{which}"
            "Do:   compare families of one kind: of counts, or of continuous responses.\n"
            "Why:  a density depends on the unit of the response, a probability does not: their "
            "logarithms\n      cannot be compared."
        )
    if not _same_weights(a, b):
        raise DataError(
            f"The models have different weights:\n{which}"
            "Do:   give all of them the same weights.\n"
            "Why:  the weights are part of the data."
        )


def _same_rows(a: ModelMatrices, b: ModelMatrices) -> bool:
    """Where they are known, of tables of one length."""
    if not (a.has_rows and b.has_rows) or len(a.kept) != len(b.kept):
        return True
    return bool(np.all(a.kept == b.kept))


def _same_response(a: ModelMatrices, b: ModelMatrices) -> bool:
    if a.moments is None or b.moments is None:
        return np.array_equal(a.y, b.y) and np.array_equal(_size(a), _size(b))
    return bool(np.isclose(a.moments.spread, b.moments.spread, rtol=SAME_SPREAD, atol=0))


def _size(m: ModelMatrices) -> NDArray[np.float64]:
    return np.ones(len(m.y)) if m.size is None else m.size


def _same_weights(a: ModelMatrices, b: ModelMatrices) -> bool:
    if not (a.has_rows and b.has_rows):
        return bool(np.isclose(a.mean_inverse_weight, b.mean_inverse_weight, rtol=SAME_SPREAD))
    first, second = (np.ones(len(m.y)) if m.weights is None else m.weights for m in (a, b))
    return np.array_equal(first, second)


def common_rows(fits: Sequence[Fit]) -> list[ModelMatrices]:
    """The matrices of several models on the same rows: those of the fits, or of one sample of them.

    Raises
    ------
    DataError
        If rows are not kept, and no sample has the columns of all models.
    """
    if all(fit.matrices.has_rows for fit in fits):
        return [fit.matrices for fit in fits]
    samples = [fit.matrices.moments.sample for fit in fits if fit.matrices.moments is not None]
    needed = {name for sample in samples for name in sample.columns}
    whole = next((sample for sample in samples if needed <= {*sample.columns}), None)
    if whole is None or len(samples) < len(fits):
        raise rows_needed()
    return [rows_of_sample(fit.spec, fit.matrices, frame=whole) for fit in fits]


def _criterion(fits: Sequence[Fit], shapes: Sequence[ModelMatrices]) -> tuple[bool, str]:
    """Whether to compare by REML, and what to say in the rows that are concerned."""
    if not any(fit.reml for fit in fits):
        return False, ""
    if not all(fit.reml for fit in fits):
        return False, "refitted by ML: other models of the comparison are ML fits"
    first = shapes[0].X
    basis = column_space(first)
    for shape in shapes[1:]:
        X = shape.X
        if X.shape != first.shape or not is_inside(basis, X):
            return False, (
                "refitted by ML: REML fits with different fixed effects cannot be compared"
            )
        if abs(change_of_basis(first, X)) > SAME_BASIS:
            return False, (
                "refitted by ML: REML fits with different codings of the fixed effects cannot be "
                "compared"
            )
    return True, "compared by REML"


def _fixed_part_is_nested(small: ModelMatrices, large: ModelMatrices) -> bool:
    """Whether the larger model has every mean that the smaller one can have."""
    offsets = [np.zeros(len(m.y)) if m.offset is None else m.offset for m in (small, large)]
    shift = (offsets[0] - offsets[1])[:, None]
    columns = small.X if not shift.any() else np.hstack([small.X, shift])
    return is_inside(column_space(large.X), columns)
