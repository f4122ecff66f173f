"""The variance of the response in three parts, from which R^2 and ICC are ratios.

    fixed:    variance of X beta over the rows
    random:   mean variance of Z b over the rows, mean_i z_i' Sigma z_i = tr(Sigma Z'Z) / n
    residual: mean residual variance over the rows

Nakagawa & Schielzeth (2013), Methods in Ecology and Evolution 4, 133-142, for random intercepts;
Johnson (2014), ibid. 5, 944-946, for random slopes; Nakagawa, Johnson & Schielzeth (2017), Journal
of the Royal Society Interface 14, 20170213.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import Identification, ModelMatrices
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import mean_residual_variance
from mixedmodels.fit.labels import column_labels
from mixedmodels.fit.once import once
from mixedmodels.inference.distribution_variance import distribution_variance
from mixedmodels.prediction.structured_errors import own_variances

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ExplainedVariance:
    """Variances in the units of the response squared, or on the scale of the link; nan for what no
    data can tell.

    Attributes
    ----------
    fixed, random, residual
        The parts.
    total
        Their sum, which may be known where its parts are not.
    """

    fixed: float
    random: float
    residual: float
    total: float


@once
def explained_variance(fit: Fit) -> ExplainedVariance:
    """The three parts at `fit`, in time O(n (p + q^2)) and memory O(n).

    The rows count alike whatever their weights, whose unit does not matter. The offset is known,
    not explained: it is left out. In a generalised model all is on the scale of the link, and the
    residual part that of the distribution (see `mixedmodels.inference.distribution_variance`) with
    the effects of groups that have a level for every row, which are overdispersion.
    """
    m = fit.matrices
    fixed = m.variance_of_mean(fit.beta)
    shares = _random_by_group(fit)
    if fit.generalised is None:
        residual = mean_residual_variance(fit)
    else:
        rows = [g.name for g in m.groupings if len(g.levels) == len(m.y)]
        residual = distribution_variance(fit) + sum(shares.pop(name) for name in rows)
    random = sum(shares.values())
    known = shares_known(m, fit.identification)
    return ExplainedVariance(
        fixed=fixed,
        random=random if known.random else np.nan,
        residual=residual if known.residual else np.nan,
        total=fixed + random + residual if known.total else np.nan,
    )


@once
def by_group(fit: Fit) -> dict[str, float]:
    """The random part, group by group; nan for what no data can tell."""
    m, known = fit.matrices, fit.identification
    shares = _random_by_group(fit)
    if not known.n_lost:
        return shares
    weights = _mean_squares(m, known)
    group = np.array([m.terms[k].group for k, _, _ in known.parameters] + [-1])
    return {
        name: share if known.determines(np.where(group == g, weights, 0.0)) else np.nan
        for g, (name, share) in enumerate(shares.items())
    }


@dataclass(frozen=True, slots=True)
class VariancePart:
    """A part of the variance of the response.

    Attributes
    ----------
    group : str or None
        The grouping factor; None of the fixed effects and of what is left.
    term : str
        What varies: the columns of a random term, ``fixed effects``, ``residual`` or
        ``distribution``.
    variance : float
        On average over the rows; nan where no data can tell it.
    share : float
        Of the total.
    """

    group: str | None
    term: str
    variance: float
    share: float


def variance_parts(fit: Fit) -> list[VariancePart]:
    """The fixed effects, every random term in formula order, and what is left.

    Random slopes count with their mean variance over the rows. What is left is the residual, or in
    a generalised model the variance of the distribution on the scale of the link; effects of a
    group that has a level for every row stand for themselves.
    """
    m, whole = fit.matrices, explained_variance(fit)
    known, labels = by_group(fit), column_labels(m)
    rows: list[tuple[str | None, str, float]] = [(None, "fixed effects", whole.fixed)]
    overdispersion = 0.0
    for k, variance in enumerate(_random_by_term(fit)):
        group = m.groupings[m.terms[k].group]
        if fit.generalised is not None and len(group.levels) == len(m.y):
            overdispersion += variance
        told = variance if np.isfinite(known[group.name]) else np.nan
        rows.append((group.name, ", ".join(labels[k]), told))
    left = "residual" if fit.generalised is None else "distribution"
    rows.append((None, left, whole.residual - overdispersion))
    return [VariancePart(*row, row[2] / whole.total) for row in rows]


def _random_by_group(fit: Fit) -> dict[str, float]:
    """The same at the estimates, whatever they are worth."""
    m = fit.matrices
    shares = dict.fromkeys((grouping.name for grouping in m.groupings), 0.0)
    for term, mean in zip(m.terms, _random_by_term(fit), strict=True):
        shares[m.groupings[term.group].name] += mean
    return shares


def _random_by_term(fit: Fit) -> list[float]:
    """The mean variance of Z_k b_k over the rows, term by term."""
    m = fit.matrices
    return [
        float(np.sum(cov * m.mean_squares(k)))
        if term.precision is None and term.members is None
        else fit.sigma**2 * float(np.mean(own_variances(m, term, T)))
        for k, (cov, T, term) in enumerate(zip(fit.covariances, fit.T, m.terms, strict=True))
    ]


@dataclass(frozen=True, slots=True)
class Known:
    """Which parts the data determine; the variance of X beta they always do."""

    random: bool
    residual: bool
    total: bool


def shares_known(matrices: ModelMatrices, known: Identification) -> Known:
    """Which of the parts are functions of what the data can tell of the variance parameters."""
    if not known.n_lost:
        return Known(random=True, residual=True, total=True)
    weights = _mean_squares(matrices, known)
    return Known(
        random=known.determines(np.append(weights[:-1], 0.0)),
        residual=bool(known.identified[-1]),
        total=known.determines(weights),
    )


def _mean_squares(matrices: ModelMatrices, known: Identification) -> Vector:
    """What a unit of every variance parameter, the residual last, adds to the mean variance."""
    squares = [matrices.mean_squares(k) for k in range(len(matrices.terms))]
    random = [squares[k][i, j] * (1.0 if i == j else 2.0) for k, i, j in known.parameters]
    return np.array([*random, matrices.mean_inverse_weight])
