"""Estimates, tests and limits of linear functions: the numbers of every table.

Tests are those of `inference.contrast`, on the scale of the model; adjustments belong to families,
the rows of one group of `by`. On the scale of the response an estimate is h(eta), its standard
error |h'(eta)| se(eta), its limits h of the limits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.inference.contrast import student_tail, t_tests
from mixedmodels.inference.degrees_of_freedom import df_word
from mixedmodels.posthoc.adjustment import Family, adjusted, multipliers
from mixedmodels.posthoc.linear_functions import LinearFunctions, Testing
from mixedmodels.posthoc.sides import LEFT, NEED_MARGIN, NO_LOWER_LIMIT, NO_UPPER_LIMIT
from mixedmodels.posthoc.transforms import Transform
from mixedmodels.prediction.integration import normal_means
from mixedmodels.prediction.links import Link
from mixedmodels.prediction.parameters import finite
from mixedmodels.vocabulary import Adjustment, Side

Vector = NDArray[np.float64]
Rows = NDArray[np.intp]
Families = Sequence[tuple[Rows, Family]]

TOO_COARSE = "means below those of any value: the variance is too large for a second-order formula"
"""Of bias adjustment by h'' alone."""

BY_P: tuple[Adjustment, ...] = (
    "none",
    "bonferroni",
    "holm",
    "hochberg",
    "hommel",
    "sidak",
    "fdr",
    "by",
)
"""Adjustments that need nothing but p-values."""


@dataclass(frozen=True, slots=True)
class Results:
    """One row per linear function; every array (k,), nan where a row is not estimable.

    Attributes
    ----------
    estimate, std_error, df, statistic
        On the scale of the model or, the first two, of the response; df are infinite for the
        normal reference.
    p_value
        Adjusted.
    conf_low, conf_high
        Limits, for all rows of a family together where the adjustment has such limits.
    adjust
        The adjustment that was really used.
    error
        Three standard errors of the least certain p-value of ``"mvt"``, else None.
    notes
        Of the functions and of what was done here.
    """

    estimate: Vector
    std_error: Vector
    df: Vector
    statistic: Vector
    p_value: Vector
    conf_low: Vector
    conf_high: Vector
    adjust: Adjustment
    error: float | None
    notes: tuple[str, ...]


def results(functions: LinearFunctions) -> Results:
    """Test every row as `functions.testing` says.

    Raises
    ------
    DataError
        If an option is not known, a margin is missing or negative, or the method of degrees of
        freedom cannot be used with the fit.
    """
    found, wanted = estimated(functions), functions.testing.adjust
    families = [(rows, family_of(functions, rows, wanted)) for rows in functions.families]
    p, adjust, error, notes = _p_values(functions, found, families)
    low, high = _limits(functions, found, families)
    shown = replace(found, p_value=p, conf_low=low, conf_high=high, adjust=adjust, error=error)
    return _shown(functions, replace(shown, notes=(*functions.notes, *notes)))


def estimated(functions: LinearFunctions) -> Results:
    """Estimates with unadjusted p-values, on the scale of the model; no limits."""
    testing = functions.testing
    require_margin(testing)
    tests = t_tests(
        functions.fit,
        functions.rows,
        ddf=testing.ddf,
        rhs=-functions.constant,
        level=testing.level,
    )
    std_error, df = tests.std_error, tests.df
    if df_word(testing.ddf) != "normal":
        df = np.minimum(df, functions.most_df)
    if functions.beside is not None:
        joint = functions.joint_rows
        std_error = np.sqrt(np.sum((joint @ functions.covariance()) * joint, axis=1))
    if functions.added is not None:
        std_error = np.sqrt(std_error**2 + functions.added)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = departure(tests.estimate, testing) / std_error
    none = np.full(functions.size, np.nan)
    return Results(
        estimate=tests.estimate,
        std_error=std_error,
        df=df,
        statistic=statistic,
        p_value=p_values(statistic, df, testing.side),
        conf_low=none,
        conf_high=none,
        adjust="none",
        error=None,
        notes=(),
    )


def departure(estimate: Vector, testing: Testing) -> Vector:
    """How far estimates are from the hypothesis: what a test divides by the standard error."""
    away = estimate - testing.null
    if testing.side == "equivalence":
        return np.abs(away) - testing.delta
    if testing.side == "noninferiority":
        return away + testing.delta
    return away - testing.delta if testing.side in ("nonsuperiority", "superiority") else away


def p_values(statistic: Vector, df: Vector, side: Side) -> Vector:
    """Of Student's t, for one side or both."""
    if side == "two-sided":
        return 2 * student_tail(df, np.abs(statistic))
    return student_tail(df, -statistic if side in LEFT else statistic)


def family_of(functions: LinearFunctions, rows: Rows, adjust: Adjustment) -> Family:
    """What an adjustment needs to know of some rows."""
    n_means = int(functions.n_means[rows].max(initial=0))
    if adjust not in ("mvt", "scheffe"):
        return Family(n_means or None, 0, np.empty((len(rows), 0)))
    return family_in(functions.joint_rows[rows], functions.covariance(), n_means)


def family_in(L: Vector, covariance: Vector, n_means: int) -> Family:
    """The same of rows L (k, p), nan where there are none, of what has a covariance (p, p)."""
    half = L @ _root(covariance)
    directions = half / np.linalg.norm(half, axis=1, keepdims=True)
    there = ~np.isnan(directions).any(axis=1)
    rank = int(np.linalg.matrix_rank(directions[there])) if there.any() else 0
    return Family(n_means or None, rank, directions)


def _root(covariance: Vector) -> Vector:
    """R with R R' the covariance, which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    root: Vector = vectors * np.sqrt(np.maximum(values, 0.0))
    return root


def _p_values(
    functions: LinearFunctions, found: Results, families: Families
) -> tuple[Vector, Adjustment, float | None, tuple[str, ...]]:
    """Adjusted p-values (k,), the adjustment used, its error, and notes."""
    testing, error = functions.testing, None
    used: Adjustment = "none"
    p = found.p_value.copy()
    for rows, family in families:
        made = adjusted(
            found.p_value[rows],
            found.statistic[rows],
            found.df[rows],
            testing.adjust,
            family,
            side=testing.side,
            seed=testing.seed,
        )
        p[rows] = made.p_value
        used = made.adjust if used == "none" else used  # a family of one test has none
        if made.error is not None:
            error = max(made.error, error or 0.0)
    notes = _adjustment_notes(functions, used)
    return across(functions.families, p, testing.cross_adjust), used, error, notes


def across(families: Sequence[Rows], p: Vector, cross_adjust: Adjustment) -> Vector:
    """P-values (k,) adjusted further over the groups of `by`, one row of each group together.

    Raises
    ------
    DataError
        If the adjustment needs more than p-values, or the groups have different numbers of rows.
    """
    if cross_adjust == "none":
        return p
    if cross_adjust not in BY_P:
        raise DataError(
            f"cross_adjust = {cross_adjust!r} is not known.\n"
            f"Do:   give one of {', '.join(map(repr, BY_P))}.\n"
            "Why:  across groups only p-values are adjusted."
        )
    if len({len(rows) for rows in families}) > 1:
        raise DataError(
            "The groups of by have different numbers of rows, so that cross_adjust does not know "
            "which belong together.\nDo:   leave cross_adjust out, or use by=None with adjust."
        )
    out = p.copy()
    for rows in np.array(families).T:
        family = Family(None, 0, np.empty((len(rows), 0)))
        unused = np.zeros(len(rows))
        out[rows] = adjusted(p[rows], unused, unused, cross_adjust, family).p_value
    return out


def _limits(
    functions: LinearFunctions, found: Results, families: Families
) -> tuple[Vector, Vector]:
    testing, half = functions.testing, np.full(functions.size, np.nan)
    for rows, family in families:
        c = multipliers(
            found.df[rows],
            testing.level,
            testing.adjust,
            family,
            side=testing.side,
            seed=testing.seed,
        )
        half[rows] = c * found.std_error[rows]
    low, high = found.estimate - half, found.estimate + half
    gone = np.isnan(half)
    if testing.side in NO_UPPER_LIMIT:
        high = np.where(gone, np.nan, np.inf)
    if testing.side in NO_LOWER_LIMIT:
        low = np.where(gone, np.nan, -np.inf)
    return low, high


def _adjustment_notes(functions: LinearFunctions, used: Adjustment) -> tuple[str, ...]:
    wanted = functions.testing.adjust
    if used in (wanted, "none"):  # two means have one difference: nothing to adjust for
        return ()
    return (
        f"{used} instead of {wanted}: Tukey's test is for two-sided tests of all pairwise "
        "differences"
        if wanted == "tukey"
        else f"{used} instead of {wanted}",
    )


def _shown(functions: LinearFunctions, found: Results) -> Results:
    """The results on the scale that they are to be shown on."""
    transform, variance = functions.transform, functions.back
    if functions.bounds is not None and functions.kind == "mean":
        return _within_bounds(found, functions.bounds)
    if variance is None or transform is None:
        return found
    if functions.kind == "mean":
        if functions.integral is not None:
            return _integrated(functions, found, transform, variance)
        back = _means_back(found, transform, variance)
        if np.any(back.estimate + transform.shift < 0):
            return replace(back, notes=(*back.notes, TOO_COARSE))
        return back
    if not functions.is_ratio:
        return replace(found, notes=(*found.notes, f"on the scale of the model ({transform.name})"))
    rate = transform.rate
    ratio = np.exp(rate * found.estimate)
    of = transform.ratios or f"ratios of y{f' + {transform.shift:g}' if transform.shift else ''}"
    return replace(
        found,
        estimate=ratio,
        std_error=rate * ratio * found.std_error,
        conf_low=np.exp(rate * found.conf_low),
        conf_high=np.exp(rate * found.conf_high),
        notes=(*found.notes, f"{of}; tests are of a ratio of one"),
    )


def taken_back(eta: Vector, transform: Transform, variance: float) -> Vector:
    """Means on the scale of the response, freed of bias to second order."""
    eta = np.maximum(eta, transform.lowest)
    bias = transform.bend(eta) * variance / 2 if variance else 0.0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return transform.inverse(eta) + bias


def _within_bounds(found: Results, link: Link) -> Results:
    """Means with limits that are symmetric on the scale of a link, as standard errors are there."""
    with np.errstate(invalid="ignore", divide="ignore"):
        eta = link.of(found.estimate)
        factor = 1 / np.abs(link.slope(eta))
        ends = [
            link.inverse(eta + factor * (limit - found.estimate))
            for limit in (found.conf_low, found.conf_high)
        ]
    low, high = np.minimum(*ends), np.maximum(*ends)
    return replace(found, conf_low=low, conf_high=high)


def _integrated(
    functions: LinearFunctions, found: Results, transform: Transform, variance: float
) -> Results:
    """Means over a normal variable of the inverse, with the error of its variance; limits through
    the link of the mean.
    """
    fit, slopes = functions.fit, functions.integral
    if slopes is None or fit.generalised is None:
        raise ValueError("the variance is not one that is estimated")
    m, p = len(fit.theta), len(fit.beta)
    at = mean_over_normal(transform, found.estimate, variance)
    G = np.hstack([at[2][:, None] * slopes, at[1][:, None] * functions.rows])
    with np.errstate(invalid="ignore", divide="ignore"):
        own = fit.generalised.covariance[: m + p, : m + p]
        std_error = np.sqrt(np.sum((G @ own) * G, axis=1))
        eta = transform.of(at[0])
        width = std_error / np.abs(transform.slope(eta)) / found.std_error
        ends = [
            transform.inverse(eta + width * (limit - found.estimate))
            for limit in (found.conf_low, found.conf_high)
        ]
    low, high = np.minimum(*ends), np.maximum(*ends)
    return replace(
        found,
        estimate=at[0],
        std_error=std_error,
        conf_low=low,
        conf_high=high,
        notes=(*found.notes, "integrated over the random effects"),
    )


def mean_over_normal(transform: Transform, eta: Vector, variance: float) -> Vector:
    """Of the inverse at eta + e, e normal: its mean, and the derivatives of this in eta and in the
    variance, (3, k).
    """

    def curve(at: Vector) -> Vector:
        return np.vstack([transform.inverse(at), transform.slope(at)])

    there = np.isfinite(eta)
    found = np.full((3, len(eta)), np.nan)
    own = eta[there]
    found[:, there] = normal_means(curve, own, np.full(len(own), variance))
    return found


def _means_back(found: Results, transform: Transform, variance: float) -> Results:
    """Means, their errors and limits through the inverse, freed of bias to second order."""

    def slope(eta: Vector) -> Vector:
        eta = np.maximum(eta, transform.lowest)
        bias = transform.third(eta) * variance / 2 if variance else 0.0
        return np.abs(transform.slope(eta) + bias)

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ends = (
            taken_back(found.conf_low, transform, variance),
            taken_back(found.conf_high, transform, variance),
        )
        return replace(
            found,
            estimate=taken_back(found.estimate, transform, variance),
            std_error=slope(found.estimate) * found.std_error,
            conf_low=np.minimum(*ends),
            conf_high=np.maximum(*ends),
        )


def require_margin(testing: Testing) -> None:
    """Refuse a null or a margin that does not fit the side of a test."""
    finite("null", testing.null)
    finite("delta", testing.delta)
    if testing.delta < 0:
        raise DataError(
            f"delta = {testing.delta} is negative.\nDo:   give the margin as a positive number."
        )
    if testing.side in NEED_MARGIN and not testing.delta:
        raise DataError(
            f'side = "{testing.side}" needs a margin.\n'
            "Do:   give delta, the largest difference that does not matter."
        )
    if testing.delta and testing.side not in (*NEED_MARGIN, "superiority"):
        raise DataError(
            f'delta = {testing.delta} has no meaning for side = "{testing.side}".\n'
            f"Do:   give one of {', '.join((*NEED_MARGIN, 'superiority'))}."
        )
