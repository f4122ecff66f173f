"""Autocorrelation of the residuals within the levels of a group, in the order of the rows.

Residuals of one level are correlated even if the errors are not, since the fitted mean follows
them. Under the model Cov(e) is known, and with it what the correlation should be.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mixedmodels.diagnostics.facts import Facts
from mixedmodels.diagnostics.projection import MOST_ROWS, Projection, projection
from mixedmodels.diagnostics.series import correlated_residuals
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import residuals
from mixedmodels.fit.labels import largest_group

Vector = NDArray[np.float64]
Int = NDArray[np.int64]

FEW_PAIRS = 500
"""The same where covariances have structure."""

PAIRS = 5_000
"""Pairs from which the model's own correlation is computed."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """Of residuals `lag` rows apart: `observed`, what the model itself `expected`, its `error`."""

    group: str
    lag: int
    observed: float
    expected: float
    error: float
    n_pairs: int

    @property
    def excess(self) -> float:
        """What the model does not explain."""
        return self.observed - self.expected


def correlation(facts: Facts, lag: int = 1) -> Correlation | None:
    """The correlation of residuals `lag` rows apart in a level of the group with the most effects;
    None without leverage, or with fewer than 20 pairs.
    """
    grouping = largest_group(facts.fit.matrices)
    if facts.leverage is None or grouping is None:
        return None
    i, k = pairs(grouping.codes, lag=lag)
    if len(i) < 20:
        return None
    r = facts.r
    norm = np.sqrt(np.sum(r[i] ** 2) * np.sum(r[k] ** 2))
    observed = float(r[i] @ r[k] / norm) if norm > 0 else 0.0
    step = -(-len(i) // PAIRS)
    expected = _expected(facts, i[::step], k[::step])
    return Correlation(grouping.name, lag, observed, expected, 1 / np.sqrt(len(i)), len(i))


def correlation_left(fit: Fit) -> Correlation | None:
    """Of the normalized residuals of a model whose covariances have structure: the correlation of
    rows that follow each other in a block of the residuals, or without blocks in the level of the
    largest group; None with fewer than 20 pairs or more rows than can be looked at.
    """
    m, used = fit.matrices, correlated_residuals(fit)
    if used is not None:
        name, codes = used.group, used.codes
        order = np.lexsort((*used.positions.T[::-1], codes))
    elif m.groupings:
        largest = max(m.groupings, key=lambda grouping: len(grouping.levels))
        name, codes = largest.name, largest.codes
        order = np.argsort(codes, kind="stable")
    else:
        return None
    first, second = order[:-1], order[1:]
    same = codes[first] == codes[second]
    i, k = first[same], second[same]
    if len(i) < 20 or len(m.y) > MOST_ROWS:
        return None
    r = residuals(fit, "normalized").to_numpy()
    observed = float(r[i] @ r[k] / np.sqrt(np.sum(r[i] ** 2) * np.sum(r[k] ** 2)))
    step = -(-len(i) // FEW_PAIRS)
    expected = _expected_left(projection(fit), i[::step], k[::step])
    return Correlation(name, 1, observed, expected, 1 / np.sqrt(len(i)), len(i))


def _expected_left(found: Projection, i: Int, k: Int) -> float:
    """The mean correlation of normalized residuals, whose covariance is R^T/2 P R^1/2."""
    half = sparse.csc_array(found.inverse.half)
    both, place = np.unique(np.concatenate([i, k]), return_inverse=True)
    columns = half[:, both].toarray()
    S = columns.T @ found.times(columns)
    a, b = place[: len(i)], place[len(i) :]
    scale = np.sqrt(np.maximum(S[a, a] * S[b, b], 0.0))
    use = scale > 0
    return float(np.mean(S[a, b][use] / scale[use])) if use.any() else 0.0


def pairs(codes: NDArray[np.int32], *, lag: int) -> tuple[Int, Int]:
    """Rows `lag` places apart among the rows of one level."""
    order = np.argsort(codes, kind="stable")
    first, second = order[:-lag], order[lag:]
    same = codes[first] == codes[second]
    return first[same], second[same]


def _expected(facts: Facts, i: Int, k: Int) -> float:
    found = facts.leverage
    if found is None:
        return 0.0
    C = facts.fit.cov_beta_unscaled
    eq = found.equations
    hat = eq.inner(eq.U[i], eq.U[k])
    hat += np.einsum("ra,ab,rb->r", found.X[i], C, found.X[k], optimize=True)
    left = 1 - found.values
    scale = np.sqrt(left[i] * left[k])
    use = scale > 0
    return float(np.mean(-hat[use] / scale[use])) if use.any() else 0.0
