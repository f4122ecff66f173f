"""A repeated-measures fit subject by subject: who has which visits, and what covariances there are.

Subjects of one pattern (the same visits, observed in the same ones, under the same covariances) are
kept together, so that every step is one stacked product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Frame
from mixedmodels.engine.structured import StructuredProblem
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.imputation.posterior import refitted_sample
from mixedmodels.prediction.rows import new_rows

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pattern:
    """k subjects with the same v visits, observed in the same ones.

    Attributes
    ----------
    part, reference_part : int
        Which covariance they have, and which subjects of the reference arm have.
    visits : array (v,)
        Places in the order of all visits, ascending.
    seen : bool array (v,)
        Which have a response.
    rows : array (k, v)
        The rows of the data.
    X, X_reference : arrays (k, v, p)
        Fixed effects in working coordinates, as they are and as in the reference arm.
    y : array (k, v)
        Responses less the offset, nan where there is none.
    offset : array (k, v)
    """

    part: int
    reference_part: int
    visits: NDArray[np.intp]
    seen: NDArray[np.bool_]
    rows: NDArray[np.intp]
    X: Vector
    X_reference: Vector
    y: Vector
    offset: Vector


@dataclass(frozen=True, slots=True)
class Repeated:
    """All subjects, and where visits stand in the covariance: positions (V, 1)."""

    patterns: tuple[Pattern, ...]
    positions: Vector


@dataclass(frozen=True, slots=True)
class Parameters:
    """A draw: beta (p,) in working coordinates, and per part the covariance (V, V) of visits."""

    beta: Vector
    covariances: tuple[Vector, ...]


def repeated(fit: Fit, frame: Frame, moved: Frame, response: str) -> Repeated:
    """The subjects of a table; `moved` is the same with everybody in the reference arm.

    Raises
    ------
    DataError
        If a covariate or a visit is missing, or a subject lacks the row of a visit.
    """
    own = new_rows(fit, frame.native, set(), residual=True)
    other = new_rows(fit, moved.native, set(), residual=True)
    if own.residual is None or other.residual is None:
        raise ValueError("a repeated-measures fit without a covariance of residuals")
    places = own.residual.positions
    _require_complete(own.X, places, own.residual.blocks)
    at, visit = np.unique(places[:, 0], return_inverse=True)
    offset = np.zeros(frame.nrows) if own.offset is None else own.offset
    y = frame.column(response).floats() - offset
    blocks = own.residual.blocks
    if fit.matrices.residual is not None and fit.matrices.residual.occasions:
        _require_rows(blocks, visit, len(at))
    order = np.lexsort((visit, blocks))
    subjects = np.split(order, np.flatnonzero(np.diff(blocks[order])) + 1)
    keyed: dict[tuple[object, ...], list[NDArray[np.intp]]] = {}
    for rows in subjects:
        seen = ~np.isnan(y[rows])
        parts = (int(own.residual.part[rows[0]]), int(other.residual.part[rows[0]]))
        keyed.setdefault((*parts, tuple(visit[rows]), tuple(seen)), []).append(rows)
    patterns = []
    for key in sorted(keyed, key=repr):
        rows = np.array(keyed[key], dtype=np.intp)
        patterns.append(
            Pattern(
                part=key[0],  # type: ignore[arg-type]  # a key is what was put together above
                reference_part=key[1],  # type: ignore[arg-type]
                visits=np.array(key[2], dtype=np.intp),
                seen=np.array(key[3], dtype=np.bool_),
                rows=rows,
                X=own.X[rows],
                X_reference=other.X[rows],
                y=y[rows],
                offset=offset[rows],
            )
        )
    return Repeated(tuple(patterns), at[:, None])


def parameter_draw(fit: Fit, subjects: Repeated, rng: np.random.Generator) -> Parameters:
    """Parameters from their approximate posterior.

    Covariances S S*^-1 S with the estimate S and that of a sample, S*: were S* Wishart around S,
    this is inverse Wishart, the posterior. The fixed effects are normal given them.

    Raises
    ------
    ConvergenceError
        If no sample from the fit can be fitted.
    """
    problem = fit.problem
    if not isinstance(problem, StructuredProblem):
        raise ValueError("a repeated-measures fit without structure")
    theta, sigma = refitted_sample(
        fit, problem, rng, advice="fit a covariance with fewer parameters, such as toep or ar1"
    )
    at = covariances_of(fit, fit.theta, fit.sigma, subjects.positions)
    drawn = covariances_of(fit, theta, sigma, subjects.positions)
    turned = tuple(S @ np.linalg.solve(S_star, S) for S, S_star in zip(at, drawn, strict=True))
    covariances = tuple((S + S.T) / 2 for S in turned)
    return Parameters(_beta_draw(subjects.patterns, covariances, rng), covariances)


def covariances_of(fit: Fit, theta: Vector, sigma: float, positions: Vector) -> tuple[Vector, ...]:
    """Per part the covariance (V, V) of the visits at given parameters."""
    residual = fit.matrices.residual
    parts = range(len(residual.parts)) if residual is not None else range(0)
    return tuple(
        sigma**2 * fit.problem.residual_covariance(theta, part, positions) for part in parts
    )


def _beta_draw(
    patterns: Sequence[Pattern], covariances: Sequence[Vector], rng: np.random.Generator
) -> Vector:
    p = patterns[0].X.shape[2]
    A, c = np.zeros((p, p)), np.zeros(p)
    for one in patterns:
        seen = np.flatnonzero(one.seen)
        if not len(seen):
            continue
        places = one.visits[seen]
        inverse = np.linalg.inv(covariances[one.part][np.ix_(places, places)])
        X, y = one.X[:, seen], one.y[:, seen]
        A += np.einsum("kvp,vw,kwq->pq", X, inverse, X)
        c += np.einsum("kvp,vw,kw->p", X, inverse, y)
    root = np.linalg.cholesky(A)
    noise = np.linalg.solve(root.T, rng.standard_normal(p))
    return np.asarray(np.linalg.solve(A, c) + noise, dtype=np.float64)


def _require_complete(X: Vector, places: Vector, blocks: NDArray[np.int32]) -> None:
    lost = ~(np.isfinite(X).all(axis=1) & np.isfinite(places).all(axis=1) & (blocks >= 0))
    if lost.any():
        raise DataError(
            f"{np.count_nonzero(lost)} rows have a missing covariate, subject or visit, or a visit "
            f"that the fit has not seen; the first is row {int(np.flatnonzero(lost)[0])}.\n"
            "Do:   complete these columns first, or leave such rows out."
        )
    if places.shape[1] != 1:
        raise DataError(
            "The residuals are correlated along more than one coordinate, which has no order.\n"
            "Do:   use a covariance over visits or times."
        )


def _require_rows(blocks: NDArray[np.int32], visit: NDArray[np.intp], n_visits: int) -> None:
    n_subjects = int(blocks.max()) + 1
    lacking = n_subjects * n_visits - len(visit)
    if lacking:
        raise DataError(
            f"{lacking} rows are not there: {n_subjects} subjects times {n_visits} visits are "
            f"{n_subjects * n_visits}, and the data have {len(visit)}.\n"
            "Do:   add a row without response for every visit that a subject missed.\n"
            "Why:  only rows can be filled in, and leaving visits out would assume that they are "
            "missing at random."
        )
