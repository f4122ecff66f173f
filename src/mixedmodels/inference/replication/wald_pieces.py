"""What a Wald test needs of refits of a generalised model, from the Hessian in all parameters."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.batch import STALLED, Refits, WaldPieces
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.fit.generalised import generalised_of

Vector = NDArray[np.float64]


def with_wald_pieces(problem: GeneralisedProblem, refits: Refits, Y: Vector, L: Vector) -> Refits:
    """The refits of the responses `Y` (n, r) with L C L' of each.

    A fit whose Hessian tells no covariance is called stalled: no test is made of it.
    """
    psi, status = refits.psi, refits.status.copy()
    covariance = np.full((len(refits), len(L), len(L)), np.nan)
    for i in np.flatnonzero(~refits.failed).tolist():
        own = problem.with_response(np.ascontiguousarray(Y[:, i]))
        C = generalised_of(own, own.solution(psi[i])).of_beta(problem.n_theta, problem.n_beta)
        covariance[i] = L @ C @ L.T
        if not np.isfinite(covariance[i]).all():
            status[i] = STALLED
    return replace(refits, status=status, pieces=WaldPieces(covariance))
