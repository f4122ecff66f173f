"""Coefficients and random effects given the variance parameters, drawn exactly.

Linear models: beta with a flat prior and b are jointly normal given y. With b0 ~ N(0, sigma^2
Lambda Lambda') and e0 ~ N(0, sigma^2 R) the estimates at theta from y - Z b0 - e0, plus (0, b0),
are a draw of them: the errors of the best linear unbiased predictions have the same covariance for
any sample (Durbin & Koopman 2002, *Biometrika* 89, 603, for state-space models).

Generalised models: beta is among the parameters, and b is normal around the modes, by Laplace's
approximation. With W the information of the rows there and S = Lambda M^-1 Lambda', M = Lambda'Z'WZ
Lambda + Q, the draw is b-hat + b0 - S Z'(W Z b0 + W^1/2 e), e ~ N(0, I), which has covariance S.
"""

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.iterative import IterativeProblem, refuse
from mixedmodels.engine.route import AnyLinear, linear
from mixedmodels.engine.structured_draws import correlated, related
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.linear_predictor import add_random_effects, linear_predictor
from mixedmodels.fit.once import once
from mixedmodels.prediction.joint_errors import effect_columns
from mixedmodels.prediction.predict import predicted

Vector = NDArray[np.float64]

MOST = 3_000
"""Random effects up to which their covariance is formed where rows have negative information."""


def conditional_draw(at: Fit, random: np.random.Generator) -> Fit:
    """A fit at some variance parameters with coefficients and random effects drawn given these."""
    if isinstance(at.problem, GeneralisedProblem):
        return _of_generalised(at, at.problem, random)
    problem = linear(at.problem, "Drawing random effects")
    if isinstance(problem, IterativeProblem):
        refuse("Drawing from the estimates", "use cov_params() and ranef_table()")
    return linear_draw(at, problem, random)


def linear_draw(at: Fit, problem: AnyLinear, random: np.random.Generator) -> Fit:
    """Those of a linear model, given its theta and sigma; fits of any method."""
    m = problem.matrices
    b0 = [at.sigma * b for b in _relative_effects(at, random)]
    e = random.standard_normal((len(m.y), 1))
    correlation = partial(problem.residual_covariance, at.theta)
    y = -at.sigma * problem.row_scale(at.theta) * correlated(m, e, correlation)[:, 0]
    for term, b in zip(m.terms, b0, strict=True):
        add_random_effects(y, m.groupings[term.group].codes, term.Z, -b, term.members)
    found = problem.with_response(m.y + y).estimates(at.theta, reml=at.reml)
    return with_effects(at, found.beta, [b + own for b, own in zip(found.b, b0, strict=True)])


def _of_generalised(at: Fit, problem: GeneralisedProblem, random: np.random.Generator) -> Fit:
    found = problem.solution(at.psi, hessian=False)
    if not at.matrices.terms:
        return with_effects(at, at.beta, [])
    W = problem.working(at.psi)[0]
    own = _relative_effects(at, random)
    if W.min() < 0:
        change = _dense_root(at, problem) @ random.standard_normal(sum(b.size for b in own))
    else:
        Z = effects_of_rows(at)
        b0 = np.concatenate([b.ravel() for b in own])
        e = random.standard_normal(len(W))
        right = Z.T @ (W * (Z @ b0) + np.sqrt(W) * e)
        change = b0 - problem.solve(at.psi, np.asfortranarray(right[:, None]))[:, 0]
    ends = np.cumsum([b.size for b in own])[:-1]
    parts = zip(found.b, np.split(change, ends), strict=True)
    return with_effects(at, at.beta, [b + part.reshape(b.shape) for b, part in parts])


def with_effects(at: Fit, beta: Vector, b: list[Vector]) -> Fit:
    """The fit with other coefficients and random effects, and the linear predictor of these."""
    own = at.generalised
    if own is not None:
        own = replace(own, eta=linear_predictor(at.matrices, beta, b))
    return replace(at, beta=beta, b=tuple(b), generalised=own)


@once
def effects_of_rows(fit: Fit) -> sparse.csr_array:
    """Z (n, effects): levels term by term in formula order, the columns of a level together."""
    return effect_columns(fit, predicted(fit))


def _relative_effects(at: Fit, random: np.random.Generator) -> list[Vector]:
    """Draws of b / sigma (levels, q_k) of every term, from their distribution."""
    m, out = at.matrices, []
    for term, T in zip(m.terms, at.T, strict=True):
        levels = len(m.groupings[term.group].levels)
        u = random.standard_normal((levels, T.shape[1], 1))
        out.append(related(term, u)[:, :, 0] @ T.T)
    return out


def _dense_root(at: Fit, problem: GeneralisedProblem) -> Vector:
    """A root of S, for families whose rows may have negative information."""
    m = at.matrices
    size = sum(len(m.groupings[term.group].levels) * len(term.names) for term in m.terms)
    if size > MOST:
        raise DataError(
            f"The {size} random effects are too many to draw together: some rows have negative "
            "information on them.\n"
            f"Do:   draw of a model with at most {MOST}, or use bootstrap()."
        )
    S = problem.solve(at.psi, np.asfortranarray(np.eye(size)))
    values, vectors = np.linalg.eigh((S + S.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
