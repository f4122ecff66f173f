"""Variances of the errors of prediction of a fit without rows, from the sums over its levels.

With G and c of `fit.level_information`, M and B of its equations and v = Lambda'z of a row,

    Var / sigma^2 = v'M^-1 v + u'C u,    u = x - B'v

as in `error_variance`. The derivatives in theta are those of `error_slopes`,

    dk = 2 r'dLambda t,    t = M^-1 v - B C u,    r = z - G Lambda t - (Z'R^-1 X) C u.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mixedmodels.data.unkept import rows_needed
from mixedmodels.design import incidence
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.level_information import (
    LevelEquations,
    equations_of,
    level_equations,
    level_information,
    spread_over,
)
from mixedmodels.fit.once import once
from mixedmodels.prediction.rows import Rows

Vector = NDArray[np.float64]

BLOCK = 4_000_000
"""Numbers in a dense temporary of a block of rows."""

STEP = 1e-5
"""Relative step of central differences in the templates of a structure."""


def level_variances(fit: Fit, rows: Rows, *, theta: Vector, C: Vector) -> Vector:
    """Variances (n,) over sigma^2 of rows with the columns of the effects that they include.

    Parameters
    ----------
    fit
        The fit.
    rows
        The rows; unseen levels add nothing.
    theta, C
        The variance parameters and (X'V^-1 X)^-1 at them.
    """
    equations = _equations_at(fit, theta)
    out = np.empty(len(rows.X))
    for at, v, solved in _solved(fit, rows, equations):
        u = rows.X[at] - v @ equations.B
        out[at] = np.asarray(v.multiply(solved.T).sum(axis=1)).ravel()
        out[at] += np.einsum("ni,ij,nj->n", u, C, u)
    return out


def level_slopes(fit: Fit, rows: Rows) -> Vector:
    """Derivatives (n, m) of `level_variances` in theta, at the estimates."""
    equations, known = level_equations(fit), level_information(fit)
    turned = template_slopes(fit)
    out = np.zeros((len(rows.X), len(fit.theta)))
    for at, v, solved in _solved(fit, rows, equations):
        beta = (rows.X[at] - v @ equations.B) @ fit.cov_beta_unscaled
        t = solved - equations.B @ beta.T
        z = effect_rows(fit, rows)[at].toarray().T
        r = z - known.gram @ (equations.Lambda @ t) - known.cross @ beta.T
        for j, differential in enumerate(turned):
            out[at, j] = 2 * np.einsum("qn,qn->n", r, differential @ t)
    return out


def effect_rows(fit: Fit, rows: Rows) -> sparse.csr_array:
    """The columns (n, q) of all effects that the rows include."""
    m = fit.matrices
    parts = [
        spread_over(incidence(t.codes, t.members, len(m.groupings[t.group].levels)), t.Z)
        for t in rows.terms
    ]
    empty = sparse.csr_array((len(rows.X), 0))
    return sparse.csr_array(sparse.hstack([empty, *parts], format="csr"))


def _solved(
    fit: Fit, rows: Rows, equations: LevelEquations
) -> Iterator[tuple[slice, sparse.csr_array, Vector]]:
    """Blocks of rows with V (rows, r) and M^-1 V' (r, rows)."""
    v = sparse.csr_array(effect_rows(fit, rows) @ equations.Lambda)
    step = max(1, BLOCK // max(1, v.shape[1]))
    for low in range(0, v.shape[0], step):
        at = slice(low, min(low + step, v.shape[0]))
        yield at, v[at], equations.solve(v[at].toarray().T)


def _equations_at(fit: Fit, theta: Vector) -> LevelEquations:
    if np.array_equal(theta, fit.theta):
        return level_equations(fit)
    residual = fit.matrices.residual
    if residual is not None:
        raise rows_needed()
    return equations_of(fit.matrices, fit.problem.templates(theta), level_information(fit))


@once
def template_slopes(fit: Fit) -> list[sparse.csr_array]:
    """DLambda / dtheta_j (q, r) of every element of theta."""
    return [_differentials(fit, j) for j in range(len(fit.theta))]


def _differentials(fit: Fit, j: int) -> sparse.csr_array:
    """DLambda / dtheta_j (q, r); templates of plain terms are linear in theta."""
    step = STEP * max(1.0, abs(float(fit.theta[j])))
    shift = step * np.eye(len(fit.theta))[j]
    high, low = (fit.problem.templates(fit.theta + sign * shift) for sign in (1, -1))
    slopes: Sequence[Vector] = [(a - b) / (2 * step) for a, b in zip(high, low, strict=True)]
    m = fit.matrices
    blocks = [
        sparse.kron(sparse.eye_array(len(m.groupings[t.group].levels)), sparse.coo_array(dT))
        for t, dT in zip(m.terms, slopes, strict=True)
    ]
    return sparse.csr_array(sparse.block_diag(blocks, format="csr"))
