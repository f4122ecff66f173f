"""Comparison arrows: around each mean, such that two overlap where the means do not differ.

Of means m_1 <= m_2 <= ..., the arrow of m_i to the right has the length r_i, that of m_j to the
left l_j. The two overlap if r_i + l_j >= m_j - m_i, so that "overlap if and only if the difference
is not significant" is a set of linear inequalities. Where they have solutions, the arrows are the
one that is nearest to r_i + l_j = c_ij, the smallest difference that would be significant; where
they have none, as few differences as can be found are shown wrongly, and named.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse

from mixedmodels.posthoc.contrasts import contrast
from mixedmodels.posthoc.linear_functions import LinearFunctions
from mixedmodels.posthoc.results import Results, results
from mixedmodels.posthoc.tables import subset
from mixedmodels.vocabulary import Adjustment

Vector = NDArray[np.float64]
Bool = NDArray[np.bool_]
Int = NDArray[np.intp]

MARGIN = 0.004
"""Room between arrows that do not overlap, and overlap of others, as a share of the largest
difference; what can be seen."""

SHOWN = 1e-3
"""Part of the margin that is left where arrows still show a difference rightly."""

EQUAL = 1e-3
"""Share of the critical difference below which all means are as good as equal."""

EVEN = 0.05
"""Weight of arrows that are half of the differences c, beside that of their sums."""


@dataclass(frozen=True, slots=True)
class Arrows:
    """The arrows of k means.

    Attributes
    ----------
    low, high : array (k,)
        Where they end, on the scale of the means; nan for a mean that is not estimable. The lowest
        mean has none below it, the highest none above.
    wrong : list of pairs of int
        Positions of means whose arrows do not tell whether they differ.
    adjust
        The adjustment of the tests.
    """

    low: Vector
    high: Vector
    wrong: list[tuple[int, int]]
    adjust: Adjustment


def comparison_arrows(
    functions: LinearFunctions, rows: Int, estimate: Vector, *, alpha: float, adjust: Adjustment
) -> Arrows:
    """The arrows of the means `rows` of one family, whose estimates (k,) are on the model's scale.

    Two means differ if the p-value of their difference, adjusted for all pairs, is below `alpha`.
    """
    known = np.flatnonzero(functions.estimable[rows])
    order = known[np.argsort(estimate[known], kind="stable")]
    low, high = estimate.copy(), estimate.copy()
    if len(order) < 2:
        return Arrows(low, high, [], adjust)
    found = pairwise(functions, rows[order], alpha=alpha, adjust=adjust)
    i, j = np.triu_indices(len(order), 1)
    half = (found.conf_high - found.conf_low) / 2
    lengths, slack = arrow_lengths(
        estimate[order][j] - estimate[order][i],
        np.where(np.isfinite(half), half, 0.0),
        found.p_value < alpha,
    )
    low[order[1:]] -= lengths[1]
    high[order[:-1]] += lengths[0]
    pairs = zip(order[i[slack]].tolist(), order[j[slack]].tolist(), strict=True)
    return Arrows(low, high, [(a, b) for a, b in pairs], found.adjust)


def pairwise(functions: LinearFunctions, rows: Int, *, alpha: float, adjust: Adjustment) -> Results:
    """All differences of some rows on the scale of the model, with limits of 1 - alpha."""
    chosen = subset(functions, rows)
    pairs = contrast(replace(chosen, back=None), "pairwise", by=None, adjust=adjust)
    return results(replace(pairs, testing=replace(pairs.testing, level=1 - alpha)))


def arrow_lengths(
    difference: Vector, critical: Vector, differs: Bool
) -> tuple[tuple[Vector, Vector], Bool]:
    """Lengths of arrows for the pairs i < j of k means in ascending order, pair by pair.

    Parameters
    ----------
    difference
        M_j - m_i, not negative.
    critical
        The difference that would just be significant.
    differs
        Whether it is.

    Returns
    -------
    tuple
        The lengths (k - 1,) of the arrows to the right of all means but the last, and of those to
        the left of all but the first; and which pairs they show wrongly.
    """
    k = round((1 + np.sqrt(1 + 8 * len(difference))) / 2)
    i, j = np.triu_indices(k, 1)
    sums = np.zeros((len(i), 2 * (k - 1)))
    sums[np.arange(len(i)), i] = 1
    sums[np.arange(len(i)), k - 1 + j - 1] = 1
    scale = max(float(difference.max()), EQUAL * float(critical.max())) or 1.0
    difference, sign = difference / scale, np.where(differs, -1.0, 1.0)
    slack = _least_slack(sums, sign, difference)
    least = sign * difference + MARGIN - slack
    lengths = _nearest(sums, critical / scale, sign[:, None] * sums, least)
    wrong = sign * (sums @ lengths - difference) < SHOWN * MARGIN
    return (scale * lengths[: k - 1], scale * lengths[k - 1 :]), wrong


def _least_slack(sums: Vector, sign: Vector, difference: Vector) -> Vector:
    """By how much (pairs,) the inequalities sign (sums x - difference) >= MARGIN cannot hold.

    Their sum is least, so that most are zero.
    """
    pairs, n = sums.shape
    left = sparse.hstack([sparse.csr_array(-sign[:, None] * sums), -sparse.eye_array(pairs)])
    found = optimize.linprog(
        np.concatenate([np.zeros(n), np.ones(pairs)]),
        A_ub=left.tocsr(),
        b_ub=-sign * difference - MARGIN,
    )
    slack: Vector = np.maximum(found.x[n:], 0.0)
    return slack


def _nearest(sums: Vector, critical: Vector, G: Vector, least: Vector) -> Vector:
    """The x >= 0 nearest to sums x = critical and to even arrows, with G x >= least.

    By Lawson and Hanson's reduction to non-negative least squares (1974, Solving Least Squares
    Problems, chapter 23), whose inequalities are feasible here.
    """
    n = sums.shape[1]
    even = (sums.T @ critical) / sums.sum(axis=0) / 2
    E = np.vstack([sums, EVEN * np.eye(n)])
    Q, R = np.linalg.qr(E)
    target = Q.T @ np.concatenate([critical, EVEN * even])
    inverse = np.linalg.inv(R)
    G, least = np.vstack([G, np.eye(n)]), np.concatenate([least, np.zeros(n)])
    G = G @ inverse
    h = least - G @ target
    dual = np.vstack([G.T, h])
    u, _ = optimize.nnls(dual, np.append(np.zeros(n), 1.0), maxiter=50 * len(h))
    rest = dual @ u - np.append(np.zeros(n), 1.0)
    z = np.zeros(n) if abs(rest[-1]) < 1e-14 else -rest[:-1] / rest[-1]
    lengths: Vector = np.maximum(inverse @ (z + target), 0.0)
    return lengths
