"""Profiles of every parameter of a generalised model: fixed, of variances, and auxiliary.

Nothing is profiled out in closed form: theta, beta and delta are coordinates alike, and each
parameter is a function of them that is held while the others are at their best.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.report import Reported
from mixedmodels.fit.all_parameters import all_parameters_at
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fixed_effects import coefficients
from mixedmodels.fit.variance_components import told_parameters
from mixedmodels.inference.link import ATANH, IDENTITY, LOG, LOGIT, Link, link_of
from mixedmodels.inference.profile.chart import (
    Angle,
    Chart,
    Itself,
    are_parallel,
    places_of,
    with_effects_first,
)
from mixedmodels.inference.profile.held_function import (
    Function,
    HeldFunction,
    bounded_covariance,
)
from mixedmodels.inference.profile.path import Limit, Path
from mixedmodels.inference.profile.traced import Traced, unchanged
from mixedmodels.vocabulary import Which

Vector = NDArray[np.float64]

UNITS = 3.0
"""Standard error of a parameter in its unit that counts as infinite where a path begins, under a
link whose inverse saturates or grows exponentially.
"""

FAR: dict[Link, float] = {LOG: 25.0, LOGIT: 25.0, ATANH: 12.0}
"""How far from the estimate, on a scale without bounds, nothing changes any more."""

FAR_ERRORS = 200.0
"""The same in standard errors, for parameters that have no bounds or one that they can be at."""

FAR_CHANGE = 100.0
"""The same for a fixed effect by what its profile changes eta in a typical row, under such a link.
"""

STRAIGHT = ("identity", "inverse", "1/mu^2", "sqrt")
"""Links that are not: what is far on their scale depends on the unit of the response."""

NEARLY = 1e-3
"""A diagonal entry of a root, in its unit, below which the root is nearly singular."""

ELSEWHERE = 0.3
"""How far from such a root another search starts, in the same unit."""


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear function of phi."""

    row: Vector

    def __call__(self, phi: Vector) -> tuple[float, Vector]:
        """Its value and gradient."""
        return float(self.row @ phi), self.row


@dataclass(frozen=True, slots=True)
class Numbered:
    """The reported parameter `index`, on the scale `link` without bounds, as a function of psi."""

    problem: GeneralisedProblem
    index: int
    link: Link

    def __call__(self, phi: Vector) -> tuple[float, Vector]:
        """Its value and gradient."""
        found = all_parameters_at(self.problem, phi)
        value = found.values[self.index : self.index + 1]
        slope = self.link.slope(value)[0] * found.jacobian[self.index]
        return float(self.link.to(value)[0]), slope


def traced_parameters(fit: Fit, which: Which) -> Iterator[Traced]:
    """The parameters, in the order of the tables of intervals."""
    if which != "fixed":
        found, estimates = told_parameters(fit)
        told = zip(found.groups, found.terms, found.entries, estimates.tolist(), strict=True)
        for i, (group, term, entry, estimate) in enumerate(told):
            paths, natural = _followed(fit, entry, i)
            is_held = not found.jacobian[i].any()
            paths = paths if np.isfinite(estimate) and not is_held else _nowhere
            yield Traced(group, term, estimate, paths, natural, is_held)
    if which != "variance":
        rows = fit.matrices.coordinates.columns(np.eye(len(fit.beta)))
        for j, name in enumerate(fit.matrices.x_names):
            paths = partial(_of_coefficient, fit, rows[j])
            yield Traced(None, name, float(coefficients(fit)[j]), paths)


def problem_of_fit(fit: Fit) -> GeneralisedProblem:
    """The problem of a generalised fit."""
    if not isinstance(fit.problem, GeneralisedProblem):
        raise TypeError("not the fit of a generalised model")
    return fit.problem


def _nowhere() -> tuple[Path, ...]:
    return ()


def _followed(
    fit: Fit, entry: Reported | None, index: int
) -> tuple[Callable[[], tuple[Path, ...]], Callable[[Vector], Vector]]:
    """The paths of a reported parameter, and the way from their scale to the natural one."""
    quantity = None if entry is None else entry.quantity
    if entry is not None and quantity is not None and _is_free(problem_of_fit(fit), entry):
        if quantity.kind == "sd":
            return partial(_of_deviation, fit, entry.index, quantity.first), unchanged
        pair = (quantity.first, quantity.second)
        return partial(_of_correlation, fit, entry.index, pair), unchanged
    is_sd = entry is not None and entry.owner == "term" and entry.is_sd
    link = IDENTITY if is_sd else link_of(entry)  # a standard deviation may be zero
    return partial(_of_number, fit, index, link, is_sd), link.back


def _is_free(problem: GeneralisedProblem, entry: Reported) -> bool:
    """Whether the parameter is of a plain term none of whose parameters are held or tied."""
    if entry.owner != "term" or not problem.matrices.terms[entry.index].is_plain:
        return False
    return places_of(problem, entry.index) is not None


def _of_coefficient(fit: Fit, row: Vector) -> tuple[Path, ...]:
    """Of row'beta, without an end."""
    problem = problem_of_fit(fit)
    whole = np.zeros(len(fit.psi))
    whole[problem.n_theta : problem.n_theta + len(row)] = row
    held = _held(problem, fit.psi, Itself(), Linear(whole))
    far = FAR_ERRORS * float(np.sqrt(held.variance))
    if problem.family.link not in STRAIGHT:
        far = min(far, FAR_CHANGE / _change_of_eta(problem, held.along))
    return _sides(fit, held, (_far(held, -far), _far(held, far)))


def _change_of_eta(problem: GeneralisedProblem, along: Vector) -> float:
    """Root-mean-square over the rows of what a direction of psi changes the fixed part of eta; of
    an ordered response relative to the thresholds.
    """
    change = problem.matrices.X @ along[problem.n_theta : problem.n_theta + problem.n_beta]
    is_ordinal = problem.family.response == "ordered"
    return float(np.std(change)) if is_ordinal else float(np.sqrt(np.mean(change**2)))


def _of_number(fit: Fit, index: int, link: Link, is_sd: bool) -> tuple[Path, ...]:
    """Of the reported parameter `index` on a scale without bounds, or of a standard deviation; none
    where it is at an end of its range from which no path leaves.
    """
    problem = problem_of_fit(fit)
    g = Numbered(problem, index, link)
    with np.errstate(divide="ignore", invalid="ignore"):
        value, slope = g(fit.psi)
    if not (np.isfinite(value) and np.isfinite(slope).all()):
        return ()
    held = _held(problem, fit.psi, Itself(), g)
    far = FAR.get(link) or FAR_ERRORS * (abs(value) + float(np.sqrt(held.variance)))
    low = Limit(0.0, attained=True) if is_sd else _far(held, -far)
    return _sides(fit, held, (low, _far(held, far)))


def _of_deviation(fit: Fit, term: int, effect: int) -> tuple[Path, ...]:
    """Of a standard deviation of a plain term, which may be zero."""
    problem, psi, place = problem_of_fit(fit), fit.psi, effect
    lengths = np.ones(1)
    if not problem.matrices.terms[term].is_independent:
        problem, psi, lengths = with_effects_first(problem, psi, term, [effect])
        place = 0
    row = np.zeros(len(psi))
    at = _places(problem, term)[place]
    row[at] = lengths[0] * (-1.0 if psi[at] < 0 else 1.0)
    held = _held(problem, psi, Itself(), Linear(row))
    far = FAR_ERRORS * (held.estimate + float(np.sqrt(held.variance)))
    return _sides(fit, held, (Limit(0.0, attained=True), _far(held, far)))


def _of_correlation(fit: Fit, term: int, effects: tuple[int, int]) -> tuple[Path, ...]:
    """Of a correlation of a plain term; none of two effects that are one."""
    if are_parallel(problem_of_fit(fit), term, effects):
        return ()
    problem, psi, _ = with_effects_first(problem_of_fit(fit), fit.psi, term, effects)
    places, q = _places(problem, term), len(problem.matrices.terms[term].names)
    chart = Angle((int(places[0]), int(places[1]), int(places[q])))
    phi = chart.coordinates(psi)
    row = np.zeros(len(phi))
    row[places[1]] = 1.0
    held = _held(problem, phi, chart, Linear(row))
    return _sides(fit, held, (Limit(-1.0, attained=True), Limit(1.0, attained=True)))


def _places(problem: GeneralisedProblem, term: int) -> NDArray[np.intp]:
    """The places of the parameters of a term all of which are free."""
    places = places_of(problem, term)
    if places is None:
        raise ValueError("a parameter of the term is held")
    return places


def _far(held: HeldFunction, distance: float) -> Limit:
    return Limit(held.estimate + distance, attained=False, is_far=True)


def _held(problem: GeneralisedProblem, phi: Vector, chart: Chart, g: Function) -> HeldFunction:
    """The criterion with g held, and what is known of its curvature at the optimum `phi`."""
    slopes = np.array([chart.pulled(phi, unit) for unit in np.eye(len(phi))])
    H = slopes.T @ problem.hessian(chart.point(phi)) @ slopes
    alone = UNITS * problem.psi_units
    together, of_beta = alone.copy(), slice(problem.n_theta, problem.n_theta + problem.n_beta)
    together[of_beta] = np.inf
    if problem.family.link in STRAIGHT:
        alone[of_beta] = np.inf
    if problem.family.response == "ordered":
        together[of_beta.stop :] = np.inf  # thresholds go where the origin of a covariate is
    return HeldFunction(problem, chart, g, phi, bounded_covariance(H, alone, together))


def _sides(fit: Fit, held: HeldFunction, limits: tuple[Limit, Limit]) -> tuple[Path, ...]:
    """Both sides of the profile; also from another start where the criterion is flat by symmetry,
    at a singular root, from where another point may be lower.
    """
    start = held.start(fit.objective)
    moved = _elsewhere(held)
    restarts = () if moved is None else (moved,)
    return tuple(Path(held, start, limit, restarts) for limit in limits)


def _elsewhere(held: HeldFunction) -> Vector | None:
    problem, psi = held.problem, held.chart.point(held.center)
    units, moved = problem.units, psi.copy()
    for k, term in enumerate(problem.matrices.terms):
        own, q = places_of(problem, k), len(term.names)
        if own is None or not term.is_plain:
            continue
        diagonal = own if term.is_independent else own[np.cumsum([0, *range(q, 1, -1)])]
        small = diagonal[np.abs(psi[diagonal]) < NEARLY * units[diagonal]]
        moved[small] = ELSEWHERE * units[small]
    if np.array_equal(moved, psi):
        return None
    return held.coordinates(held.chart.coordinates(moved))
