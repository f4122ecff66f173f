"""A covariance of the caller's own, in the place of the model's."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.data import by_name
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit

Vector = NDArray[np.float64]

ROUNDING = 1e-8
"""Asymmetry, and negative eigenvalues, relative to the largest entry, that count as rounding."""


def working_covariance(fit: Fit, cov: object) -> Vector:
    """The matrix `cov`, of the coefficients by name or in their order, in working coordinates.

    Raises
    ------
    DataError
        If it is no covariance matrix of the model's coefficients.
    """
    names = fit.matrices.x_names
    C = _numbers(cov, names)
    largest = float(np.abs(C).max(initial=0.0))
    asymmetry = float(np.abs(C - C.T).max(initial=0.0))
    if asymmetry > ROUNDING * largest:
        raise DataError(f"cov is not symmetric: entries differ by {asymmetry:.3g}.\n{_DO}")
    C = (C + C.T) / 2
    lowest = float(np.linalg.eigvalsh(C)[0]) if len(C) else 0.0
    if lowest < -ROUNDING * largest or np.any(np.diag(C) <= 0):
        raise DataError(
            f"cov is no covariance: a combination of coefficients has the variance {lowest:.3g}.\n"
            f"{_DO}"
        )
    working = fit.matrices.coordinates.working
    return working(working(C).T)


_DO = 'Do:   give the covariance matrix of the estimates, or one of "CR0", "CR1", …, "CR3".'


def _numbers(cov: object, names: tuple[str, ...]) -> Vector:
    try:
        C = np.array(cov, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"cov is of type {type(cov).__name__}, which is no matrix of numbers.\n{_DO}"
        ) from error
    if C.shape != (len(names), len(names)):
        raise DataError(
            f"cov has shape {C.shape}, but the model has {len(names)} coefficients "
            f"({', '.join(names[:8])}{', …' if len(names) > 8 else ''}).\n{_DO}"
        )
    if not np.isfinite(C).all():
        raise DataError(f"cov has a value that is missing or infinite.\n{_DO}")
    if isinstance(cov, pd.DataFrame):
        rows = np.argsort(by_name("The rows of cov", cov.index.tolist(), names))
        columns = np.argsort(by_name("The columns of cov", cov.columns.tolist(), names))
        C = C[np.ix_(rows, columns)]
    return C
