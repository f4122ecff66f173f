"""Linear functions of several imputations pooled row by row: means, trends and contrasts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.inference.contrast import NOTHING_TO_TEST, FTest
from mixedmodels.inference.degrees_of_freedom import method_of
from mixedmodels.pooling.rubin import Rubin, rubin
from mixedmodels.pooling.statistics import d1
from mixedmodels.posthoc.adjustment import Family, adjusted, multipliers
from mixedmodels.posthoc.adjustment.adjustment import Adjusted
from mixedmodels.posthoc.linear_functions import LinearFunctions, Testing
from mixedmodels.posthoc.results import (
    Results,
    across,
    departure,
    family_in,
    p_values,
    require_margin,
)
from mixedmodels.posthoc.sides import NO_LOWER_LIMIT, NO_UPPER_LIMIT
from mixedmodels.posthoc.tables import f_columns, named, require_alone
from mixedmodels.vocabulary import Adjustment, Side

Vector = NDArray[np.float64]

NUMBERS = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")
"""Columns of a whole table."""


@dataclass(frozen=True, slots=True, eq=False)
class PooledRows:
    """The same rows of every imputation.

    Attributes
    ----------
    each : tuple of LinearFunctions
        One per imputation.
    number : float or None
        Degrees of freedom of complete data, in the place of the models' own.
    """

    each: tuple[LinearFunctions, ...]
    number: float | None = None

    @property
    def first(self) -> LinearFunctions:
        """Those of the first imputation, for labels and for how rows are tested."""
        return self.each[0]

    @property
    def testing(self) -> Testing:
        """How rows are tested."""
        return self.first.testing

    def tested(self, **changes: Any) -> "PooledRows":
        """The same rows with other tests."""
        made = [replace(f, testing=replace(f.testing, **changes)) for f in self.each]
        return replace(self, each=tuple(made))


def pooled_rows(each: Sequence[LinearFunctions], number: float | None) -> PooledRows:
    """Rows that mean the same in every imputation.

    Raises
    ------
    DataError
        If their labels differ.
    """
    first = each[0]
    for i, other in enumerate(each[1:], 2):
        for name, values in first.labels.items():
            if name not in other.labels or values.tolist() != other.labels[name].tolist():
                raise DataError(
                    f"Imputations 1 and {i} have other values of {name!r} on the reference grid.\n"
                    f"Do:   say at which values, as at={{{name!r}: [...]}}.\n"
                    "Why:  only means at the same values can be pooled."
                )
    return PooledRows(tuple(each), number)


def pool_rows(rows: PooledRows) -> Rubin:
    """Estimates, covariances and degrees of freedom by Rubin's rules."""
    estimates, covariances, complete = [], [], []
    for f in rows.each:
        estimates.append(f.rows @ f.fit.beta + f.constant)
        joint = f.joint_rows
        own = joint @ f.covariance() @ joint.T
        covariances.append(own if f.added is None else own + np.diag(f.added))
        single = method_of(f.fit, f.testing.ddf).single(np.nan_to_num(f.rows))
        complete.append(np.minimum(single, f.most_df))
    df = np.mean(complete, axis=0)
    if rows.number is not None:
        df = np.full(len(df), rows.number)
    return rubin(np.array(estimates), np.array(covariances), df)


def results(rows: PooledRows) -> tuple[Results, Rubin]:
    """Every row tested as `testing` says, on the scale of the model."""
    functions, testing = rows.first, rows.testing
    require_margin(testing)
    pooled = pool_rows(rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = departure(pooled.estimate, testing) / pooled.std_error
    raw = p_values(statistic, pooled.df, testing.side)
    p, half, used = raw.copy(), np.full(len(raw), np.nan), testing.adjust
    for place in functions.families:
        family = _family(functions, place, pooled)
        made, c = _adjusted(raw[place], statistic[place], pooled.df[place], testing, family)
        p[place], used = made.p_value, made.adjust
        half[place] = c * pooled.std_error[place]
    low, high = _limits(pooled.estimate, half, testing.side)
    found = Results(
        estimate=pooled.estimate,
        std_error=pooled.std_error,
        df=pooled.df,
        statistic=statistic,
        p_value=across(functions.families, p, testing.cross_adjust),
        conf_low=low,
        conf_high=high,
        adjust=used,
        error=None,
        notes=_shared_notes(rows.each),
    )
    return found, pooled


def table(rows: PooledRows, columns: Sequence[str] = NUMBERS, *, fmi: bool = False) -> Any:
    """The columns that name rows, then those of numbers."""
    found, pooled = results(rows)
    numbers = {name: getattr(found, name) for name in columns}
    more = {"riv": pooled.riv, "fmi": pooled.fmi} if fmi else {}
    return rows.first.fit.frame.table(named(rows.first.labels) | numbers | more)


def test(
    rows: PooledRows,
    *,
    null: float,
    delta: float,
    side: Side,
    joint: bool,
    adjust: Adjustment | None,
) -> Any:
    """Tests of every row, or D1 of all rows of a group."""
    require_alone(joint, side=side, delta=delta, adjust=adjust)
    if joint:
        return _joint(rows, null)
    changes: dict[str, Any] = {"null": null, "delta": delta, "side": side}
    if adjust is not None:
        changes["adjust"] = adjust
    return table(rows.tested(**changes), ("estimate", "std_error", "df", "statistic", "p_value"))


def _joint(rows: PooledRows, null: float) -> Any:
    functions, pooled = rows.first, pool_rows(rows)
    tests = [_joint_test(rows, pooled, place, null) for place in functions.families]
    first = [place[0] for place in functions.families]
    names = {name: functions.labels[name][first] for name in functions.by}
    return functions.fit.frame.table(named(names) | f_columns(tests))


def _joint_test(rows: PooledRows, pooled: Rubin, place: NDArray[np.intp], null: float) -> FTest:
    """D1 of the rows of one group that do not repeat others."""
    known = place[np.isfinite(pooled.std_error[place]) & (pooled.std_error[place] > 0)]
    kept: list[int] = []
    size = np.sqrt(np.diag(pooled.within))
    for row in known.tolist():
        some = np.array([*kept, row])
        scaled = pooled.within[np.ix_(some, some)] / np.outer(size[some], size[some])
        if np.linalg.matrix_rank(scaled, tol=1e-8, hermitian=True) == len(some):
            kept.append(row)
    if not kept:
        return NOTHING_TO_TEST
    at = np.ix_(kept, kept)
    complete = [method_of(f.fit, f.testing.ddf).joint(f.rows[kept])[1] for f in rows.each]
    df = float(np.mean(complete)) if rows.number is None else rows.number
    away = pooled.estimate[kept] - null
    found = d1(away, pooled.within[at], pooled.between[at], pooled.m, df)
    return FTest(found.statistic, len(kept), found.den_df, found.p_value, found.statistic)


def _adjusted(
    raw: Vector, statistic: Vector, df: Vector, testing: Testing, family: Family
) -> tuple[Adjusted, Vector]:
    """P-values of one family, and the factors of the standard errors in its limits."""
    adjust, side, seed = testing.adjust, testing.side, testing.seed
    made = adjusted(raw, statistic, df, adjust, family, side=side, seed=seed)
    return made, multipliers(df, testing.level, adjust, family, side=side, seed=seed)


def _family(functions: LinearFunctions, place: NDArray[np.intp], pooled: Rubin) -> Family:
    n_means = int(functions.n_means[place].max(initial=0))
    total = pooled.total[np.ix_(place, place)]
    known = np.isfinite(np.diag(total))
    identity = np.where(known[:, None], np.eye(len(place)), np.nan)
    return family_in(identity, np.where(np.outer(known, known), total, 0.0), n_means)


def _limits(estimate: Vector, half: Vector, side: Side) -> tuple[Vector, Vector]:
    low, high, gone = estimate - half, estimate + half, np.isnan(half)
    if side in NO_UPPER_LIMIT:
        high = np.where(gone, np.nan, np.inf)
    if side in NO_LOWER_LIMIT:
        low = np.where(gone, np.nan, -np.inf)
    return low, high


def _shared_notes(each: Sequence[LinearFunctions]) -> tuple[str, ...]:
    """What holds for all imputations; covariates may have another mean in each."""
    shared = tuple(n for n in each[0].notes if all(n in other.notes for other in each))
    if len(shared) < len(each[0].notes):
        return (*shared, "other covariates at what they are taken at in each imputation")
    return shared
