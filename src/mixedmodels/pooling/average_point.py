"""The criterion of every data set at the averages of all estimates: what D3 needs.

Averages are those of fixed effects, of variances and covariances, and of the residual variance;
where covariances have structure, of their coordinates; in a generalised model of all its
parameters. With theta and sigma given, and C = (X'V^-1 X)^-1 and b the best beta there,

    -2 log L = log|V| + n log(2 pi sigma^2) + (r(b)^2 + (beta - b)' C^-1 (beta - b)) / sigma^2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.plain import PlainProblem
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.variance_components import reported_covariances
from mixedmodels.pooling.complete import mean_coefficients

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Point:
    """Averages of estimates.

    Attributes
    ----------
    beta : array (p,)
        Fixed effects, by the columns of the formula.
    sigma : float
        Root of the mean residual variance.
    T : tuple of arrays (q_k, q_k)
        Roots of the mean covariances over sigma^2, by the columns of the formula; of models
        without structure.
    psi : array
        Mean coordinates, of the others.
    """

    beta: Vector
    sigma: float
    T: tuple[Vector, ...]
    psi: Vector


def average_point(fits: Sequence[Fit]) -> Point:
    """The averages over some fits by maximum likelihood.

    Raises
    ------
    DataError
        If coordinates of structures mean something else in each data set.
    """
    sigma = float(np.sqrt(np.mean([fit.sigma**2 for fit in fits])))
    beta = mean_coefficients(fits)
    if isinstance(fits[0].problem, PlainProblem):
        each = [reported_covariances(fit) for fit in fits]
        means = [np.mean([found[k] for found in each], axis=0) for k in range(len(each[0]))]
        T = tuple(_root(mean / sigma**2) for mean in means)
        return Point(beta, sigma, T, np.empty(0))
    _require_same_coordinates(fits)
    return Point(beta, sigma, (), np.mean([fit.psi for fit in fits], axis=0))


def deviance_at(fit: Fit, point: Point) -> float:
    """Minus twice the log-likelihood of the data of a fit at given parameters."""
    problem = fit.problem
    if isinstance(problem, GeneralisedProblem):
        return float(problem.deviance(point.psi))
    theta = point.psi
    if isinstance(problem, PlainProblem):
        theta = problem.working(problem.theta_of(point.T))
    at = problem.estimates(theta, reml=False)
    n = len(fit.matrices.y)
    away = fit.matrices.coordinates.working(point.beta) - at.beta
    moved = float(away @ np.linalg.solve(at.cov_beta_unscaled, away)) if len(away) else 0.0
    if problem.matrices.known_sigma is not None:
        return float(at.deviance + moved / problem.matrices.known_sigma**2)
    ratio = at.sigma**2 / point.sigma**2
    return float(at.deviance - n * np.log(ratio) + n * (ratio - 1) + moved / point.sigma**2)


def _root(S: Vector) -> Vector:
    """The lower triangle T with T T' = S, which may be singular."""
    values, vectors = np.linalg.eigh(S)
    R = np.linalg.qr((vectors * np.sqrt(np.maximum(values, 0.0))).T)[1]
    return np.asarray(R.T * np.where(np.diag(R) < 0, -1.0, 1.0))


def _require_same_coordinates(fits: Sequence[Fit]) -> None:
    first = fits[0].matrices
    own = (first.coordinates, *(term.coordinates for term in first.terms))
    for fit in fits[1:]:
        m = fit.matrices
        if own != (m.coordinates, *(term.coordinates for term in m.terms)):
            raise DataError(
                "D3 cannot average the parameters of these models.\n"
                'Do:   centre the covariates that are far from zero, or use method="D4" or "D2".\n'
                "Why:  they are fitted in coordinates that depend on the imputed values."
            )
