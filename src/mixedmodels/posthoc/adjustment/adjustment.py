"""p-values and critical values of several tests, adjusted for their number.

| adjustment | what it controls | what it uses |
|---|---|---|
| none | nothing | |
| tukey | family-wise error of all pairwise differences | studentised range (Kramer 1956) |
| dunnett | family-wise error of comparisons with one control | exact at correlations of 1/2 |
| dunnettx | the same, approximately | see `_dunnettx_tail` |
| mvt | family-wise error of any set | the correlations of the estimates |
| sidak, bonferroni | family-wise error of any set | number of tests |
| scheffe | family-wise error of all contrasts in the span | rank (Scheffé 1953) |
| holm, hochberg, hommel | family-wise error of any set | p-values (`step_procedures`) |
| fdr, by | false discovery rate | p-values (`step_procedures`) |

Tukey's, Scheffé's and the approximate Dunnett adjustment are two-sided by nature. Asked for a
one-sided or an equivalence test, they become "sidak", and so does "tukey" where the tests are not
all pairwise differences of one set of means. `Adjusted.adjust` says which one was used.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.errors import DataError
from mixedmodels.inference.contrast import student_quantile, student_tail
from mixedmodels.options import require_option
from mixedmodels.posthoc.adjustment.dunnett import dunnett_quantile, dunnett_tail
from mixedmodels.posthoc.adjustment.multivariate_t import (
    LargestT,
    largest_t_quantile,
    largest_t_tail,
)
from mixedmodels.posthoc.adjustment.quantile import solve_tail
from mixedmodels.posthoc.adjustment.step_procedures import PROCEDURES
from mixedmodels.posthoc.adjustment.studentized_range import range_quantile, range_tail
from mixedmodels.posthoc.sides import LEFT
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import Adjustment, Side

Vector = NDArray[np.float64]

TWO_SIDED_ONLY: Final = ("tukey", "dunnettx", "scheffe")
"""Adjustments whose distribution is that of an absolute value."""

ALSO_KNOWN_AS: Final = {
    "bh": "fdr",
    "benjamini-hochberg": "fdr",
    "fdr_bh": "fdr",
    "benjamini-yekutieli": "by",
    "fdr_by": "by",
    "bonf": "bonferroni",
    "hsd": "tukey",
    "tukey-kramer": "tukey",
    "scheffé": "scheffe",
    "šidák": "sidak",
    "single-step": "mvt",
    "multivariate-t": "mvt",
}
"""What other programs call them."""


@dataclass(frozen=True, slots=True)
class Family:
    """Tests that are adjusted together: one `by` group.

    Attributes
    ----------
    n_means : int or None
        Of how many means these are all the pairwise differences, the means that are not estimable
        included; None if they are something else.
    rank : int
        Rank of the family's hypotheses.
    directions : array (k, r)
        Rows of unit length whose products are the correlations of the estimates; nan in the rows
        of what is not estimable.
    """

    n_means: int | None
    rank: int
    directions: Vector


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Adjusted p-values.

    Attributes
    ----------
    p_value : array (k,)
        nan where there was none.
    adjust : str
        The adjustment that was used, which is not the one asked for where that does not apply.
    error : float or None
        Three standard errors of the least certain value, if the multivariate t was integrated.
    """

    p_value: Vector
    adjust: Adjustment
    error: float | None = None


def adjusted(
    p: Vector,
    statistic: Vector,
    df: Vector,
    adjust: Adjustment,
    family: Family,
    *,
    side: Side = "two-sided",
    seed: Seed = None,
) -> Adjusted:
    """The p-values of a family, adjusted.

    Parameters
    ----------
    p : array (k,)
        Unadjusted p-values for that side, from Student's t; nan rows are not counted as tests.
    statistic, df : array (k,)
        The t statistics and their degrees of freedom, infinite for a normal distribution.
    adjust : str
        One of `Adjustment`.
    family : Family
        What the tests are of.
    side : str
        One of `Side`. Small statistics count on the sides "less", "equivalence" and
        "nonsuperiority", large ones on "greater", "noninferiority" and "superiority".
    seed : int, Generator or None
        Of "mvt", see `multivariate_t`.

    Raises
    ------
    DataError
        If the adjustment or the side is not known.

    Examples
    --------
    >>> import numpy as np
    >>> pairs = Family(3, 2, np.array([[1, -1, 0], [1, 0, -1], [0, 1, -1]]) / np.sqrt(2))
    >>> t, df = np.array([2.525, 3.718, 1.192]), np.full(3, 51.0)
    >>> p = np.array([0.01473, 0.00050, 0.23864])
    >>> adjusted(p, t, df, "tukey", pairs).p_value.round(4)
    array([0.0385, 0.0014, 0.4633])
    >>> adjusted(p, t, df, "holm", pairs).p_value.round(4)
    array([0.0295, 0.0015, 0.2386])
    """
    require_adjustment(adjust)
    require_option("side", side, get_args(Side))
    counts = ~(np.isnan(p) | np.isnan(statistic))
    used = applicable(adjust, family, int(counts.sum()), side)
    out = np.full(len(p), np.nan)
    if not counts.any():
        return Adjusted(out, used)
    if used == "mvt":
        largest = _largest(statistic[counts], df[counts], family.directions[counts], side, seed)
        values, error = largest.p_value, largest.error
    else:
        n = int(counts.sum())
        values = _values(used, n, p[counts], statistic[counts], df[counts], family, side)
        error = None
    # No adjustment makes a test easier, and none is stricter than it needs to be at most.
    out[counts] = np.clip(values, p[counts], 1.0)
    return Adjusted(out, used, error)


def multipliers(
    df: Vector,
    level: float,
    adjust: Adjustment,
    family: Family,
    *,
    side: Side = "two-sided",
    seed: Seed = None,
) -> Vector:
    """Critical values c, so that all intervals estimate ± c std_error hold together at `level`.

    Holm's, Hochberg's, Hommel's and the two false discovery rates have no intervals of this form:
    they get Bonferroni's, which hold whatever the dependence, as emmeans has it. For one-sided
    tests c is the one-sided value: one limit is infinite then. Shape (k,), nan where df or the
    direction is nan.
    """
    require_adjustment(adjust)
    require_option("side", side, get_args(Side))
    counts = ~(np.isnan(df) | np.isnan(family.directions).any(axis=1))
    n = int(counts.sum())
    used = applicable(adjust, family, n, side)
    out = np.full(len(df), np.nan)
    if n:
        out[counts] = _critical(used, df[counts], level, family, counts, side, seed)
    return out


def require_adjustment(adjust: object) -> None:
    """Refuse a name that is no `Adjustment`, and say which one may be meant."""
    known = get_args(Adjustment)
    if isinstance(adjust, str) and adjust not in known:
        word = adjust.casefold().replace("_", "-")
        other = ALSO_KNOWN_AS.get(adjust.casefold()) or ALSO_KNOWN_AS.get(word)
        near = [other] if other else get_close_matches(word, known, n=1, cutoff=0.5)
        if near:
            raise DataError(
                f"adjust = {adjust!r} is not known. Did you mean {near[0]!r}?\n"
                f"Do:   give one of {', '.join(map(repr, known))}."
            )
    require_option("adjust", adjust, known)


def applicable(adjust: Adjustment, family: Family, n: int, side: Side) -> Adjustment:
    """The adjustment that applies to n tests."""
    if adjust == "tukey" and family.n_means is None:
        adjust = "sidak"
    if adjust in TWO_SIDED_ONLY and side != "two-sided":
        adjust = "sidak"
    alone = family.n_means == 2 if adjust == "tukey" else n <= 1 and adjust != "scheffe"
    return "none" if alone else adjust


def adjusted_rows(
    p: Vector,
    statistic: Vector,
    df: Vector,
    adjust: Adjustment,
    family: Family,
    *,
    side: Side = "two-sided",
    seed: Seed = None,
) -> Vector:
    """As `adjusted`, for r families of the same k tests at once: arrays (r, k) without nan."""
    n = p.shape[-1]
    used = applicable(adjust, family, n, side)
    flat, t, nu = p.ravel(), statistic.ravel(), df.ravel()
    if used in PROCEDURES:
        values = np.array([PROCEDURES[used](row) for row in p])
    elif used == "mvt":
        values = _largest(t, nu, family.directions, side, seed).p_value
    else:
        values = _values(used, n, flat, t, nu, family, side)
    out: Vector = np.clip(values.reshape(p.shape), p, 1.0)
    return out


def _largest(t: Vector, df: Vector, directions: Vector, side: Side, seed: Seed) -> LargestT:
    """How likely the largest of the tests is larger than each of t."""
    one_sided = side != "two-sided"
    outward = (-t if side in LEFT else t) if one_sided else np.abs(t)
    return largest_t_tail(outward, df, directions, one_sided=one_sided, seed=seed)


def _values(
    adjust: Adjustment, n: int, p: Vector, t: Vector, df: Vector, family: Family, side: Side
) -> Vector:
    """Adjusted p-values of tests among n that all count, except those of the multivariate t."""
    if adjust in PROCEDURES:
        return PROCEDURES[adjust](p)
    if adjust == "bonferroni":
        return n * p
    if adjust == "sidak":
        return _sidak(p, n)
    if adjust == "scheffe":
        return _f_tail(t**2 / family.rank, family.rank, df)
    if adjust == "tukey":
        return range_tail(np.sqrt(2) * np.abs(t), family.n_means or 2, df)
    if adjust == "dunnettx":
        return _dunnettx_tail(np.abs(t), n, df)
    if adjust == "dunnett":
        outward = np.abs(t) if side == "two-sided" else -t if side in LEFT else t
        return dunnett_tail(outward, n, df, one_sided=side != "two-sided")
    return p


def _critical(
    adjust: Adjustment,
    df: Vector,
    level: float,
    family: Family,
    counts: NDArray[np.bool_],
    side: Side,
    seed: Seed,
) -> Vector:
    """Critical values of tests that all count."""
    n, one_sided = len(df), side != "two-sided"
    if adjust == "mvt":
        return largest_t_quantile(
            level, df, family.directions[counts], one_sided=one_sided, seed=seed
        ).value
    if adjust == "dunnett":
        return dunnett_quantile(level, n, df, one_sided=one_sided)
    if adjust == "dunnettx":
        return solve_tail(lambda t, nu: _dunnettx_tail(t, n, nu), 1 - level, df)
    if adjust == "tukey":
        return np.asarray(range_quantile(level, family.n_means or 2, df) / np.sqrt(2))
    if adjust == "scheffe":
        return np.asarray(np.sqrt(family.rank * _f_quantile(1 - level, family.rank, df)))
    alpha = {"none": 1 - level, "sidak": -np.expm1(np.log(level) / n)}.get(adjust, (1 - level) / n)
    return -student_quantile(df, float(alpha) / (1 if one_sided else 2))


def _sidak(p: Vector, n: int) -> Vector:
    """1 - (1 - p)^n, without loss where p is small."""
    with np.errstate(divide="ignore"):
        values: Vector = -np.expm1(n * np.log1p(-p))
    return values


def _f_tail(f: Vector, rank: int, df: Vector) -> Vector:
    finite = np.isfinite(df)
    tail: Vector = np.where(
        finite,
        special.fdtrc(rank, np.where(finite, df, 1.0), f),
        special.chdtrc(rank, rank * f),
    )
    return tail


def _f_quantile(probability: float, rank: int, df: Vector) -> Vector:
    """What F exceeds with this probability."""
    finite = np.isfinite(df)
    quantile: Vector = np.where(
        finite,
        special.fdtri(rank, np.where(finite, df, 1.0), 1 - probability),
        special.chdtri(rank, probability) / rank,
    )
    return quantile


def _dunnettx_tail(t: Vector, n: int, df: Vector) -> Vector:
    """An approximation to Dunnett's distribution, as emmeans documents it by this name.

    n comparisons are like the pairwise differences of (1 + sqrt(1 + 8 n)) / 2 means, whose number
    they have, with probability (n - 1) / n, and like independent ones with probability 1 / n.
    """
    like = (1 + np.sqrt(1 + 8 * n)) / 2
    alone = 2 * student_tail(df, t)
    pairwise = range_tail(np.sqrt(2) * t, like, df)
    return ((n - 1) * pairwise + _sidak(alone, n)) / n
