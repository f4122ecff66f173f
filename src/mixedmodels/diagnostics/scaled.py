"""Scaled residuals: where each observation falls among responses simulated from the fit.

Every replicate draws new random effects and new residuals, so that the whole model is on trial.
If it is right the scaled residuals are uniform between 0 and 1 (Dunn & Smyth 1996, *Journal of
Computational and Graphical Statistics* 5, 236; Gelman, Meng & Stern 1996 for the idea of
replicates). Rows of one level move together, and so the usual tables for tests of uniformity do
not apply: here the data are ranked among the replicates, each of which is treated as the data
are, which accounts for that.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.linear_predictor import marginal_mean
from mixedmodels.options import require_count
from mixedmodels.prediction.simulate import draws_of
from mixedmodels.prediction.streams import Key, Seed, key_of, stream

Vector = NDArray[np.float64]

REPLICATES = 250

AT_ONCE = 16
"""Replicates in memory at a time where all rows are looked at."""

TESTED_ROWS = 5000
"""Rows that the tests look at: enough to see a deviation that matters."""

ROWS_STREAM = 2**40
"""Number of the random stream that chooses rows and places values in their steps; no replicate
has it.
"""

TIES_STREAM = ROWS_STREAM + 1
"""The same of the one that orders equal values."""


@dataclass(frozen=True, slots=True)
class ScaledTest:
    """One property of the scaled residuals, beside what replicates of the model give.

    Attributes
    ----------
    effect : str
        What `value` is.
    value : float
        Of the data.
    expected : float
        Mean over the replicates.
    share : float
        Share of replicates (the data counted among them) at least as far from `expected`.
    """

    effect: str
    value: float
    expected: float
    share: float


@dataclass(frozen=True, slots=True)
class ScaledTests:
    """Three tests of scaled residuals, on `n_rows` rows against `n_replicates` replicates.

    Attributes
    ----------
    uniformity : ScaledTest
        Largest distance of their distribution function from that of the uniform (0 to 1).
    dispersion : ScaledTest
        Spread of the data around the mean of the replicates, relative to the replicates' own.
    outliers : ScaledTest
        Rows that lie outside all replicates.
    n_rows, n_replicates : int
        Size of the comparison.
    """

    uniformity: ScaledTest
    dispersion: ScaledTest
    outliers: ScaledTest
    n_rows: int
    n_replicates: int

    def rows(self) -> list[tuple[str, ScaledTest]]:
        """Name and test."""
        return [
            ("uniformity", self.uniformity),
            ("dispersion", self.dispersion),
            ("outliers", self.outliers),
        ]


def scaled_residuals(
    fit: Fit, n: int = REPLICATES, *, seed: Seed = None, rows: int | None = None
) -> pd.Series:
    """Share of `n` simulated responses below each observation, between 0 and 1 (n_rows,).

    Part of a step is added at random, and of equal values a random share counts as below, so that a
    true model gives exactly uniform values. With `rows`, at most so many rows, chosen at random,
    are looked at.
    """
    require_count("n", n)
    key = key_of(seed)
    chosen = some_rows(len(fit.matrices.y), rows or len(fit.matrices.y), key)
    y = fit.matrices.y[chosen]
    below, ties = np.zeros(len(y)), np.ones(len(y))
    for first in range(0, n, AT_ONCE):
        drawn = drawn_responses(fit, chosen, key, first, min(AT_ONCE, n - first))
        below += (drawn < y[:, None]).sum(axis=1)
        ties += (drawn == y[:, None]).sum(axis=1)
    values = (below + ties * stream(key, ROWS_STREAM).random(len(y))) / (n + 1)
    return pd.Series(values, index=fit.matrices.index[chosen], name="scaled")


def scaled_tests(
    fit: Fit, n: int = REPLICATES, *, seed: Seed = None, rows: int = TESTED_ROWS
) -> ScaledTests:
    """Uniformity, dispersion and outliers of the scaled residuals.

    Parameters
    ----------
    fit : Fit
        The fitted model.
    n : int
        Replicates.
    seed : int or Generator, optional
        The randomness.
    rows : int
        At most so many rows, chosen at random, are looked at.

    Raises
    ------
    DataError
        If `n` is less than 19: too few replicates to compare with.
    """
    require_count("n", n)
    if n < 19:
        raise DataError(f"n = {n} replicates are too few.\nDo:   use at least 19, better 250.")
    key = key_of(seed)
    chosen = some_rows(len(fit.matrices.y), rows, key)
    y = fit.matrices.y[chosen]
    all_of_them = np.column_stack([y, drawn_responses(fit, chosen, key, 0, n)])
    ranks = _ranks(all_of_them, key)
    spread = (all_of_them - all_of_them.mean(axis=1, keepdims=True)).std(axis=0)
    outside = ((ranks == 0) | (ranks == n)).sum(axis=0).astype(np.float64)
    return ScaledTests(
        uniformity=_upper("distance from uniform", _distances(ranks, n + 1)),
        dispersion=_two_sided("spread relative to the model's", spread / spread[1:].mean()),
        outliers=_upper("rows outside all replicates", outside),
        n_rows=len(y),
        n_replicates=n,
    )


def drawn_responses(fit: Fit, rows: NDArray[np.bool_], key: Key, first: int, count: int) -> Vector:
    """Responses of some of the rows, as new samples of the groups would give them."""
    some = None if rows.all() else fit.matrices.take(rows)
    m = fit.matrices if some is None else some
    mean = marginal_mean(m.X, fit.beta, m.offset)
    draws = replace(draws_of(fit, key), mean=mean)
    return fit.problem.draw(draws, first, count, matrices=some)


def can_be_drawn(fit: Fit) -> bool:
    """Whether responses can be simulated: not where weights multiply the likelihood of rows, which
    is then that of no distribution.
    """
    return fit.generalised is None or fit.matrices.weights is None


def some_rows(n: int, at_most: int, key: Key) -> NDArray[np.bool_]:
    """All of n rows, or `at_most` of them chosen at random."""
    chosen = np.ones(n, dtype=np.bool_)
    if n > at_most:
        chosen[:] = False
        chosen[stream(key, ROWS_STREAM).choice(n, at_most, replace=False)] = True
    return chosen


def _ranks(values: Vector, key: Key) -> NDArray[np.intp]:
    """Ranks within every row, equal values in random order; only whole numbers have any."""
    if not np.array_equal(values, np.rint(values)):
        return values.argsort(axis=1).argsort(axis=1)
    ties = stream(key, TIES_STREAM).permuted(
        np.broadcast_to(np.arange(values.shape[1]), values.shape), axis=1
    )
    return np.lexsort((ties, values), axis=1).argsort(axis=1)


def _distances(ranks: NDArray[np.intp], count: int) -> Vector:
    """Kolmogorov's distance from the uniform of every column of scaled ranks."""
    values = np.sort((ranks + 0.5) / count, axis=0)
    steps = np.arange(len(values))[:, None] / len(values)
    return np.asarray(np.maximum(values - steps, steps + 1 / len(values) - values).max(axis=0))


def _upper(effect: str, values: Vector) -> ScaledTest:
    """The data stand first, the replicates after them; large values speak against the model."""
    share = float((values >= values[0]).mean())
    return ScaledTest(effect, float(values[0]), float(values[1:].mean()), share)


def _two_sided(effect: str, values: Vector) -> ScaledTest:
    away = np.abs(np.log(values))
    return ScaledTest(
        effect, float(values[0]), float(values[1:].mean()), float((away >= away[0]).mean())
    )
