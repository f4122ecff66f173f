"""Responses drawn from a family, and what many refits of a generalised model found.

A replicate depends on the key and on its own number alone. A response that the family cannot have
(successes in every row, a category without a row) has no fit: its row says so.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mixedmodels import _native
from mixedmodels.design import ModelMatrices
from mixedmodels.engine.auxiliary import row_values
from mixedmodels.engine.batch import FAILED, STATUS, Draws, Refits
from mixedmodels.engine.singularity import NEGLIGIBLE
from mixedmodels.engine.structured_draws import draw_linear_predictors
from mixedmodels.errors import DataError
from mixedmodels.families import Family

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]


def require_distribution(draws: Draws, own: ModelMatrices, rows: ModelMatrices) -> None:
    """Refuse what is no distribution of responses of `rows`, which may be the model's `own`.

    Raises
    ------
    DataError
        If the model has weights, the rows lack their trials, or residuals are to have a shape.
    """
    if own.weights is not None and not (own.weights == 1).all():
        raise DataError(
            "Responses of a generalised model with weights cannot be drawn.\n"
            "Do:   fit without weights: repeat the rows that they stand for; trials are trials=.\n"
            "Why:  the weights multiply the log-likelihood of a row, which is that of no\n"
            "      distribution unless they are one."
        )
    if own.size is not None and rows.size is None:
        raise DataError(
            "The new data do not tell the trials of their rows.\n"
            "Do:   add the columns that the response of the fit takes them from."
        )
    if draws.residuals != "normal":
        raise DataError(
            f'residuals = "{draws.residuals}" has no meaning in a generalised model.\n'
            "Do:   leave it out; effects= is the shape of the random effects.\n"
            "Why:  the response is drawn from its family, without residuals."
        )


def draw_from_family(
    family: Family, matrices: ModelMatrices, draws: Draws, first: int, count: int
) -> Vector:
    """Responses (n, count) of the replicates from `first` on, of any rows."""
    eta = draw_linear_predictors(matrices, draws, first, count)
    delta = np.empty(0) if draws.auxiliary is None else draws.auxiliary
    auxiliary = row_values(matrices.auxiliary, delta, len(eta))
    key = (int(draws.key[0]), int(draws.key[1]))
    rows = np.ascontiguousarray(eta.T)
    return family.native.draw(key, first, matrices.size, rows, auxiliary).T


def possible(family: Family, matrices: ModelMatrices, Y: Vector) -> Mask:
    """Which responses (n, r) the family can have, in a model that has a fit to them."""
    out = np.ones(Y.shape[1], dtype=np.bool_)
    for i, y in enumerate(Y.T):
        try:
            family.check_response(y, matrices.size, "a response")
        except DataError:
            out[i] = False
    return out


def named_generalised(found: _native.GeneralisedRefits, there: Mask, *, m: int, p: int) -> Refits:
    """The fits of the responses that are `there`, the others as rows of nan."""
    r, n_psi = len(there), found.psi.shape[1]
    status = np.full(r, FAILED, dtype=np.int8)
    status[there] = [STATUS.get(word, FAILED) for word in found.status]
    psi = _spread(found.psi, there, (r, n_psi))
    evaluations = np.zeros(r, dtype=np.int64)
    evaluations[there] = found.n_evaluations
    return Refits(
        status=status,
        singular=np.zeros(r, dtype=np.bool_),
        n_evaluations=evaluations,
        deviance=_spread(found.deviance, there, (r,)),
        sigma=np.where(status == FAILED, np.nan, 1.0),
        theta=psi[:, :m],
        beta=psi[:, m : m + p],
        bse=_spread(found.bse, there, (r, p)),
        auxiliary=psi[:, m + p :],
    )


def _spread(values: Vector, there: Mask, shape: tuple[int, ...]) -> Vector:
    out = np.full(shape, np.nan)
    out[there] = values
    return out


def is_singular(T: Sequence[Vector], scales: Sequence[Vector]) -> bool:
    """Whether a direction of some term has no variance; `scales` are those of the columns of Z_k,
    relative to what stands for the residual standard deviation.
    """
    return any(
        np.linalg.svd(scale[:, None] * T_k, compute_uv=False)[-1] < NEGLIGIBLE
        for T_k, scale in zip(T, scales, strict=True)
        if T_k.size
    )
