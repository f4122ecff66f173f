"""The robust estimating equations and their solution.

With r = (y - A c) / sigma and u the random effects over sigma, w_e and w_b the weights:

    A' w_e r = J (lambda_e / lambda_b) w_b u                                   effects,
    sum_i v_e(r_i / tau_i)² (r_i² - kappa_e tau_i²) = 0                         sigma,
    sum_k v_b(d_k)² (u_k u_k' - kappa_b T_k) = 0                               each covariance,

d_k the length of u_k in the metric of its own covariance T_k, and v the weights of scales, which
are squared, Huber's Proposal 2 (Koller 2016, section 2.3): neither a row nor a group has more than
bounded influence. The first is solved by weighted least squares, the second by its own fixed point;
the third as G Q G' = S with Q = sum v² kappa T_k and S = sum v² u u', by the step T <- T G in the
template T, so that G = I where it holds. Anderson's method speeds that up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from mixedmodels.errors import DataError
from mixedmodels.robust_fit.expansion import (
    Columns,
    Expansion,
    Part,
    dense,
    expansion,
    scaled_rows,
)
from mixedmodels.robust_fit.psi import Psi
from mixedmodels.robust_fit.scales import scales

Vector = NDArray[np.float64]

TOLERANCE = 1e-9
"""Largest relative change of a standard deviation of the last step."""

INNER, OUTER = 500, 1000

FLOOR = 1e-6
"""Standard deviation of a random effect, over sigma and for a column of unit size, that is zero."""

LARGEST_Z = 12.0
"""Fisher's z of a correlation of one, nearly: 1 - 1e-10."""

MEMORY = 4
"""Steps that Anderson's method looks back."""

EXACT = 1e-7
"""Of sigma relative to the start's: below it the random effects repeat the response."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows, scaled by the root of their weight, and how they are bounded.

    Attributes
    ----------
    y : array (n,)
        Response less the offset.
    X : array (n, p)
        Columns of the fixed part.
    parts : tuple of Part
        Random effects.
    psi : Psi
        Of the residuals.
    """

    y: Vector
    X: Vector
    parts: tuple[Part, ...]
    psi: Psi


@dataclass(frozen=True, slots=True)
class State:
    """Where an iteration is.

    Attributes
    ----------
    T : tuple of arrays (s, s)
        Templates of the parts: b = T u.
    sigma : float
        Residual standard deviation.
    c : array (p + q,)
        Fixed effects, then random ones in the coordinates of T, in the units of y.
    """

    T: tuple[Vector, ...]
    sigma: float
    c: Vector


@dataclass(frozen=True, slots=True)
class Found:
    """The solution.

    Attributes
    ----------
    state : State
        Its values.
    at : Expansion
        Their distribution.
    row_weights : array (n,)
        w_e.
    block_weights : tuple of arrays (levels,)
        w_b of every part.
    iterations : int
        Steps in the covariances.
    converged : bool
        Whether they came to rest.
    """

    state: State
    at: Expansion
    row_weights: Vector
    block_weights: tuple[Vector, ...]
    iterations: int
    converged: bool


def solve(rows: Rows, start: State) -> Found:
    """Iterate from a start until nothing moves; `DataError` where no residuals are left."""
    state, at = start, _expanded(rows, start.T)
    seen: list[tuple[Vector, Vector]] = []
    converged, steps, change = False, 0, 1.0
    while steps < OUTER:
        steps += 1
        tau = scales(at.own, at.rest, rows.psi)
        state = _effects_and_sigma(rows, at, state, tau, accuracy=0.01 * min(change, 1.0))
        require_residual(state.sigma, EXACT * start.sigma)
        if not rows.parts:
            state = _effects_and_sigma(rows, at, state, tau, accuracy=0.0)
            converged = True
            break
        before = _flat(rows.parts, state.T)
        step = [
            _step(part, T, _blocks(rows, state, t) / state.sigma, at, t)
            for t, (part, T) in enumerate(zip(rows.parts, state.T, strict=True))
        ]
        after = _flat(rows.parts, step)
        change = float(np.max(np.abs(after - before)))
        if change < TOLERANCE:
            converged = True
            break
        seen = [*seen[-MEMORY:], (before, after)]
        T = _templates(rows.parts, _mixed(seen))
        state = replace(state, T=T, c=_in_new_templates(rows, state, T))
        at = _expanded(rows, T)
    w, blocks = _weights(rows, state)
    return Found(state, at, w, tuple(blocks), steps, converged)


def require_residual(sigma: float, least: float) -> None:
    """Refuse a residual standard deviation that is nothing beside the size of the responses."""
    if not sigma > least:
        raise DataError(
            "The model fits most of the response exactly: no residual variance is left.\n"
            "Do:   look for a column that repeats the response, or a group that determines it.\n"
            "Why:  there is nothing to tell outliers by."
        )


def start_of(rows: Rows) -> State:
    """Where to begin: least absolute deviations of the fixed part, random effects of the size of
    the residuals. Nothing of it is moved by outliers.
    """
    beta = least_absolute(rows.X, rows.y)
    left = rows.y - rows.X @ beta
    sigma = float(np.median(np.abs(left))) * 1.4826 / np.sqrt(1 + len(rows.parts))
    sigma = sigma or float(np.std(left)) or 1.0
    T = tuple(np.diag(1 / _lengths(part)) for part in rows.parts)
    q = sum(part.count for part in rows.parts)
    return State(T, sigma, np.concatenate([beta, np.zeros(q)]))


def least_absolute(X: Vector, y: Vector) -> Vector:
    """Coefficients (p,) of least absolute deviations, nearly: by weighted least squares."""
    beta: Vector = np.zeros(X.shape[1])
    left = y
    for _ in range(50 if X.shape[1] else 0):
        size = np.abs(left)
        root = 1 / np.sqrt(np.maximum(size, 1e-6 * np.median(size) + 1e-300))
        beta = np.linalg.lstsq(X * root[:, None], y * root, rcond=None)[0]
        left = y - X @ beta
    return np.asarray(beta)


def _expanded(rows: Rows, T: Sequence[Vector]) -> Expansion:
    return expansion(rows.X, rows.parts, T, rows.psi)


def _effects_and_sigma(
    rows: Rows, at: Expansion, state: State, tau: Vector, *, accuracy: float
) -> State:
    """The effects and sigma at the templates of a state, to an accuracy relative to sigma."""
    c, sigma = state.c, state.sigma
    for _ in range(INNER):
        here = replace(state, c=c, sigma=sigma)
        new = _least_squares(rows, at.A, *_weights(rows, here))
        left = (rows.y - at.A @ new) / sigma
        w2 = rows.psi.scale_weight(np.abs(left) / np.maximum(tau, 1e-12))
        factor = np.sqrt((w2 @ left**2) / (rows.psi.kappa * (w2 @ tau**2)))
        moved = float(np.max(np.abs(new - c), initial=0.0)) / sigma
        c, sigma = new, float(sigma * factor)
        if max(moved, abs(factor - 1)) < max(accuracy, 0.01 * TOLERANCE):
            break
    return replace(state, c=c, sigma=sigma)


def _weights(rows: Rows, state: State) -> tuple[Vector, list[Vector]]:
    """w_e of the rows and w_b of the blocks."""
    p = rows.X.shape[1]
    fitted = rows.X @ state.c[:p]
    for t, (part, T) in enumerate(zip(rows.parts, state.T, strict=True)):
        b = _blocks(rows, state, t) @ T.T
        fitted = fitted + np.einsum("ij,ij->i", part.Z, b[part.codes])
    w = rows.psi.weight(np.abs(rows.y - fitted) / state.sigma)
    sizes = [
        np.linalg.norm(_blocks(rows, state, t), axis=1) / state.sigma
        for t in range(len(rows.parts))
    ]
    return w, [part.psi.weight(size) for part, size in zip(rows.parts, sizes, strict=True)]


def _blocks(rows: Rows, state: State, t: int) -> Vector:
    """The spherical random effects (levels, s) of a part, in the units of y."""
    first = rows.X.shape[1] + sum(part.count for part in rows.parts[:t])
    part = rows.parts[t]
    return state.c[first : first + part.count].reshape(part.levels, part.size)


def _least_squares(rows: Rows, A: Columns, w: Vector, of_blocks: Sequence[Vector]) -> Vector:
    """The effects at given weights."""
    p = rows.X.shape[1]
    weighted = scaled_rows(A, w)
    M = dense(weighted.T @ A)
    pull = [
        np.repeat(w_b, part.size) * rows.psi.slope / part.psi.slope
        for part, w_b in zip(rows.parts, of_blocks, strict=True)
    ]
    M[range(p, len(M)), range(p, len(M))] += np.concatenate([np.empty(0), *pull])
    right = weighted.T @ rows.y
    try:
        return np.asarray(linalg.cho_solve(linalg.cho_factor(M), right))
    except linalg.LinAlgError:  # weights of zero can leave nothing that tells an effect
        return np.asarray(np.linalg.lstsq(M, right, rcond=None)[0])


def _step(part: Part, T: Vector, u: Vector, at: Expansion, t: int) -> Vector:
    """The template with which the spherical effects u (levels, s) vary as they should."""
    own, rest = at.blocks[t], at.rest_of_blocks[t]
    if part.size == 1:
        tau2 = scales(own[:, 0, 0], np.maximum(rest[:, 0, 0], 0.0), part.psi) ** 2
        covariance = tau2[:, None, None]
    else:
        noise = part.psi.square / part.psi.slope**2
        covariance = np.eye(part.size) - 2 * own + noise * own @ own + rest
    root = np.linalg.cholesky(covariance + 1e-12 * np.eye(part.size))
    distance = np.linalg.norm(np.linalg.solve(root, u[:, :, None])[:, :, 0], axis=1)
    w2 = part.psi.scale_weight(distance)
    S = np.einsum("k,ki,kj->ij", w2, u, u)
    Q = part.psi.kappa * np.einsum("k,kij->ij", w2, covariance)
    tiny = np.finfo(np.float64).eps * max(float(np.trace(Q)), 1e-300) * np.eye(part.size)
    G = np.linalg.cholesky(S + tiny) @ np.linalg.inv(np.linalg.cholesky(Q + tiny))
    return np.asarray(T @ G)


def _flat(parts: Sequence[Part], T: Sequence[Vector]) -> Vector:
    """Templates as numbers that may be anything: of every row the logarithm of its length, for a
    column of unit size, and where it points: the length of what it shares with the rows before,
    by Fisher's z.
    """
    found = [np.empty(0)]
    for part, T_t in zip(parts, T, strict=True):
        scaled = T_t * _lengths(part)[:, None]
        length = np.maximum(np.linalg.norm(scaled, axis=1), FLOOR)
        found.append(np.log(length))
        for i in range(1, part.size):
            shares = scaled[i, :i] / length[i]
            norm = min(float(np.linalg.norm(shares)), 1.0)
            z = min(float(np.arctanh(min(norm, 1 - 1e-15))), LARGEST_Z)
            found.append(shares * (z / norm if norm > 0 else 1.0))
    return np.concatenate(found)


def _templates(parts: Sequence[Part], flat: Vector) -> tuple[Vector, ...]:
    """The templates that give these numbers."""
    found, at = [], 0
    for part in parts:
        s = part.size
        length = np.maximum(np.exp(np.minimum(flat[at : at + s], 25.0)), FLOOR)
        at += s
        scaled = np.diag(length)
        for i in range(1, s):
            z = flat[at : at + i]
            at += i
            norm = float(np.linalg.norm(z))
            direction = z / norm if norm > 0 else z
            norm = min(norm, LARGEST_Z)
            scaled[i, :i] = length[i] * np.tanh(norm) * direction
            scaled[i, i] = length[i] / np.cosh(norm)
        found.append(scaled / _lengths(part)[:, None])
    return tuple(found)


def _mixed(seen: Sequence[tuple[Vector, Vector]]) -> Vector:
    """Anderson's combination of the last steps, or the last step where it would jump."""
    before, after = seen[-1]
    if len(seen) < 3:
        return after
    residuals = np.array([b - a for a, b in seen])
    differences = np.diff(residuals, axis=0)
    images = np.diff(np.array([b for _, b in seen]), axis=0)
    gamma = np.linalg.lstsq(differences.T, residuals[-1], rcond=1e-8)[0]
    mixed = after - gamma @ images
    is_sound = np.max(np.abs(mixed - before)) <= 20 * np.max(np.abs(after - before)) + 1e-12
    return np.asarray(mixed if is_sound and np.max(np.abs(mixed - before)) < 1.5 else after)


def _in_new_templates(rows: Rows, state: State, T: Sequence[Vector]) -> Vector:
    """The effects with the same b = T u."""
    out = [state.c[: rows.X.shape[1]]]
    for t, (old, new) in enumerate(zip(state.T, T, strict=True)):
        b = _blocks(rows, state, t) @ old.T
        out.append(linalg.solve_triangular(new, b.T, lower=True).T.ravel())
    return np.concatenate(out)


def _lengths(part: Part) -> Vector:
    """Root mean square of every column."""
    return np.asarray(np.maximum(np.sqrt((part.Z**2).mean(axis=0)), 1e-300))
