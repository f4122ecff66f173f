"""What residuals and random effects look like when the model is right: simulated from the fit.

Responses are drawn from the model and the equations solved for each, at the theta of the fit.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.diagnostics.facts import Facts
from mixedmodels.diagnostics.leverage import NO_FREEDOM, Leverage
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.random_effects import are_known, known_modes
from mixedmodels.prediction.simulate import draws_of
from mixedmodels.prediction.streams import Seed, key_of

Vector = NDArray[np.float64]

REPLICATES = 199

LARGE = 20_000
"""Rows from which residuals are as good as independent, and the limits those of a sample."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A QQ plot: `theory` and ordered `sample` (n,), limits for 95 of 100 models `low`, `high`,
    and the `order` of the sample.
    """

    theory: Vector
    sample: Vector
    low: Vector
    high: Vector
    order: NDArray[np.intp]


def residual_quantiles(facts: Facts, *, seed: Seed = 0) -> Quantiles:
    """Studentized residuals beside the normal; limits from simulated responses, each solved with
    its own sigma. From 20,000 rows on, or without leverage, the limits are those of independent
    normal residuals.
    """
    if facts.leverage is None or len(facts.r) > LARGE:
        return sample_quantiles(facts.r)
    draws = _projected(facts.fit, facts.leverage, seed)
    degrees = max(1, len(facts.r) - len(facts.fit.beta))
    left = 1 - facts.leverage.values
    scale = np.sqrt(np.where(left > NO_FREEDOM, left, np.inf))
    sigma = np.sqrt((draws.response * draws.residual).sum(axis=0) / degrees)
    r = np.sort(draws.residual / scale[:, None] / sigma, axis=0)
    return _with_limits(facts.r, *np.quantile(r, [0.025, 0.975], axis=1))


def effect_quantiles(facts: Facts, *, seed: Seed = 0) -> dict[tuple[int, int], Quantiles]:
    """Per random term and column, the conditional modes over their standard deviation beside the
    normal; the limits are simulated like those of the residuals. Columns whose modes follow from
    what the data cannot tell are left out.
    """
    m = facts.fit.matrices
    simulate = facts.leverage is not None and len(m.y) <= LARGE
    draws = _projected(facts.fit, facts.leverage, seed) if simulate and facts.leverage else None
    found = {}
    for k, (term, T) in enumerate(zip(m.terms, facts.fit.T, strict=True)):
        codes, levels = m.groupings[term.group].codes, len(m.groupings[term.group].levels)
        root = term.coordinates.reported_root(T)
        for j in map(int, np.flatnonzero(are_known(facts.fit, k))):
            b = _unit(known_modes(facts.fit, k)[:, [j]])[:, 0]
            if draws is None or not b.any():
                found[k, j] = sample_quantiles(b)
                continue
            # b = G Z'P y at the theta of the fit
            direction = (term.Z @ (T @ root[j])) * facts.leverage.equations.root_weights  # type: ignore[union-attr]
            weighted = draws.residual * direction[:, None]
            modes = np.array(
                [np.bincount(codes, c, levels) for c in weighted.T], dtype=np.float64
            ).T
            ordered = np.sort(_unit(modes), axis=0)
            found[k, j] = _with_limits(b, *np.quantile(ordered, [0.025, 0.975], axis=1))
    return found


def sample_quantiles(values: Vector) -> Quantiles:
    """Beside the limits of a normal sample: the order statistics of the uniform are beta."""
    rank = np.arange(1, len(values) + 1)
    low = special.ndtri(special.betaincinv(rank, len(values) + 1 - rank, 0.025))
    return _with_limits(values, low, -low[::-1])


def normal_places(n: int) -> Vector:
    """Normal quantiles at the plotting positions (i - 3/8) / (n + 1/4) (Blom 1958)."""
    return np.asarray(special.ndtri((np.arange(1, n + 1) - 0.375) / (n + 0.25)))


@dataclass(frozen=True, slots=True)
class _Draws:
    """Simulated responses and their Pearson residuals (n, replicates)."""

    response: Vector
    residual: Vector


def _projected(fit: Fit, found: Leverage, seed: Seed) -> _Draws:
    m = fit.matrices
    draws = replace(draws_of(fit, key_of(seed)), mean=np.zeros(len(m.y)))
    y = fit.problem.draw(draws, 0, REPLICATES) * found.equations.root_weights[:, None]
    residual = found.equations.project(y) - found.X @ (fit.cov_beta_unscaled @ (found.X.T @ y))
    return _Draws(y, residual)


def _with_limits(values: Vector, low: Vector, high: Vector) -> Quantiles:
    order = np.argsort(values, kind="stable")
    return Quantiles(normal_places(len(values)), values[order], low, high, order)


def _unit(columns: Vector) -> Vector:
    spread = columns.std(axis=0)
    unit = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return np.asarray(unit)
