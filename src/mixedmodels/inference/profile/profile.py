"""Profiles of all parameters of a model, and the intervals that they give.

Bates & Watts (1988), Nonlinear Regression Analysis and Its Applications, section 6.1, for zeta;
Venzon & Moolgavkar (1988), Applied Statistics 37, 87-94, for the intervals.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from typing import TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.engine.route import exact
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fixed_effects import coefficients, standard_errors
from mixedmodels.fit.labels import column_labels, group_names
from mixedmodels.fit.variance_components import known_entries, reported_templates
from mixedmodels.inference.interval import Intervals
from mixedmodels.inference.profile.constrained import (
    Constrained,
    HeldCoefficient,
    HeldCorrelation,
    HeldDeviation,
    HeldSigma,
)
from mixedmodels.inference.profile.criterion import Criterion
from mixedmodels.inference.profile.generalised import traced_parameters
from mixedmodels.inference.profile.path import Limit, Path, Point, start_of
from mixedmodels.inference.profile.traced import Traced
from mixedmodels.inference.replication import progress
from mixedmodels.options import require_option, require_probability
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import Which

Vector = NDArray[np.float64]

LEVELS = (0.4, 0.8, 1.2, 1.6, 2.0, 2.4, 2.8)
"""Values of |zeta| near which a curve is computed: they cover intervals of 99 %."""

LARGE = 20_000
"""Rows from which several parameters are profiled at once."""

NEARLY = 1e-3
"""Diagonal of a T, relative to its size, below which it counts as singular here."""

ELSEWHERE = 0.3
"""How far from such a T another search starts."""

WALD = 0.1
"""First step from an estimate without a standard error, relative to the estimate."""


EVERYWHERE = Limit(-np.inf, attained=False), Limit(np.inf, attained=False)
POSITIVE = Limit(0.0, attained=False), Limit(np.inf, attained=False)
NOT_NEGATIVE = Limit(0.0, attained=True), Limit(np.inf, attained=False)
BETWEEN = Limit(-1.0, attained=True), Limit(1.0, attained=True)


@dataclass(frozen=True, slots=True)
class Curve:
    """The profile of one parameter.

    Attributes
    ----------
    group, term
        As in the table of intervals.
    estimate
        At the maximum of the likelihood (ML).
    values, zeta : array
        Ascending; zeta is the signed root of the increase of the criterion.
    """

    group: str | None
    term: str
    estimate: float
    values: Vector
    zeta: Vector

    __repr__ = brief


@dataclass(frozen=True, slots=True)
class Profile:
    """Profiles of several parameters.

    Attributes
    ----------
    curves
        One per parameter.
    """

    fit: Fit
    which: Which
    curves: tuple[Curve, ...]

    __repr__ = brief

    @property
    def table(self) -> object:
        """Table `group, term, value, zeta`."""
        sizes = [len(curve.values) for curve in self.curves]
        rows = [c for c, size in zip(self.curves, sizes, strict=True) for _ in range(size)]
        return self.fit.frame.table(
            {
                "group": [curve.group for curve in rows],
                "term": [curve.term for curve in rows],
                "value": np.concatenate([np.empty(0), *(c.values for c in self.curves)]),
                "zeta": np.concatenate([np.empty(0), *(c.zeta for c in self.curves)]),
            }
        )


def profile(fit: Fit, *, which: Which = "all") -> Profile:
    """Profile the likelihood (ML) in every parameter.

    Parameters
    ----------
    fit : Fit
        A fit by REML is fitted again by ML first, since REML criteria say nothing about fixed
        effects.
    which : {"fixed", "variance", "all"}
        The parameters: fixed effects; standard deviations, correlations and sigma; or both.

    Raises
    ------
    DataError
        If `which` is not known.
    """
    curves = _over(fit, traced(fit, which), _curve)
    return Profile(fit, which, tuple(curves))


def _curve(parameter: Traced) -> Curve:
    paths = parameter.paths()
    points = [Point(path.start.estimate, 0.0, 0.0) for path in paths[:1]]
    for path in paths:
        path.walk(LEVELS)
        points += [point for point in path.points if np.isfinite(point.zeta)]
    points.sort(key=lambda p: p.value)
    at, index = np.unique([p.value for p in points], return_index=True)
    zeta = np.maximum.accumulate([points[i].zeta for i in index]) if points else np.empty(0)
    values = parameter.natural(at)
    if not points:
        values, zeta = np.array([parameter.estimate]), np.zeros(1)
    return Curve(parameter.group, parameter.term, parameter.estimate, values, zeta)


def profile_intervals(
    fit: Fit, *, level: float = 0.95, which: Which = "all", only: Sequence[bool] | None = None
) -> Intervals:
    """Where the criterion is the chi-square quantile above its minimum, by root finding.

    With `only`, of some of these parameters.

    A limit of 0 for a standard deviation, or of -1 or 1 for a correlation, says that the criterion
    does not rise so far on that side. A correlation with a standard deviation of zero is not
    defined, and neither are its limits; nor are those of a correlation of 1 that comes from an
    origin very far from the data. A parameter that the data cannot tell from others has
    neither an estimate nor limits.
    """
    require_probability("level", level)
    parameters = traced(fit, which)
    parameters = parameters if only is None else list(compress(parameters, only))
    z = float(special.ndtri(0.5 + level / 2))

    def limits(parameter: Traced) -> Vector:
        if parameter.is_held:
            return np.full(2, parameter.estimate)
        reached = [path.reach(z) for path in parameter.paths()] or [np.nan, np.nan]
        return parameter.natural(np.array(reached))

    found = np.array(_over(fit, parameters, limits), dtype=np.float64).reshape(-1, 2)
    return Intervals(
        groups=tuple(p.group for p in parameters),
        terms=tuple(p.term for p in parameters),
        estimate=np.array([p.estimate for p in parameters]),
        conf_low=found[:, 0],
        conf_high=found[:, 1],
    )


def profile_at(fit: Fit, term: int, column: int, values: Vector) -> Vector:
    """The best log-likelihood (ML) with one standard deviation at each of some values (r,)."""
    best = _best(fit)
    problem = exact(
        fit.problem, "The profile of heterogeneity", instead='use interval="wald", or conf_int()'
    )
    held = HeldDeviation(Criterion(problem), term, column)
    sd = best.sigma * float(np.linalg.norm(reported_templates(best)[term][column]))
    low, high = _paths(best, held, sd, NOT_NEGATIVE, WALD * (sd or best.sigma))
    found = np.full(len(values), -best.objective / 2)
    for path, side in ((low, values < sd), (high, values > sd)):
        for i in sorted(np.flatnonzero(side).tolist(), key=lambda i: abs(values[i] - sd)):
            found[i] -= path.at(float(values[i])).zeta ** 2 / 2
    return found


Result = TypeVar("Result")


def _over(fit: Fit, parameters: list[Traced], work: Callable[[Traced], Result]) -> list[Result]:
    is_large = len(fit.matrices.y) >= LARGE
    found = []
    with progress(len(parameters), "profile", " parameters") as bar, ThreadPoolExecutor() as pool:
        results = (pool.map if is_large else map)(work, parameters)
        for result in results:
            found.append(result)
            bar.update(1)
    return found


def traced(fit: Fit, which: Which) -> list[Traced]:
    """The parameters of `which`, in the order of the tables of intervals."""
    require_option("which", which, get_args(Which))
    if fit.generalised is not None:
        return list(traced_parameters(fit, which))
    best = _best(fit)
    problem = exact(best.problem, "The profile", instead='use conf_int(method="profile")')
    criterion = Criterion(problem)
    found: list[Traced] = []
    if which != "fixed":
        found += _variance_parameters(best, criterion)
        found.append(_residual(best, criterion))
    if which != "variance":
        found += _fixed_effects(best, criterion)
    return found


def _best(fit: Fit) -> Fit:
    """The fit at the maximum of the likelihood."""
    if not fit.reml:
        return fit
    found = fit.problem.minimise(reml=False, control=fit.request.control)
    return replace(
        fit,
        reml=False,
        theta=found.theta,
        beta=found.beta,
        sigma=found.sigma,
        objective=found.deviance,
        cov_beta_unscaled=found.cov_beta_unscaled,
    )


def _fixed_effects(fit: Fit, criterion: Criterion) -> Iterator[Traced]:
    estimates, errors = coefficients(fit), standard_errors(fit)
    rows = fit.matrices.coordinates.columns(np.eye(len(estimates)))
    for j, name in enumerate(fit.matrices.x_names):
        held, estimate = HeldCoefficient(criterion, rows[j]), float(estimates[j])
        paths = partial(_paths, fit, held, estimate, EVERYWHERE, float(errors[j]))
        yield Traced(None, name, estimate, paths)


def _residual(fit: Fit, criterion: Criterion) -> Traced:
    scale = float(fit.sigma / np.sqrt(2 * len(fit.matrices.y)))
    sigma = fit.sigma if fit.identification.identified[-1] else np.nan
    paths = partial(_paths, fit, HeldSigma(criterion), sigma, POSITIVE, scale)
    return Traced("Residual", "sd", sigma, paths)


def _variance_parameters(fit: Fit, criterion: Criterion) -> Iterator[Traced]:
    labels, groups = column_labels(fit.matrices), group_names(fit.matrices)
    for k, (term, T) in enumerate(zip(fit.matrices.terms, reported_templates(fit), strict=True)):
        group, names = groups[term.group], labels[k]
        sd = fit.sigma * np.linalg.norm(T, axis=1)
        known = known_entries(fit, k)
        for a, name in enumerate(names):
            scale = WALD * (sd[a] if sd[a] else fit.sigma * np.sqrt(np.mean(T**2) + 1e-2))
            estimate = float(sd[a]) if known[a, a] else np.nan
            held = HeldDeviation(criterion, k, a)
            paths = partial(_paths, fit, held, estimate, NOT_NEGATIVE, float(scale))
            yield Traced(group, name, estimate, paths)
        if term.is_independent:
            continue
        cov = T @ T.T
        for a in range(len(names)):
            for b in range(a + 1, len(names)):
                length = np.sqrt(cov[a, a] * cov[b, b])
                is_known = bool(known[a, b] and known[a, a] and known[b, b])
                corr = float(cov[a, b] / length) if length and is_known else np.nan
                corr = float(np.clip(corr, -1, 1))
                held_corr = HeldCorrelation(criterion, k, a, b)
                paths = partial(_paths, fit, held_corr, corr, BETWEEN, WALD)
                yield Traced(group, f"cor({names[a]}, {names[b]})", corr, paths)


def _paths(
    fit: Fit, held: Constrained, estimate: float, limits: tuple[Limit, Limit], scale: float
) -> tuple[Path, ...]:
    """Both sides; none for a correlation with something that does not vary, or with itself, and for
    a parameter that the data cannot tell from others.
    """
    T = fit.T
    is_parallel = isinstance(held, HeldCorrelation) and held.is_parallel
    if not np.isfinite(estimate) or is_parallel:
        return ()
    start = start_of(
        held,
        estimate,
        held.coordinates(T, fit.sigma),
        best=fit.objective,
        scale=scale,
        at_limit=any(
            limit.attained and abs(limit.value - estimate) <= NEARLY * scale for limit in limits
        ),
    )
    restarts: tuple[Vector, ...] = ()
    if _is_nearly_singular(fit):
        # The criterion is flat by symmetry at a singular T, where another point may be lower.
        scales = fit.problem.column_scales
        moved = [t + ELSEWHERE * np.diag(1 / s) for t, s in zip(T, scales, strict=True)]
        restarts = (held.coordinates(moved, fit.sigma),)
    return tuple(Path(held, start, limit, restarts) for limit in limits)


def _is_nearly_singular(fit: Fit) -> bool:
    scaled = Criterion(exact(fit.problem, "The profile")).scaled(fit.T)
    return any(bool(np.any(np.abs(np.diag(t)) < NEARLY)) for t in scaled)
