"""What was found of many responses: arrays with one row per response."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixedmodels.responses.design import Design
from mixedmodels.responses.entries import entries_of
from mixedmodels.shortening import brief

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimates:
    """r fits; one that failed is a row of nan.

    Attributes
    ----------
    nobs : array (r,) of int64
        Rows with a value.
    status : array (r,) of object
        How the search ended: "converged", "max_evaluations", "stalled", "unbounded"; or why there
        is no fit: "constant", "exact", "infinite", "not_estimable", "failed".
    reason : array (r,) of object
        What to know of a response without a fit; None for the others.
    estimate, std_error, df : array (r, k)
        Of the coefficients and the hypotheses.
    covariances : array (r, v)
        Entries of the covariances of the random effects; see `entries`.
    sigma, criterion : array (r,)
        Residual standard deviation; minus twice the (restricted) log-likelihood.
    theta : array (r, m)
        Relative covariance parameters.
    singular : array (r,) of bool
        Whether the covariance of a term is singular.
    n_evaluations : array (r,) of int64
        Evaluations of the criterion.
    """

    nobs: NDArray[np.int64]
    status: NDArray[np.object_]
    reason: NDArray[np.object_]
    estimate: Vector
    std_error: Vector
    df: Vector
    covariances: Vector
    sigma: Vector
    criterion: Vector
    theta: Vector
    singular: NDArray[np.bool_]
    n_evaluations: NDArray[np.int64]

    __repr__ = brief

    def __len__(self) -> int:
        return len(self.sigma)

    def put(self, places: NDArray[np.intp], found: "Estimates") -> None:
        """Write the rows of `found` to their places, while these arrays are being made."""
        for field in fields(self):
            getattr(self, field.name)[places] = getattr(found, field.name)

    def lose(self, places: Any, status: str, reason: str) -> None:
        """Mark responses without a fit, while these arrays are being made."""
        self.status[places] = status
        self.reason[places] = reason


def empty(design: Design, r: int) -> Estimates:
    """No fits yet."""
    k, v, m = len(design.rows), len(entries_of(design.matrices)), len(design.theta_names)
    return Estimates(
        nobs=np.zeros(r, dtype=np.int64),
        status=np.full(r, "failed", dtype=object),
        reason=np.full(r, None, dtype=object),
        estimate=np.full((r, k), np.nan),
        std_error=np.full((r, k), np.nan),
        df=np.full((r, k), np.nan),
        covariances=np.full((r, v), np.nan),
        sigma=np.full(r, np.nan),
        criterion=np.full(r, np.nan),
        theta=np.full((r, m), np.nan),
        singular=np.zeros(r, dtype=np.bool_),
        n_evaluations=np.zeros(r, dtype=np.int64),
    )


def joined(parts: Sequence[Estimates]) -> Estimates:
    """Several blocks as one, in their order."""
    names = [field.name for field in fields(Estimates)]
    return Estimates(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})
