"""`permutation_test`: is the F of the data large among those of exchanges that the null allows?

Freedman & Lane (1983), Journal of Business & Economic Statistics 1, 292-298; residuals made
independent by the covariance of the null model as in Lee & Braun (2012), Biometrics 68, 486-493;
p-values of random permutations: Phipson & Smyth (2010), Statistical Applications in Genetics and
Molecular Biology 9, 39.
"""

from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data.unkept import rows_needed
from mixedmodels.design import columns_of, is_intercept, reduced_fixed_part, term_label
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.binomial import exact_interval
from mixedmodels.inference.contrast import f_test
from mixedmodels.inference.permutation.arrangements import (
    Arrangements,
    Flips,
    Permutations,
    are_few,
)
from mixedmodels.inference.permutation.null_model import (
    Tested,
    find_term,
    linear_alone,
    null_model,
    null_space,
    read_test,
)
from mixedmodels.inference.permutation.schemes import Statistic, basis, of_labels, of_residuals
from mixedmodels.inference.robust.clusters import Clustering, of_keys, read_clusterings
from mixedmodels.options import require_count, require_option, require_probability
from mixedmodels.prediction.streams import Seed, key_of, stream
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import Clusters, PermutationScheme

Vector = NDArray[np.float64]

TIE = 1e-9
"""Relative difference of F that is rounding: such values are as large as that of the data."""

SPANNED = 1e-7
"""Part of the constant, relative to its length, that columns which span it may leave."""

LARGE_F = 3.0
"""F from which it is said that it is much smaller at the variances of the null model."""

LEAST_MOVED = 0.05
"""Share of the tested direction that exchanges must change."""


@dataclass(frozen=True, slots=True)
class PermutationResult:
    """One test.

    Attributes
    ----------
    fit : Fit
        The model.
    hypothesis : str
        What was tested.
    statistic : float
        F at the covariance of the null model.
    num_df : int
        Rank of the hypothesis.
    null : array (n,)
        F of the exchanges; of all possible ones where `is_exact`.
    is_exact : bool
        Whether all possible exchanges were looked at.
    log_count : float
        Logarithm of how many are possible.
    exchanged : str
        What was exchanged, in words.
    assumption : str
        On what the p-value rests.
    notes : tuple of str
        What is to be said of the fit of the null model.
    level : float
        Coverage of the Monte Carlo limits.
    """

    fit: Fit
    hypothesis: str
    statistic: float
    num_df: int
    null: Vector
    is_exact: bool
    log_count: float
    exchanged: str
    assumption: str
    notes: tuple[str, ...]
    level: float

    __repr__ = brief

    @property
    def n_as_large(self) -> int:
        """Exchanges with an F as large as that of the data."""
        return int(np.count_nonzero(self.null >= self.statistic * (1 - TIE)))

    @property
    def p_value(self) -> float:
        """The share of such exchanges, that of the data among them."""
        if self.is_exact:
            return self.n_as_large / len(self.null)
        return (self.n_as_large + 1) / (len(self.null) + 1)

    @property
    def limits(self) -> tuple[float, float]:
        """Clopper-Pearson limits of the p-value that all exchanges would give."""
        if self.is_exact:
            return self.p_value, self.p_value
        return exact_interval(self.n_as_large, len(self.null), level=self.level)


@dataclass(frozen=True, slots=True)
class _Question:
    """What is computed, over what, and how it is said."""

    hypothesis: str
    statistic: Statistic
    arrangements: Arrangements
    exchanged: str
    assumption: str
    notes: tuple[str, ...]


def permutation_test(
    fit: Fit,
    test: Tested,
    n: int,
    *,
    scheme: PermutationScheme,
    within: Clusters,
    units: Clusters,
    level: float,
    seed: Seed,
) -> PermutationResult:
    """See `mixedmodels.model.LinearMixedModel.permutation_test`."""
    require_count("n", n, what="permutations")
    require_option("scheme", scheme, get_args(PermutationScheme))
    require_probability("level", level)
    _require_residuals(fit)
    key = key_of(seed)
    if scheme == "labels":
        question = _of_labels(fit, test, within, units)
    else:
        question = _of_residuals(fit, test, scheme, within, units)
    is_exact = are_few(question.arrangements, n)
    some = (
        question.arrangements.all() if is_exact else question.arrangements.drawn(stream(key, 0), n)
    )
    if len(some) == 1:
        raise DataError(
            "Nothing can be exchanged: the blocks or units allow one arrangement alone.\n"
            "Do:   use larger blocks (within=), or smaller units (units=)."
        )
    return _result(fit, test, question, some, is_exact=is_exact, level=level)


def _result(
    fit: Fit,
    test: Tested,
    question: _Question,
    some: NDArray[np.int64],
    *,
    is_exact: bool,
    level: float,
) -> PermutationResult:
    observed = question.statistic.observed
    return PermutationResult(
        fit=fit,
        hypothesis=question.hypothesis,
        statistic=observed,
        num_df=question.statistic.num_df,
        null=question.statistic.of(some),
        is_exact=is_exact,
        log_count=question.arrangements.log_count,
        exchanged=question.exchanged,
        assumption=question.assumption,
        notes=(*question.notes, *_weakness(fit, test, observed)),
        level=level,
    )


def _require_residuals(fit: Fit) -> None:
    """Refuse a fit that is generalised, without rows, or without a residual."""
    linear_alone(fit.problem)
    if not fit.matrices.has_rows:
        raise rows_needed()
    if len(fit.matrices.y) <= len(fit.beta):
        raise DataError(
            "The model has as many coefficients as rows: no residual is left to exchange.\n"
            "Do:   leave terms out."
        )


def _weakness(fit: Fit, test: Tested, observed: float) -> list[str]:
    """That the variances of the null model take up much of an effect."""
    hypothesis = read_test(fit, test)[1]
    own = f_test(fit, hypothesis.L, ddf="normal", rhs=hypothesis.rhs).statistic
    if not (own > LARGE_F and observed < own / 2):
        return []
    return [
        f"its variances take up much of the effect, so that this test is weak: F is {own:.4g} at "
        "those of the model itself"
    ]


def _of_residuals(
    fit: Fit, test: Tested, scheme: PermutationScheme, within: Clusters, units: Clusters
) -> _Question:
    """Residuals of the null model, in another order or with other signs."""
    refused = ("units", units) if scheme == "residuals" else ("within", within)
    if refused[1] is not None:
        other = "signs" if scheme == "residuals" else "residuals"
        raise DataError(
            f'{refused[0]}= has no part in scheme="{scheme}".\n'
            f'Do:   leave it out, or use scheme="labels" or scheme="{other}".'
        )
    words, hypothesis = read_test(fit, test)
    X, shift = null_space(fit, hypothesis)
    _require_columns(X)
    model = null_model(fit, X, shift)
    n = len(model.y)
    if scheme == "signs":
        one = _read(fit, units, "units")
        codes = np.arange(n) if one is None else one.codes.astype(np.int64)
        flips = Flips(n if one is None else one.count)
        statistic = of_residuals(model, fit.matrices.X, codes)
        what = "signs of the residuals of the null model" + _of_units(one, ",")
        why = (
            "errors that, made independent by the null model's covariance, are symmetric"
            if one is None
            else f"errors that are symmetric and independent between levels of {one.name}"
        )
        return _Question(words, statistic, flips, what, why, model.notes)
    blocks, said = _blocks(fit, within)
    statistic = of_residuals(model, fit.matrices.X, None)
    if statistic.moved(blocks) < LEAST_MOVED:
        raise _nothing_moves(words, said)
    what = f"residuals of the null model, made independent by its covariance{said}"
    why = "errors that, made independent by this covariance, are of one distribution"
    permutations = Permutations(np.arange(n), blocks)
    return _Question(words, statistic, permutations, what, why, model.notes)


def _of_labels(fit: Fit, test: Tested, within: Clusters, units: Clusters) -> _Question:
    """Values of a term, as they were assigned to units."""
    words = str(test)
    others, columns = _assigned(fit, test)
    _require_columns(others)
    model = null_model(fit, others, np.zeros(len(fit.matrices.y)))
    blocks, said = _blocks(fit, within)
    values = np.unique(columns, axis=0, return_inverse=True)[1].ravel()
    chosen = _own_units(fit, values) if units is None else _read(fit, units, "units")
    codes = np.arange(len(values)) if chosen is None else chosen.codes.astype(np.int64)
    first = np.unique(codes, return_index=True)[1]
    for name, of_row in (("labels of the term", values), ("blocks of within=", blocks)):
        if not np.array_equal(of_row[first][codes], of_row):
            unit = "row" if chosen is None else chosen.name
            raise DataError(
                f"The {name} differ between rows of one unit ({unit}).\n"
                "Do:   name as units= what the labels were assigned to, as a whole.\n"
                "Why:  the labels of whole units change places."
            )
    statistic = of_labels(model, columns, codes)
    if not statistic.num_df:
        raise _nothing_moves(words, said)
    what = f"labels of {words}{_of_units(chosen)}{said}"
    why = "labels that were assigned at random in this way"
    permutations = Permutations(values[first], blocks[first])
    return _Question(words, statistic, permutations, what, why, model.notes)


def _assigned(fit: Fit, test: Tested) -> tuple[Vector, Vector]:
    """The columns of the other terms, and those of a term whose labels may be exchanged.

    Raises
    ------
    DataError
        If it is no term of one variable, or the variable is elsewhere in the model.
    """
    spec, kept = fit.spec, fit.matrices.kept
    terms = list(spec.fixed.formula)
    term = find_term(fit, test) if isinstance(test, str) else None
    if term is None:
        names = ", ".join(term_label(t) for t in terms if not is_intercept(t))
        raise DataError(
            f'test = {test!r} names no term, whose labels scheme="labels" exchanges.\n'
            f'Do:   name one of {names or "the terms"}, or use scheme="residuals".'
        )
    others = [other for other in terms if other is not term]
    elsewhere = columns_of(others, spec).union(
        *(columns_of(random.recipe.formula, spec) for random in spec.terms)
    )
    shared = columns_of([term], spec) & elsewhere
    if shared or len(term.factors) > 1:
        also = f"{sorted(shared)[0]!r} is elsewhere in the model" if shared else "it is of several"
        raise DataError(
            f"The labels of {test!r} cannot be exchanged alone: {also}.\n"
            "Do:   test a term of one variable that no interaction and no random slope has, or use "
            'scheme="residuals".\n'
            "Why:  labels in other places would change the rest of the model too."
        )
    of_term = reduced_fixed_part(spec, fit.frame, terms=[term], kept=kept)
    if not others:
        return _with_constant(np.empty((len(of_term), 0)), fit.matrices.X), of_term
    of_others = reduced_fixed_part(spec, fit.frame, terms=others, kept=kept)
    return _with_constant(of_others, fit.matrices.X), of_term


def _with_constant(columns: Vector, X: Vector) -> Vector:
    """Columns with the constant too where X spans it, as labels in any places do: no means are
    tested against zero.
    """
    one = np.ones((len(X), 1))
    left = [one - Q @ (Q.T @ one) for Q in map(basis, (columns, X))]
    spans = [float(np.linalg.norm(rest)) < SPANNED * len(X) ** 0.5 for rest in left]
    return np.hstack([one, columns]) if spans == [False, True] else columns


def _own_units(fit: Fit, values: NDArray[np.int64]) -> Clustering | None:
    """The coarsest group of the model in which labels are constant; None for the rows."""
    found = []
    for grouping in fit.matrices.groupings:
        if (grouping.codes >= 0).all():
            one = of_keys(grouping.name, grouping.codes)
            first = np.unique(one.codes, return_index=True)[1]
            if np.array_equal(values[first][one.codes], values):
                found.append(one)
    return min(found, key=lambda one: one.count, default=None)


def _blocks(fit: Fit, within: Clusters) -> tuple[NDArray[np.int64], str]:
    """The block of each row, and words."""
    one = _read(fit, within, "within")
    if one is None:
        return np.zeros(len(fit.matrices.y), dtype=np.int64), ""
    return one.codes.astype(np.int64), f", within levels of {one.name}"


def _read(fit: Fit, given: Clusters, argument: str) -> Clustering | None:
    """One way to divide the rows; several columns divide by all of them."""
    if given is None:
        return None
    first, *more = read_clusterings(fit, given, argument)
    for other in more:
        first = first.within(other)
    return first


def _of_units(one: Clustering | None, before: str = "") -> str:
    return f"{before} of {'single rows' if one is None else f'whole levels of {one.name}'}"


def _require_columns(X: Vector) -> None:
    if not X.shape[1]:
        raise DataError(
            "The null hypothesis leaves no fixed effect in the model.\n"
            "Do:   fit with an intercept, or test by wald_test() or profile."
        )


def _nothing_moves(words: str, said: str) -> DataError:
    return DataError(
        f"Exchanges{said} do not change what is tested ({words}).\n"
        'Do:   use larger blocks, or scheme="signs", which asks for symmetric errors.\n'
        "Why:  a covariate that is constant in every block, or an intercept, has the same F "
        "whatever the order."
    )
