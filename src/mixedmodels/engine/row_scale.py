"""The standard deviation of a row beside sigma and beside what its covariance structure has.

s = w^-1/2 exp(S delta) prod_j f_j(x),    f = |x|^delta,  or exp(kappa) + |x|^delta
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import ScaleModel

Vector = NDArray[np.float64]


def row_scale(
    scale: ScaleModel | None,
    weights: Vector | None,
    coefficients: Sequence[float],
    *,
    n: int,
    fitted: Vector | None = None,
) -> Vector:
    """Shape (n,).

    Parameters
    ----------
    scale
        How the standard deviation differs between rows.
    weights
        Shape (n,).
    coefficients
        delta of every column of S; then per power function its delta, or its kappa and delta.
    n
        Number of rows.
    fitted
        Fitted values (n,), where a power function is of these.
    """
    log_sd = np.zeros(n) if weights is None else -np.log(weights) / 2
    if scale is None:
        return np.asarray(np.exp(log_sd))
    k = scale.S.shape[1]
    log_sd = log_sd + scale.S @ np.asarray(coefficients[:k], dtype=np.float64)
    rest = list(coefficients[k:])
    for power in scale.powers:
        x = np.abs(fitted) if power.of_fitted and fitted is not None else power.values
        if x is None:
            raise ValueError("a power of the fitted values needs them")
        own = _log_power(power.kind, x, rest)
        log_sd += own if power.rows is None else np.where(power.rows, own, 0.0)
    return np.asarray(np.exp(log_sd))


def _log_power(kind: str, x: Vector, coefficients: list[float]) -> Vector:
    """The logarithm of a power function, whose coefficients are taken off the list."""
    if kind == "power":
        with np.errstate(divide="ignore"):
            return np.asarray(coefficients.pop(0) * np.log(x))
    kappa, delta = coefficients.pop(0), coefficients.pop(0)
    return np.asarray(np.log(np.exp(kappa) + x**delta))
