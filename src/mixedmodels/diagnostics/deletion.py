"""Generalised least squares without some rows, at the same theta; `left_out` has the mathematics.

Three ways lead there; the cheapest that applies is taken:

- **nested**: no effect of another factor spans two levels. V falls into blocks, one per level, so
  that X'V^-1 X and X'V^-1 y are sums over levels, of which one is left out. Linear in the rows.
- **rows**: solve for the rows of the level, or for its effects. Cubic in the smaller number.
- **again**: solve the equations of the remaining rows. For few, large levels.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import ModelMatrices
from mixedmodels.diagnostics.left_out import LOST, left_out, whole_fit
from mixedmodels.diagnostics.leverage import NO_FREEDOM, Leverage, equations
from mixedmodels.engine.arrays import without_offset
from mixedmodels.engine.equations import Equations
from mixedmodels.engine.problem import Problem
from mixedmodels.engine.threads import one_thread
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import residuals
from mixedmodels.fit.once import once

Vector = NDArray[np.float64]
Int = NDArray[np.int64]

FEW_ROWS = 3_000
"""Rows up to which the influence is looked at unasked where covariances have structure."""

AFFORDABLE = 2e11
"""Operations, some ten to twenty seconds."""


def without_rows(fit: Fit, found: Leverage) -> tuple[Vector, Vector]:
    """Coefficients (n, p) without each row, and Cook's distance (n,) of all effects."""
    e = residuals(fit, "pearson").to_numpy()
    left = np.where(1 - found.values > NO_FREEDOM, 1 - found.values, np.nan)
    e = e / left
    change = (found.X @ fit.cov_beta_unscaled) * e[:, None]
    return fit.beta - change, e**2 * found.values / (fit.sigma**2 * len(fit.beta))


@once
def without_levels(fit: Fit, group: int) -> Vector:
    """Coefficients (levels, p) without the rows of each level of a grouping factor; nan where the
    other rows do not determine them.
    """
    if not fit.matrices.is_plain:
        with one_thread():
            return _by_rows(fit, group)
    cost = _costs(fit, group)
    way = min(cost, key=cost.__getitem__)
    if cost[way] > AFFORDABLE:
        name = fit.matrices.groupings[group].name
        raise DataError(
            f"Leaving out the levels of {name} one by one would take too long: the factors are "
            f"crossed, and the levels have up to {int(_sizes(fit, group).max())} rows.\n"
            "Do:   use a sample of the rows, or the influence by another group."
        )
    if way == "nested":
        eq = equations(fit)
        X = eq.project(eq.root_weights[:, None] * fit.matrices.X)
        return _nested(fit, group, eq, X)
    with one_thread():
        return _again(fit, group) if way == "again" else _by_rows(fit, group)


def rows_by_level(matrices: ModelMatrices, group: int) -> list[Int]:
    """The rows of every level, also of rows that belong to several."""
    grouping = matrices.groupings[group]
    members = next((t.members for t in matrices.terms if t.group == group and t.members), None)
    if members is None:
        return grouping.rows()
    A = members.matrix(len(grouping.levels)).tocsc()
    return np.split(A.indices.astype(np.int64), A.indptr[1:-1])


def is_nested(matrices: ModelMatrices, group: int) -> bool:
    """Whether every level of every other factor lies within one level of `group`."""
    outer = matrices.groupings[group]
    others = {term.group for term in matrices.terms} - {group}
    return all(matrices.groupings[g].is_within(outer) for g in others)


def influence_is_cheap(fit: Fit, group: int) -> bool:
    """Whether the influence by `group` is a matter of a few seconds."""
    if not fit.matrices.is_plain:
        return len(fit.matrices.y) <= FEW_ROWS
    return min(_costs(fit, group).values()) <= AFFORDABLE / 4


def _sizes(fit: Fit, group: int) -> NDArray[np.float64]:
    grouping = fit.matrices.groupings[group]
    return np.bincount(grouping.codes, minlength=len(grouping.levels)).astype(np.float64)


def _costs(fit: Fit, group: int) -> dict[str, float]:
    """Rough operations of the three ways; the equations themselves are charged to none."""
    m = fit.matrices
    if is_nested(m, group):
        return {"nested": float(len(m.y))}
    sizes = _sizes(fit, group)
    widths = [sum(len(t.names) for t in m.terms if t.group == g) for g in range(len(m.groupings))]
    effects = sorted(w * len(g.levels) for w, g in zip(widths, m.groupings, strict=True))
    rest = float(sum(effects[:-1]))
    one = 200 * len(m.y) * sum(widths) + 2 * rest**3
    return {"rows": float((sizes**3).sum() + 50 * rest * sizes.sum()), "again": len(sizes) * one}


def _nested(fit: Fit, group: int, eq: Equations, X: Vector) -> Vector:
    """Take the level's own sums out of X'V^-1 X and X'V^-1 (y - X beta)."""
    m = fit.matrices
    codes, levels = m.groupings[group].codes, len(m.groupings[group].levels)
    p = X.shape[1]
    scaled = eq.root_weights[:, None] * m.X
    score = _sums(codes, scaled * residuals(fit, "pearson").to_numpy()[:, None], levels)
    information = np.empty((levels, p, p))
    for j in range(p):
        information[:, :, j] = _sums(codes, scaled * X[:, [j]], levels)
    C = fit.cov_beta_unscaled
    root = np.linalg.cholesky(C)
    share = np.eye(p) - root.T @ information @ root
    values, vectors = np.linalg.eigh((share + share.transpose(0, 2, 1)) / 2)
    values = np.where(values > LOST, values, np.nan)
    turned = np.einsum("lij,li->lj", vectors, score @ root) / values
    return np.asarray(fit.beta - np.einsum("ab,lbj,lj->la", root, vectors, turned))


def _by_rows(fit: Fit, group: int) -> Vector:
    found = whole_fit(fit)
    sets = rows_by_level(fit.matrices, group)
    return np.array([fit.beta - left_out(found, rows).change for rows in sets])


def _again(fit: Fit, group: int) -> Vector:
    m = fit.matrices
    grouping = m.groupings[group]
    return np.array(
        [
            _least_squares(m.take(grouping.codes != level), fit.theta)
            for level in range(len(grouping.levels))
        ]
    )


def _least_squares(m: ModelMatrices, theta: Vector) -> Vector:
    # The equations of the random effects alone: X may have lost its rank.
    eq = Problem(replace(m, X=m.X[:, :0], x_names=())).equations(theta)
    y = without_offset(m, m.y)
    X = eq.root_weights[:, None] * m.X
    reduced = eq.project(X)
    information = X.T @ reduced
    scale = np.sqrt(np.diag(X.T @ X))
    if not scale.all():
        return np.full(X.shape[1], np.nan)
    unit = information / np.outer(scale, scale)
    if np.linalg.eigvalsh(unit)[0] < LOST**2:
        return np.full(X.shape[1], np.nan)
    return np.asarray(np.linalg.solve(unit, reduced.T @ (eq.root_weights * y) / scale) / scale)


def _sums(codes: NDArray[np.int32], columns: Vector, levels: int) -> Vector:
    return np.column_stack([np.bincount(codes, c, minlength=levels) for c in columns.T])
