"""Kenward and Roger's method from n x n matrices and differences of V in its parameters."""

from collections.abc import Callable

import numpy as np

STEP = 1e-4  # relative: second differences err by its square, rounding by 1e-16 / its square


def kenward_roger(V_of: Callable, gamma, X, *, linear=False):
    """At `gamma`: the adjusted covariance, C, every C X'V^-1 V_i V^-1 X C, and W."""
    gamma = np.asarray(gamma, dtype=float)
    step = STEP * np.maximum(np.abs(gamma), 0.1)
    unit = np.diag(step)
    V = V_of(gamma)
    m = len(gamma)
    pairs = zip(unit, step, strict=True)
    first = [(V_of(gamma + u / 10) - V_of(gamma - u / 10)) / (0.2 * s) for u, s in pairs]
    W = np.linalg.inv(V)
    C = np.linalg.inv(X.T @ W @ X)
    P = W - W @ X @ C @ X.T @ W
    information = np.array([[np.trace(P @ a @ P @ b) for b in first] for a in first])
    spread = 2 * np.linalg.inv(information)
    slopes = [X.T @ W @ a @ W @ X for a in first]
    bias = np.zeros_like(C)
    for i in range(m):
        for j in range(m):
            Q = X.T @ W @ first[i] @ W @ first[j] @ W @ X
            part = Q - slopes[i] @ C @ slopes[j]
            if not linear:
                high = V_of(gamma + unit[i] + unit[j]) - V_of(gamma + unit[i] - unit[j])
                low = V_of(gamma - unit[i] + unit[j]) - V_of(gamma - unit[i] - unit[j])
                second = (high - low) / (4 * step[i] * step[j])
                part = part - X.T @ W @ second @ W @ X / 4
            bias += spread[i, j] * part
    return C + 2 * C @ bias @ C, C, np.array([C @ s @ C for s in slopes]), spread


def single_df(C, slopes, spread, L):
    """Degrees of freedom of one row: 2 (l'Cl)^2 / var(l'Cl)."""
    slope = np.array([L @ s @ L for s in slopes])
    return 2 * (L @ C @ L) ** 2 / (slope @ spread @ slope)
