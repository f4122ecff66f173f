"""`bootstrap`: estimates in other samples, and intervals from them.

Davison & Hinkley (1997), *Bootstrap Methods and their Application*, chapter 5, for the intervals;
Efron (1987), *JASA* 82, 171-185, for BCa.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.engine.batch import RefitPlan, Refits, joined
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.bootstrap.parameters import parameters_at_fit, parameters_of
from mixedmodels.inference.bootstrap.resampling import (
    Case,
    outermost,
    refits_of,
    resampled,
    resampling_of,
)
from mixedmodels.inference.bootstrap.statistic import Statistic, StatisticJob, fit_at
from mixedmodels.inference.interval import Intervals
from mixedmodels.inference.replication import replicated
from mixedmodels.options import require_count, require_option, require_probability
from mixedmodels.prediction.streams import Seed, key_of
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import BootstrapInterval, BootstrapKind

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Estimates in r other samples.

    Attributes
    ----------
    fit : Fit
        The model.
    kind : str
        What was drawn anew.
    groups, terms : tuples
        Names of the k parameters.
    estimate : array (k,)
        At the fit.
    replicates : array (r, k)
        In the samples; nan where there is no fit, or a correlation is not defined.
    refits : Refits
        The state of every replicate.
    statistic : Statistic, optional
        The function, if it was not the parameters that were asked for.
    """

    fit: Fit
    kind: BootstrapKind
    groups: tuple[str | None, ...]
    terms: tuple[str, ...]
    estimate: Vector
    replicates: Vector
    refits: Refits
    statistic: Statistic | None

    __repr__ = brief

    @property
    def n_failed(self) -> int:
        """Replicates without a fit, which no interval uses."""
        return int(np.count_nonzero(self.refits.failed))

    @property
    def n_not_converged(self) -> int:
        """Replicates whose search did not end at a minimum, which count like all others."""
        return int(np.count_nonzero(~self.refits.converged & ~self.refits.failed))

    @property
    def n_singular(self) -> int:
        """Replicates with a singular fit, which count like all others."""
        return int(np.count_nonzero(self.refits.singular))

    @property
    def table(self) -> object:
        """Table `replicate, group, term, estimate`, one row per replicate and parameter."""
        r, k = self.replicates.shape
        return self.fit.frame.table(
            {
                "replicate": np.repeat(np.arange(r), k),
                "group": list(self.groups) * r,
                "term": list(self.terms) * r,
                "estimate": self.replicates.ravel(),
            }
        )

    def intervals(self, level: float, method: BootstrapInterval) -> Intervals:
        """One interval per parameter.

        Raises
        ------
        DataError
            If the level is no probability, or one that so few replicates cannot tell; if the method
            is not known, or BCa is asked for where whole groups were not drawn.
        """
        require_probability("level", level)
        require_option("method", method, get_args(BootstrapInterval))
        tail = (1 - level) / 2
        left = int(np.isfinite(self.replicates).sum(axis=0).max(initial=0))
        if left * tail < 1:
            raise DataError(
                f"{left} replicates say nothing about the limits of {level:.4g} intervals.\n"
                f"Do:   draw at least {int(np.ceil(20 / tail))}, or lower the level."
            )
        probabilities = np.tile([[tail], [1 - tail]], len(self.estimate))
        if method == "bca":
            probabilities = self._adjusted(probabilities)
        low, high = self._quantiles(probabilities)
        if method == "basic":
            low, high = 2 * self.estimate - high, 2 * self.estimate - low
        return Intervals(self.groups, self.terms, self.estimate, low, high)

    def _quantiles(self, probabilities: Vector) -> tuple[Vector, Vector]:
        """At a pair of probabilities (2, k); nan replicates are left out."""
        out = np.full(probabilities.shape, np.nan)
        for j, column in enumerate(self.replicates.T):
            column = column[np.isfinite(column)]
            if len(column) and np.isfinite(probabilities[:, j]).all():
                out[:, j] = np.quantile(column, probabilities[:, j], method="weibull")
        return out[0], out[1]

    def _adjusted(self, probabilities: Vector) -> Vector:
        """Corrected for bias and for a standard error that changes with the parameter."""
        if self.kind != "case":
            raise DataError(
                'method = "bca" needs the bootstrap of whole groups, kind="case".\n'
                'Do:   use "percentile" or "basic".\n'
                "Why:  its acceleration comes from leaving out one group at a time, as samples of "
                "groups would."
            )
        below = np.nanmean(
            (self.replicates < self.estimate) + 0.5 * (self.replicates == self.estimate), axis=0
        )
        bias = special.ndtri(np.clip(below, 1e-12, 1 - 1e-12))
        z = bias + special.ndtri(probabilities)
        moved: Vector = special.ndtr(bias + z / (1 - self._acceleration() * z))
        return moved

    def _acceleration(self) -> Vector:
        """From the skewness of the estimates without one group each."""
        case = Case(
            resampled(self.fit, 'The interval "bca"'),
            outermost(self.fit.matrices),
            np.zeros(2, dtype=np.uint64),
            RefitPlan(reml=self.fit.reml, start=self.fit.psi),
        )
        every = np.arange(len(case.rows))
        left = refits_of(
            lambda level: case.of(np.delete(every, level)),
            range(len(every)),
            case.original,
            case.plan,
        )
        if self.statistic is None:
            values = parameters_of(self.fit.problem, self.fit.identification, left).values
        else:
            values = np.array(
                [
                    self.statistic.named(fit_at(self.fit, case.of(np.delete(every, i)), left, i))[1]
                    for i in np.flatnonzero(~left.failed).tolist()
                ]
            )
        change = np.nanmean(values, axis=0) - values
        squares = np.nansum(change**2, axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = np.nansum(change**3, axis=0) / (6 * squares**1.5)
        acceleration: Vector = np.where(squares > 0, found, 0.0)
        return acceleration


def bootstrap(
    fit: Fit,
    n: int = 1000,
    *,
    kind: BootstrapKind = "parametric",
    statistic: Callable[..., object] | None = None,
    seed: Seed = None,
    wrap: Callable[[Fit], object] = lambda fit: fit,
) -> Bootstrap:
    """Estimates in other samples; see `LinearMixedModel.bootstrap`.

    `wrap` makes of a fit what `statistic` takes.
    """
    require_count("n", n)
    require_option("kind", kind, get_args(BootstrapKind))
    resampling = resampling_of(fit, kind, key_of(seed))
    label = f"{kind} bootstrap"
    if statistic is None:
        refits = joined(replicated(resampling, n, label=label))
        found = parameters_at_fit(fit)
        values = parameters_of(fit.problem, fit.identification, refits).values
        return Bootstrap(
            fit, kind, found.groups, found.terms, found.values[0], values, refits, None
        )
    wanted = Statistic(statistic, wrap)
    names, estimate = wanted.named(fit)
    parts = replicated(StatisticJob(fit, resampling, wanted, len(names)), n, label=label)
    return Bootstrap(
        fit,
        kind,
        (None,) * len(names),
        names,
        estimate,
        np.concatenate([values for _, values in parts]),
        joined([refits for refits, _ in parts]),
        wanted,
    )
