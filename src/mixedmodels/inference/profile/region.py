"""Limits of profile intervals as the ends of a parameter over the region of high likelihood.

The interval of g by the profile of the likelihood is the range of g over all (theta, sigma) whose
criterion exceeds its minimum by no more than the cut-off (Venzon & Moolgavkar 1988, Applied
Statistics 37, 87-94). It needs neither a coordinate that is g nor a refit at fixed values of it,
and so serves any function of the parameters: here the variance parameters of models with structure
on their natural scale, and the fixed effects, whose range at one (theta, sigma) is known in closed
form.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from mixedmodels.engine.structured import StructuredProblem
from mixedmodels.errors import DataError
from mixedmodels.fit.covariance_parameters import parameters_at
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.interval import Intervals
from mixedmodels.inference.profile.held_effect import held_limit
from mixedmodels.vocabulary import Which

Vector = NDArray[np.float64]

TOLERANCE = 1e-8
"""Of the search, relative to the parameter's standard error."""

ITERATIONS = 200

OFF = 1e-3
"""Excess of the criterion over the cut-off that a limit may have."""

FAR = 50.0
"""Standard errors from the estimate, in any direction, beyond which there is no limit."""

NOTHING = 1e-5
"""Of an estimate: a smaller lower limit is zero, to which the search only comes close."""

FLAT = 1e-8
"""Variance, in the units of the data, of a direction whose curvature says nothing of its scale."""

OUTSIDE = 1e10
"""Stands for infinity where there is no likelihood, as searches take differences."""


@dataclass(frozen=True, slots=True)
class Region:
    """The (theta, sigma) whose criterion (ML) is below a cut-off.

    In the coordinates z the criterion exceeds its minimum by about z'z: x = x_0 + root z with
    x = (theta / units, log sigma), or theta / units where sigma is known.

    Attributes
    ----------
    problem
        The model.
    center, root
        x_0 (m + 1,) and the root (m + 1, m + 1) of the covariance of x.
    rise
        How much the criterion may exceed its minimum.
    minimum
        Its minimum.
    """

    problem: StructuredProblem
    center: Vector
    root: Vector
    rise: float
    minimum: float

    def parts(self, z: Vector) -> tuple[Vector, float]:
        """(theta, sigma) of coordinates."""
        x, sigma = self.center + self.root @ z, self.problem.sigma
        m = self.problem.n_theta
        return x[:m] * self.problem.units, float(np.exp(x[m])) if sigma is None else sigma

    def slopes(self, by_theta: Vector, by_log_sigma: float) -> Vector:
        """A gradient in z from one in (theta, log sigma)."""
        gradient = by_theta * self.problem.units
        if self.problem.sigma is None:
            gradient = np.append(gradient, by_log_sigma)
        return np.asarray(self.root.T @ gradient)

    def left(self, z: Vector) -> tuple[float, Vector]:
        """How far the criterion is below the cut-off, and the gradient of that."""
        theta, sigma = self.parts(z)
        try:
            value, by_theta, by_log_sigma = self.problem.at(theta, sigma)
        except DataError:  # a point that the structures do not allow has no likelihood
            return -OUTSIDE, np.zeros(len(z))
        return self.minimum + self.rise - value, -self.slopes(by_theta, by_log_sigma)

    def end(self, g: Callable[[Vector], tuple[float, Vector]], side: int) -> float:
        """The largest (side 1) or smallest (side -1) value of g over the region; nan if there is
        none.
        """
        origin = np.zeros(len(self.center))
        value, slope = g(origin)
        scale = float(np.linalg.norm(slope))
        if scale == 0:
            return value
        start = side * np.sqrt(self.rise) * slope / scale
        found = optimize.minimize(
            lambda z: -side * (g(z)[0] - value) / scale,
            start,
            jac=lambda z: -side * g(z)[1] / scale,
            constraints={
                "type": "ineq",
                "fun": lambda z: self.left(z)[0],
                "jac": lambda z: self.left(z)[1],
            },
            bounds=[(-FAR, FAR)] * len(origin),
            method="SLSQP",
            options={"maxiter": ITERATIONS, "ftol": TOLERANCE},
        )
        is_inside = self.left(found.x)[0] > -OFF
        is_near = np.max(np.abs(found.x)) < 0.99 * FAR
        return g(found.x)[0] if is_inside and is_near else float("nan")


def region_of(problem: StructuredProblem, best: Fit, level: float) -> Region:
    """The region of a level around the maximum of the likelihood."""
    sigma = problem.sigma
    units = problem.units if sigma is not None else np.append(problem.units, best.sigma)
    center = best.theta / problem.units
    if sigma is None:
        center = np.append(center, np.log(best.sigma))
    found = problem.information(best.theta, reml=False).covariance
    size = len(units)
    covariance = found[:size, :size] / np.outer(units, units)
    values, vectors = np.linalg.eigh(covariance)
    known = values > FLAT
    root = vectors * np.sqrt(np.where(known, values, 1.0))
    return Region(problem, center, root, float(stats.chi2.ppf(level, 1)), best.objective)


def structured_limits(fit: Fit, level: float, which: Which) -> Intervals:
    """Profile intervals of a model with structure."""
    best = fit
    if fit.reml:
        control = replace(fit.request.control, start=tuple(fit.theta))
        found = fit.problem.minimise(reml=False, control=control)
        best = replace(
            fit, theta=found.theta, beta=found.beta, sigma=found.sigma, objective=found.deviance
        )
    if which == "fixed":
        return fixed_limits(fit, best, level)
    variance = variance_limits(fit, best, level)
    return variance if which == "variance" else variance + fixed_limits(fit, best, level)


def variance_limits(fit: Fit, best: Fit, level: float) -> Intervals:
    """Profile intervals of the variance parameters; `best` is the fit at the maximum of the ML
    likelihood.
    """
    region = region_of(_structured(best), best, level)
    found = parameters_at(fit.problem, fit.theta, fit.sigma)
    limits = np.full((2, len(found.names)), np.nan)
    for i in range(len(found.names)):
        ends = [region.end(_parameter(region, i), side) for side in (-1, 1)]
        vanishes = abs(ends[0]) < NOTHING * abs(found.values[i])
        limits[:, i] = (0.0 if vanishes else ends[0], ends[1])
    return Intervals(found.groups, found.terms, found.values, limits[0], limits[1])


def _parameter(region: Region, i: int) -> Callable[[Vector], tuple[float, Vector]]:
    def g(z: Vector) -> tuple[float, Vector]:
        theta, sigma = region.parts(z)
        found = parameters_at(region.problem, theta, sigma)
        row = found.jacobian[i]
        return float(found.values[i]), region.slopes(row[:-1], row[-1] * sigma)

    return g


def _structured(fit: Fit) -> StructuredProblem:
    if not isinstance(fit.problem, StructuredProblem):
        raise TypeError("a region is of a model with structure")
    return fit.problem


def fixed_limits(fit: Fit, best: Fit, level: float) -> Intervals:
    """Profile intervals of the fixed effects.

    At one (theta, sigma) the criterion exceeds its minimum over beta by (c - beta_j)^2 over the
    variance of beta_j where beta_j is held at c, so that the ends of beta_j there are known.
    """
    region = region_of(_structured(best), best, level)
    m = fit.matrices
    names = m.x_names
    estimate = m.coordinates.reported(fit.beta)
    L = m.coordinates.columns(np.eye(len(names)))
    limits = np.empty((2, len(names)))
    for j in range(len(names)):
        limits[:, j] = [_fixed_end(region, L[j], side) for side in (-1, 1)]
    return Intervals((None,) * len(names), names, estimate, limits[0], limits[1])


def _fixed_end(region: Region, row: Vector, side: int) -> float:
    def beyond(z: Vector) -> float:
        """How far the end at one point lies inside the farthest, less than nothing outside."""
        theta, sigma = region.parts(z)
        try:
            found = region.problem.estimates_at(theta, sigma)
        except DataError:  # a point that the structures do not allow has no likelihood
            return OUTSIDE
        left = region.minimum + region.rise - found.deviance
        sd = sigma * np.sqrt(float(row @ found.cov_beta_unscaled @ row))
        center = float(row @ found.beta)
        return float(-side * center - np.sign(left) * np.sqrt(abs(left)) * sd)

    origin = np.zeros(len(region.center))
    theta, sigma = region.parts(origin)
    first = region.problem.estimates_at(theta, sigma)
    scale = sigma * np.sqrt(float(row @ first.cov_beta_unscaled @ row))
    found = optimize.minimize(
        lambda z: beyond(z) / scale, origin, method="BFGS", options={"gtol": 1e-5}
    )
    if found.success:
        return float(-side * found.fun * scale)
    estimate = float(row @ first.beta)
    return held_limit(
        region.problem,
        row,
        theta=theta,
        estimate=estimate,
        distance=-side * found.fun * scale - estimate,
        cutoff=region.minimum + region.rise,
    )
