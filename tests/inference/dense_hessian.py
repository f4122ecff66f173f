"""The Hessian of the dense likelihood in the variance parameters, sigma among them."""

from itertools import product

import numpy as np

from tests.dense import evaluate, relative_covariances

STEP = 5e-3  # of a standard error: the extrapolated error is of order STEP^4, rounding 1e-12/STEP^2


def deviance(model, G, sigma):
    """Minus twice the (restricted) log-likelihood at relative covariances and sigma, dense."""
    m = model.fit.matrices
    at = evaluate(m, G, reml=model.reml)
    degrees = len(m.y) - m.X.shape[1] * model.reml
    ratio = (at.sigma / sigma) ** 2
    return at.criterion + degrees * (ratio - 1 - np.log(ratio))


def relative(model, values, scale):
    """G_k of every term, and sigma, from the values of the parameters on one scale."""
    sigma = float(np.sqrt(values[-1])) if scale == "var" else float(values[-1])
    if scale == "theta":
        return relative_covariances(model.fit.matrices, values[:-1]), sigma
    rest = list(values[:-1])
    covariances = []
    for term in model.fit.matrices.terms:
        q = len(term.names)
        S = np.diag([rest.pop(0) for _ in range(q)])
        pairs = [] if term.structure.is_independent else np.triu_indices(q, 1)
        for i, j in zip(*pairs, strict=True) if len(pairs) else ():
            S[i, j] = S[j, i] = rest.pop(0) * (S[i, i] * S[j, j] if scale == "sd" else 1.0)
        if scale == "sd":
            S[np.diag_indices(q)] **= 2
        covariances.append(S / sigma**2)
    return covariances, sigma


def hessian(function, x, unit):
    """Second differences with steps in proportion to `unit`, extrapolated to step zero."""
    near, far = (_second_differences(function, x, h * STEP * unit) for h in (1, 2))
    return (4 * near - far) / 3


def _second_differences(function, x, step):
    k = len(x)
    H = np.zeros((k, k))
    for i, j in product(range(k), range(k)):
        for a, b in product((1, -1), (1, -1)):
            moved = x.copy()
            moved[i] += a * step[i]
            moved[j] += b * step[j]
            H[i, j] += a * b * function(moved) / (4 * step[i] * step[j])
    return H
