"""Model matrices in the layout that the native engine reads without a copy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import ModelMatrices, TermMatrix
from mixedmodels.errors import DataError

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Arrays:
    """The arguments of the native constructor but for the response.

    Attributes
    ----------
    X
        Fixed-effects matrix (n, p), Fortran order.
    groups
        Level codes (n,) and number of levels, per grouping factor.
    terms
        Grouping factor, columns (n, q) in Fortran order and structure, per random term.
    weights
        (n,) or None.
    """

    X: Vector
    groups: list[tuple[NDArray[np.int32], int]]
    terms: list[tuple[int, Vector, str]]
    weights: Vector | None


def arrays_of(m: ModelMatrices) -> Arrays:
    """The arrays of a design.

    Raises
    ------
    DataError
        If it has covariance structures.
    """
    if not m.is_plain:
        raise DataError(
            "The model has structured covariances, which this does not read.\n"
            "Do:   use terms such as (x | g) and (x || g), without residual= and sigma=."
        )
    return Arrays(
        X=columns(m.X),
        groups=[(in_rows(g.codes), len(g.levels)) for g in m.groupings],
        terms=[(t.group, columns(t.Z), _word(t)) for t in m.terms],
        weights=None if m.weights is None else in_rows(m.weights),
    )


def _word(term: TermMatrix) -> str:
    """The engine's word for a plain structure."""
    return "diagonal" if term.structure.is_independent else "unstructured"


Number = TypeVar("Number", bound=np.generic)


def in_rows(values: NDArray[Number]) -> NDArray[Number]:
    """In C order and aligned, which arrays from another process may not be."""
    if values.flags.c_contiguous and values.flags.aligned:
        return values
    return np.require(values, requirements=["C_CONTIGUOUS", "ALIGNED"])


def columns(values: Vector) -> Vector:
    """In Fortran order and aligned."""
    if values.flags.f_contiguous and values.flags.aligned:
        return values
    return np.require(values, requirements=["F_CONTIGUOUS", "ALIGNED"])


def checked_theta(theta: Sequence[float] | Vector, m: int) -> Vector:
    """`theta` as an array (m,).

    Raises
    ------
    DataError
        If its length or values do not fit.
    """
    values = in_rows(np.asarray(theta, dtype=np.float64))
    if values.shape != (m,) or not np.isfinite(values).all():
        raise DataError(
            f"theta must be {m} finite numbers, but has shape {values.shape}.\n"
            "Do:   give one number per covariance parameter, in the order of `model.theta`."
        )
    return values


def checked_psi(psi: Sequence[float] | Vector, n: int) -> Vector:
    """`psi` as an array (n,).

    Raises
    ------
    DataError
        If its length or values do not fit.
    """
    values = in_rows(np.asarray(psi, dtype=np.float64))
    if values.shape != (n,) or not np.isfinite(values).all():
        raise DataError(
            f"The parameters must be {n} finite numbers, but have shape {values.shape}.\n"
            "Do:   give one number per covariance parameter, fixed effect and parameter of the "
            "parts beside the mean, in this order; or those of `model.theta` alone."
        )
    return values


def without_offset(m: ModelMatrices, values: Vector) -> Vector:
    """`values` (n,) or (n, r) less the offset of every row, if there is one."""
    if m.offset is None:
        return values
    return values - (m.offset if values.ndim == 1 else m.offset[:, None])
