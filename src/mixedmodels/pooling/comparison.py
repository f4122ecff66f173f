"""Tests of pooled hypotheses, and of one pooled model against another that it contains."""

from collections.abc import Callable, Sequence
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixedmodels.errors import DataError
from mixedmodels.fit.change import update
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.contrast import CONTRADICTION, NO_HYPOTHESIS
from mixedmodels.inference.hypothesis import LinearHypothesis, read_hypothesis
from mixedmodels.inference.likelihood_ratio import LikelihoodRatio, likelihood_ratio
from mixedmodels.inference.maximum import maximum_of
from mixedmodels.inference.nested import column_space, is_inside
from mixedmodels.options import require_option
from mixedmodels.pooling.agreement import same_count
from mixedmodels.pooling.average_point import average_point, deviance_at
from mixedmodels.pooling.complete import CompleteDf, methods_of
from mixedmodels.pooling.stacking import stacked
from mixedmodels.pooling.statistics import PooledTest, d1, d2, d3, d4
from mixedmodels.vocabulary import PooledStatistic, PooledUse

Vector = NDArray[np.float64]

Hypothesis = str | Sequence[str] | ArrayLike


def wald_test(
    fits: Sequence[Fit], h: Hypothesis, *, method: PooledStatistic = "D1", ddf: CompleteDf = None
) -> object:
    """One row `contrast, method, num_df, den_df, statistic, p_value, riv`.

    See `PooledModel.wald_test`.

    Raises
    ------
    DataError
        If the hypothesis cannot be read, or the method is one of likelihoods.
    """
    require_option("method", method, ("D1", "D2"))
    hypotheses = [read_hypothesis(fit, h) for fit in fits]
    test = _wald(fits, hypotheses, method, ddf)
    columns = {"contrast": [", ".join(hypotheses[0].labels)], "method": [method]}
    return fits[0].frame.table(columns | _numbers([test]))


def compare(
    large: Sequence[Fit],
    small: Sequence[Fit],
    *,
    method: PooledStatistic,
    use: PooledUse,
    ddf: CompleteDf = None,
) -> object:
    """One row `model, against, method, num_df, den_df, statistic, p_value, riv, note`.

    See `PooledModel.compare`.

    Raises
    ------
    DataError
        If neither model contains the other, they are of other data, or the method cannot test
        what one of them lacks.
    """
    require_option("method", method, get_args(PooledStatistic))
    require_option("use", use, get_args(PooledUse))
    same_count(large, small)
    if _n_parameters(large) < _n_parameters(small):
        large, small = small, large
    ratios = [_ratio(s, g) for s, g in zip(small, large, strict=True)]
    _require_nested(ratios)
    if method == "D1" or (method == "D2" and use == "wald"):
        test = _wald(large, _dropped(large, small), method, ddf)
    else:
        if ddf is not None:
            raise DataError(
                f"ddf has no meaning for {method} of likelihood ratios.\n"
                'Do:   leave it out, or use method="D1".'
            )
        test = LIKELIHOODS[method](large, small, ratios)
    notes = list(dict.fromkeys(note for ratio in ratios for note in _own_notes(ratio)))
    if not np.isnan(ratios[0].p_value_boundary) and use != "wald" and method != "D1":
        notes.append("a variance is tested at zero: the p-value is too large")
    names = {"model": [_name(large)], "against": [_name(small)], "method": [method]}
    return large[0].frame.table(names | _numbers([test]) | {"note": ["; ".join(notes)]})


def fits_of(other: object) -> Sequence[Fit]:
    """The fits of a pooled model.

    Raises
    ------
    DataError
        If it is none.
    """
    fits = getattr(other, "fits", None)
    if not isinstance(fits, tuple) or not all(isinstance(fit, Fit) for fit in fits):
        raise DataError(
            f"compare() was given an object of type {type(other).__name__}.\n"
            "Do:   give the other pooled model, fitted to the same imputations."
        )
    return fits


def _own_notes(ratio: LikelihoodRatio) -> tuple[str, ...]:
    """The notes but for that on the mixture at a boundary, which pooled tests have none of."""
    return ratio.notes if np.isnan(ratio.p_value_boundary) else ratio.notes[1:]


def _numbers(tests: Sequence[PooledTest]) -> dict[str, object]:
    return {
        "num_df": np.array([test.num_df for test in tests], dtype=np.int64),
        "den_df": np.array([test.den_df for test in tests]),
        "statistic": np.array([test.statistic for test in tests]),
        "p_value": np.array([test.p_value for test in tests]),
        "riv": np.array([test.riv for test in tests]),
    }


def _name(fits: Sequence[Fit]) -> str:
    return str(fits[0].spec.formula)


def _n_parameters(fits: Sequence[Fit]) -> int:
    return len(fits[0].beta) + len(fits[0].theta) + len(fits[0].delta)


def _ratio(small: Fit, large: Fit) -> LikelihoodRatio:
    """Of maximum likelihood, to which REML fits are refitted."""
    return likelihood_ratio(maximum_of(small, reml=False), maximum_of(large, reml=False))


def _require_nested(ratios: Sequence[LikelihoodRatio]) -> None:
    for number, ratio in enumerate(ratios, 1):
        if np.isnan(ratio.statistic):
            raise DataError(
                f"The models cannot be compared, in imputation {number}: {ratio.notes[0]}.\n"
                "Do:   compare a model with one of which it is an extension."
            )


def _wald(
    fits: Sequence[Fit],
    hypotheses: Sequence[LinearHypothesis],
    method: PooledStatistic,
    ddf: CompleteDf,
) -> PooledTest:
    """D1, or D2 of the m Wald statistics."""
    methods = methods_of(fits, ddf)
    rows = _independent(fits, hypotheses)
    L = [row for row, _ in rows]
    pooled = methods.functions(L, -np.array([rhs for _, rhs in rows]))
    if method == "D1":
        complete = methods.joint(L)
        return d1(pooled.estimate, pooled.within, pooled.between, pooled.m, complete)
    statistics = []
    for fit, own, (row, rhs) in zip(fits, methods.methods, rows, strict=True):
        away = row @ fit.beta - rhs
        statistics.append(float(away @ np.linalg.solve(row @ own.covariance @ row.T, away)))
    return d2(np.array(statistics), len(L[0]))


def _independent(
    fits: Sequence[Fit], hypotheses: Sequence[LinearHypothesis]
) -> list[tuple[Vector, Vector]]:
    """L (k, p) and c (k,) of every imputation, without rows that repeat others: the same rows, in
    the formula's columns, in all of them.
    """
    whole = fits[0].matrices.coordinates.original(hypotheses[0].L)
    size = np.linalg.norm(whole, axis=1)
    if not np.any(size > 0):
        raise DataError(NO_HYPOTHESIS)
    kept: list[int] = []
    for row in np.flatnonzero(size > 0).tolist():
        if np.linalg.matrix_rank(whole[[*kept, row]] / size[[*kept, row], None]) > len(kept):
            kept.append(row)
    rhs = hypotheses[0].rhs
    weights = np.linalg.lstsq(whole[kept].T, whole.T, rcond=None)[0]
    if not np.allclose(rhs, weights.T @ rhs[kept], rtol=1e-8, atol=1e-10):
        raise DataError(CONTRADICTION)
    return [(h.L[kept], h.rhs[kept]) for h in hypotheses]


def _dropped(large: Sequence[Fit], small: Sequence[Fit]) -> list[LinearHypothesis]:
    """That the coefficients are zero which only the larger model has."""
    names, kept = large[0].matrices.x_names, small[0].matrices.x_names
    gone = [name for name in names if name not in kept]
    only_fixed = len(large[0].psi) - len(gone) == len(small[0].psi)
    if large[0].generalised is None:
        only_fixed = len(large[0].theta) == len(small[0].theta)
    L = np.eye(len(names))[[names.index(name) for name in gone]]
    found = [
        LinearHypothesis(fit.matrices.coordinates.columns(L), np.zeros(len(L)), tuple(gone))
        for fit in large
    ]
    same_space = [_spans(g, s, h.L) for g, s, h in zip(large, small, found, strict=True)]
    if not gone or not only_fixed or not all(same_space):
        raise DataError(
            "Wald tests are of coefficients, and the models differ in more than these.\n"
            'Do:   use method="D3" or "D4", or method="D2" with use="likelihood".'
        )
    return found


def _spans(large: Fit, small: Fit, L: Vector) -> bool:
    """Whether the larger model, its hypothesis being true, has the means of the smaller one."""
    if len(L) == 0:
        return False
    null = np.linalg.svd(L)[2][len(L) :].T
    X, own = large.matrices.X @ null, small.matrices.X
    if X.shape[1] != own.shape[1]:
        return False
    return X.shape[1] == 0 or is_inside(column_space(own), X)


def _by_statistics(
    large: Sequence[Fit], small: Sequence[Fit], ratios: Sequence[LikelihoodRatio]
) -> PooledTest:
    return d2(np.array([ratio.statistic for ratio in ratios]), int(ratios[0].df))


def _by_averages(
    large: Sequence[Fit], small: Sequence[Fit], ratios: Sequence[LikelihoodRatio]
) -> PooledTest:
    """The likelihoods at the averages of the estimates of either model."""
    deviances = []
    for fits in (small, large):
        by_ml = [update(fit, reml=False) if fit.reml else fit for fit in fits]
        point = average_point(by_ml)
        deviances.append(np.mean([deviance_at(fit, point) for fit in by_ml]))
    each = float(np.mean([ratio.statistic for ratio in ratios]))
    average = float(deviances[0] - deviances[1])
    return d3(each, average, int(ratios[0].df), len(ratios))


def _by_stack(
    large: Sequence[Fit], small: Sequence[Fit], ratios: Sequence[LikelihoodRatio]
) -> PooledTest:
    m = len(ratios)
    each = float(np.mean([ratio.statistic for ratio in ratios]))
    joint = (stacked(small).objective - stacked(large).objective) / m
    return d4(each, joint, int(ratios[0].df), m)


LIKELIHOODS: dict[
    str, Callable[[Sequence[Fit], Sequence[Fit], Sequence[LikelihoodRatio]], PooledTest]
] = {"D2": _by_statistics, "D3": _by_averages, "D4": _by_stack}
"""Tests from likelihood ratios."""
