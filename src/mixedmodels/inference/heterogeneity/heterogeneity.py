"""Heterogeneity between the rows of a model whose residual variances are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.engine.arrays import without_offset
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import column_labels, group_names
from mixedmodels.inference.heterogeneity.components import (
    Component,
    components,
    independent_blocks,
    part_of,
)
from mixedmodels.inference.heterogeneity.known_variances import (
    expected_information,
    homogeneity,
    q_profile,
)
from mixedmodels.inference.heterogeneity.likelihood_profile import profile_limits
from mixedmodels.options import require_option, require_probability
from mixedmodels.vocabulary import HeterogeneityInterval

Vector = NDArray[np.float64]

FLAT = 1e-12
"""Eigenvalue of the information at unit diagonal below which variances cannot be told apart."""

METHODS = {
    "q-profile": "the Q-profile method (Viechtbauer 2007)",
    "profile": "the profile of the likelihood",
    "wald": "the expected information, not below zero",
}


@dataclass(frozen=True, slots=True)
class Variance:
    """One variance between studies.

    Attributes
    ----------
    group, term
        The grouping factor and the column.
    tau2, std_error
        The variance and its standard error from the expected information; nan where its structure
        is not linear in variances.
    conf_low, conf_high
        Limits of the variance.
    i2
        Share of the whole variance of a typical row, between 0 and 1.
    """

    group: str
    term: str
    tau2: float
    std_error: float
    conf_low: float
    conf_high: float
    i2: float


@dataclass(frozen=True, slots=True, repr=False)
class Heterogeneity:
    """What lies between studies beyond their known variances; prints as text.

    Attributes
    ----------
    Q, df, p_value : float
        Cochran's test that nothing does: Q is chi-square with df degrees of freedom then.
    i2 : float
        Share of heterogeneity in the whole variance of a typical row, between 0 and 1 (Higgins &
        Thompson 2002; with several terms the sum of their variances, Nakagawa & Santos 2012).
    h2 : float
        The whole variance over that within studies, 1 / (1 - i2).
    typical_variance : float
        The typical variance within studies that both go by.
    variances : tuple of Variance
        Of every term and column.
    interval, level
        How limits were found, and their confidence.
    """

    Q: float
    df: int
    p_value: float
    i2: float
    h2: float
    typical_variance: float
    variances: tuple[Variance, ...]
    interval: HeterogeneityInterval
    level: float
    _table: Callable[[dict[str, Any]], Any]

    def table(self) -> Any:
        """Columns `group, term, tau2, std_error, conf_low, conf_high, i2`, in the frame library of
        the data.
        """
        names = ("group", "term", "tau2", "std_error", "conf_low", "conf_high", "i2")
        return self._table({name: [getattr(v, name) for v in self.variances] for name in names})

    def __str__(self) -> str:
        p = "< 0.0001" if self.p_value < 1e-4 else f"= {self.p_value:.4f}"
        lines = [
            f"Heterogeneity: Q = {self.Q:.2f} on {self.df} df, p {p}",
            f"I² = {100 * self.i2:.1f} %, H² = {self.h2:.2f} "
            f"(typical variance within studies {self.typical_variance:.4g})",
        ]
        lines += [
            f"    {v.group}, {v.term}: tau² = {v.tau2:.4g} (SE {v.std_error:.2g}), "
            f"{100 * self.level:g} % from {v.conf_low:.4g} to {v.conf_high:.4g}, "
            f"I² = {100 * v.i2:.1f} %"
            for v in self.variances
        ]
        return "\n".join([*lines, f"Limits by {METHODS[self.interval]}."])

    def __repr__(self) -> str:
        return str(self)


def heterogeneity(
    fit: Fit, *, interval: HeterogeneityInterval | None = None, level: float = 0.95
) -> Heterogeneity:
    """Cochran's Q, I², H² and every variance with its limits.

    Raises
    ------
    DataError
        If the residual variances are estimated or correlated, there is no random term, or limits
        of a kind are asked for that the model has not.
    """
    require_probability("level", level)
    _require_known(fit)
    m = fit.matrices
    v = fit.problem.row_sd(fit.theta) ** 2 * fit.sigma**2
    y = without_offset(m, m.y)
    found = components(fit)
    test = homogeneity(y, m.X, v)
    simple = len(found) == 1 and found[0].is_one_effect_per_row
    chosen = _chosen(interval, simple)
    errors = _standard_errors(fit, found, v)
    if chosen == "q-profile":
        limits = [q_profile(y, m.X, v, found[0].Z[:, 0], level)]
    elif chosen == "wald":
        limits = list(_wald(found, errors, level))
    else:
        limits = profile_limits(fit, level, test.typical)
    rows = list(_rows(fit, found, errors, limits, test.typical))
    between = sum(component.mean_variance for component in found)
    return Heterogeneity(
        Q=test.Q,
        df=test.df,
        p_value=test.p_value,
        i2=between / (between + test.typical),
        h2=(between + test.typical) / test.typical,
        typical_variance=test.typical,
        variances=tuple(rows),
        interval=chosen,
        level=level,
        _table=fit.frame.table,
    )


def _require_known(fit: Fit) -> None:
    m = fit.matrices
    if m.known_sigma is None or (m.residual is not None and m.residual.structure is not None):
        raise DataError(
            "The residual variances of this model are not known one by one.\n"
            'Do:   fit with sigma=1.0 and weights="w", w = 1 / variance of each row.\n'
            "Why:  heterogeneity is what exceeds the variances within studies."
        )
    if not m.terms:
        raise DataError(
            "The model has no random term, so that it assumes that there is no heterogeneity.\n"
            "Do:   add (1 | study) to the formula."
        )


def _chosen(interval: HeterogeneityInterval | None, simple: bool) -> HeterogeneityInterval:
    if interval is None:
        return "q-profile" if simple else "profile"
    require_option("interval", interval, get_args(HeterogeneityInterval))
    if interval == "q-profile" and not simple:
        raise DataError(
            "The Q-profile method is for one variance, with one row per level of its group.\n"
            'Do:   use interval="profile".'
        )
    return interval


def _standard_errors(fit: Fit, found: list[Component], v: Vector) -> list[Vector]:
    """Per term the standard errors of its variances (q,)."""
    m = fit.matrices
    if not all(component.bases for component in found):
        return [np.full(len(c.Sigma), np.nan) for c in found]
    bases = [E for component in found for E in component.bases]
    information = expected_information(
        m.X,
        independent_blocks(found, len(m.y)),
        lambda rows: part_of(found, v, rows),
        len(bases),
        reml=fit.reml,
    )
    covariance = _inverse(information)
    errors, first = [], 0
    for component in found:
        own = range(first, first + len(component.bases))
        first += len(component.bases)
        diagonals = np.array([np.diag(bases[i]) for i in own])  # (bases, q)
        errors.append(np.sqrt(np.sum((covariance[np.ix_(own, own)] @ diagonals) * diagonals, 0)))
    return errors


def _inverse(information: Vector) -> Vector:
    """The covariance of variances of any units; nan where they cannot be told apart."""
    size = np.sqrt(np.diag(information))
    unit = information / np.outer(size, size)
    values, vectors = np.linalg.eigh(unit)
    if not np.isfinite(values).all() or values[0] <= FLAT:
        return np.full_like(information, np.nan)
    inverse: Vector = (vectors / values) @ vectors.T / np.outer(size, size)
    return inverse


def _wald(
    found: list[Component], errors: list[Vector], level: float
) -> Iterator[tuple[float, float]]:
    half = float(special.ndtri((1 + level) / 2))
    for component, own in zip(found, errors, strict=True):
        for tau2, error in zip(np.diag(component.Sigma), own, strict=True):
            yield max(tau2 - half * error, 0.0), tau2 + half * error


def _rows(
    fit: Fit,
    found: list[Component],
    errors: list[Vector],
    limits: list[tuple[float, float]],
    typical: float,
) -> Iterator[Variance]:
    groups, labels = group_names(fit.matrices), column_labels(fit.matrices)
    between = sum(component.mean_variance for component in found)
    remaining = iter(limits)
    for k, component in enumerate(found):
        share = component.mean_variance / (between + typical)
        for a, tau2 in enumerate(np.diag(component.Sigma)):
            yield Variance(
                group=groups[fit.matrices.terms[k].group],
                term=labels[k][a],
                tau2=float(tau2),
                std_error=float(errors[k][a]),
                conf_low=(limit := next(remaining))[0],
                conf_high=limit[1],
                i2=share,
            )
