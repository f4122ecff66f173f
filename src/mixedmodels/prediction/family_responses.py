"""Responses of a generalised model: its family's, at linear predictors with random effects."""

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import ModelMatrices
from mixedmodels.engine.auxiliary import split, thresholds
from mixedmodels.engine.batch import Draws
from mixedmodels.engine.structured_draws import draw_linear_predictors
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit

Vector = NDArray[np.float64]


def family_responses(
    fit: Fit, matrices: ModelMatrices, draws: Draws, first: int, count: int
) -> Vector:
    """Responses (n, count) of the replicates from `first` on, of the rows of `matrices`: the fit's
    own, or others.

    Raises
    ------
    DataError
        If the model has weights, or the rows lack their trials.
    """
    _require_distribution(fit, matrices)
    eta = draw_linear_predictors(matrices, draws, first, count)
    auxiliary = _auxiliary(fit, matrices)
    key = (int(draws.key[0]), int(draws.key[1]))
    rows, auxiliary = np.ascontiguousarray(eta.T), np.ascontiguousarray(auxiliary)
    drawn = fit.family.native.draw(key, first, matrices.size, rows, auxiliary)
    return drawn.T


def _auxiliary(fit: Fit, matrices: ModelMatrices) -> Vector:
    """Auxiliary parameters (n, k) of the rows; all thresholds of an ordered response."""
    n = len(matrices.X)
    if fit.generalised is None:
        raise TypeError("the fit is not that of a generalised model")
    columns = []
    delta = split(matrices.auxiliary, fit.generalised.auxiliary)
    for part, own in zip(matrices.auxiliary, delta, strict=True):
        if part.thresholds is None:
            columns.append(part.D @ own)
        else:
            columns += [np.full(n, tau) for tau in thresholds(part, own)[0]]
    return np.column_stack(columns) if columns else np.empty((n, 0))


def _require_distribution(fit: Fit, matrices: ModelMatrices) -> None:
    if fit.matrices.weights is not None:
        raise DataError(
            "Responses of a model with weights cannot be drawn.\n"
            "Do:   fit without weights: repeat the rows that they stand for; trials are trials=.\n"
            "Why:  the weights of a generalised model multiply the log-likelihood of a row, which "
            "is that of\n      no distribution unless they are one."
        )
    if fit.matrices.size is not None and matrices.size is None:
        raise DataError(
            "The new data do not tell the trials of their rows.\n"
            "Do:   add the columns that the response of the fit takes them from."
        )
