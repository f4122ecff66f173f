"""What the residuals of a block tell of its rows that the fit has not used.

With R_oo the residual covariance of the rows that were used, R_no that of new rows with them,

    E(e_n | e_o) = R_no R_oo^-1 e_o,    Var(e_n | e_o) = R_nn - R_no R_oo^-1 R_on

(Goldberger 1962, *Journal of the American Statistical Association* 57, 369-375), all over sigma^2.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from mixedmodels.design import NewResidual, ResidualMatrix
from mixedmodels.fit.fit import Fit

Vector = NDArray[np.float64]
Int = NDArray[np.int64]

MOST_PATTERNS = 1000
"""Covariances kept at a time."""


@dataclass(frozen=True, slots=True)
class Borrowed:
    """What N new rows borrow from the residuals of the n rows of the fit.

    Attributes
    ----------
    covariance : sparse array (N, n)
        R_no; zero for rows that borrow nothing.
    weights : sparse array (N, n)
        R_no R_oo^-1.
    explained : array (N,)
        The diagonal of R_no R_oo^-1 R_on.
    """

    covariance: sparse.csr_array
    weights: sparse.csr_array
    explained: Vector


def borrowed(fit: Fit, new: NewResidual, scale: Vector, theta: Vector) -> Borrowed:
    """Of rows in blocks that the fit has, at places where it has no row.

    A row at a place of its block that the fit has used stands for the very row: its residual is
    what the fit left, and no other one is known of it. With a nugget it is a repetition.

    Parameters
    ----------
    fit
        The fit.
    new
        Where the new rows stand.
    scale
        Shape (N,): their standard deviations beside sigma and the structure's own.
    theta
        The variance parameters.
    """
    used = fit.matrices.residual
    N, n = len(scale), len(fit.matrices.y)
    rows, columns, covariances, weights = [], [], [], []
    explained = np.zeros(N)
    if used is not None and used.structure is not None and _has_known_blocks(new, scale):
        own, covariance = fit.problem.row_scale(theta), _remembered(fit, theta)
        for o, at in _shared_blocks(used, new, scale):
            C = covariance(int(used.part[o[0]]), np.vstack([used.positions[o], new.positions[at]]))
            C = C * np.outer(sd := np.concatenate([own[o], scale[at]]), sd)
            R_no = C[len(o) :, : len(o)]
            W = _solved(C[: len(o), : len(o)], R_no.T).T
            explained[at] = np.einsum("no,no->n", W, R_no)
            rows.append(np.repeat(at, len(o)))
            columns.append(np.tile(o, len(at)))
            covariances.append(R_no.ravel())
            weights.append(W.ravel())
    places = (_joined(rows), _joined(columns))
    return Borrowed(
        covariance=_sparse(covariances, places, (N, n)),
        weights=_sparse(weights, places, (N, n)),
        explained=explained,
    )


def _has_known_blocks(new: NewResidual, scale: Vector) -> bool:
    return len(_in_known_blocks(new, scale)) > 0


def _in_known_blocks(new: NewResidual, scale: Vector) -> Int:
    """The new rows whose block the fit has seen, and whose place is told."""
    known = (new.codes >= 0) & np.isfinite(new.positions).all(axis=1) & np.isfinite(scale)
    return np.flatnonzero(known & (new.part >= 0))


def _shared_blocks(
    used: ResidualMatrix, new: NewResidual, scale: Vector
) -> Iterator[tuple[Int, Int]]:
    """Rows of the fit and new rows of every block that has both."""
    candidates = _in_known_blocks(new, scale)
    candidates = candidates[np.argsort(new.codes[candidates], kind="stable")]
    order = np.argsort(used.codes, kind="stable")
    wanted, first = np.unique(new.codes[candidates], return_index=True)
    starts = np.searchsorted(used.codes[order], wanted, side="left")
    stops = np.searchsorted(used.codes[order], wanted, side="right")
    for start, stop, at in zip(starts, stops, np.split(candidates, first[1:]), strict=True):
        o = order[start:stop]
        at = at[new.part[at] == used.part[o[0]]] if len(o) else at[:0]
        if used.structure is not None and not used.structure.nugget:
            same = (new.positions[at][:, None] == used.positions[o][None]).all(axis=2)
            at = at[~same.any(axis=1)]
        if len(at):
            yield o, at


def _remembered(fit: Fit, theta: Vector) -> Callable[[int, Vector], Vector]:
    """C of the residuals between positions, kept for the many blocks that have the same ones."""
    known: dict[tuple[int, bytes], Vector] = {}

    def covariance(part: int, positions: Vector) -> Vector:
        key = (part, positions.tobytes())
        if key not in known:
            if len(known) >= MOST_PATTERNS:
                known.clear()
            known[key] = fit.problem.residual_covariance(theta, part, positions)
        return known[key]

    return covariance


def _solved(R: Vector, columns: Vector) -> Vector:
    """R^-1 times columns; in the directions that R has, where it is singular."""
    try:
        return np.asarray(linalg.cho_solve(linalg.cho_factor(R, lower=True), columns))
    except linalg.LinAlgError:
        return np.asarray(linalg.pinvh(R) @ columns)


def _joined(parts: list[Int]) -> Int:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def _sparse(
    values: list[Vector], places: tuple[Int, Int], shape: tuple[int, int]
) -> sparse.csr_array:
    data = np.concatenate(values) if values else np.empty(0)
    return sparse.csr_array((data, places), shape=shape)
