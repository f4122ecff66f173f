"""Kenward and Roger's method: a covariance of beta-hat that counts the estimation of the variances,
and the F that fits the Wald statistic under it.

Kenward & Roger (1997), Biometrics 53, 983-997; letters and equations are theirs:

    Phi_A = Phi + 2 Phi {sum_ij W_ij (Q_ij - P_i Phi P_j - R_ij / 4)} Phi

R_ij = X'V^-1 (d2V / dgamma_i dgamma_j) V^-1 X vanishes where V is linear in its parameters gamma.
Without it the sum does not depend on the choice of gamma, as W, Q and P change like tensors; R_ij
does. So gamma is part of the method: variances and covariances where a structure is linear in them
(R = 0), else variances, correlations and what else the model reports. Leaving R out is the variant
that SAS calls first order and mmrm linear.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.problem import KenwardRoger
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.information import kenward_roger_pieces

Vector = NDArray[np.float64]

SINGULAR = 1e-12
"""Eigenvalue of the information, at unit diagonal, below which a component is not identified."""

VANISHES = 1e-6
"""Size of a difference of numbers of order one that counts as none."""

LARGEST = 9.0
"""Factor of a variance that is a failure of the series rather than a correction."""


@dataclass(frozen=True, slots=True)
class KenwardRogerMethod:
    """Adjusted covariance, scale and degrees of freedom.

    Attributes
    ----------
    covariance : array (p, p)
        Phi_A, the adjusted covariance of beta-hat.
    unadjusted : array (p, p)
        C = (X'V^-1 X)^-1, relative to sigma^2 like what follows.
    slopes : array (R, p, p)
        C X'V^-1 G_r V^-1 X C per component of V.
    W : array (R, R)
        Covariance of the components' estimates.
    """

    covariance: Vector
    unadjusted: Vector
    slopes: Vector
    W: Vector

    def single(self, L: Vector) -> Vector:
        """Degrees of freedom of every row; the scale of a single row is one."""
        variance = np.sum((L @ self.unadjusted) * L, axis=1)
        half = np.tensordot(L, self.slopes, axes=(1, 1))  # (k, R, p)
        slope = np.einsum("krj,kj->kr", half, L) / variance[:, None]
        spread = np.sum((slope @ self.W) * slope, axis=1)
        with np.errstate(divide="ignore"):
            return np.where(spread > 0, 2 / spread, np.inf)

    def joint(self, L: Vector) -> tuple[float, float]:
        """Scale lambda and degrees of freedom m of the F statistic."""
        k = len(L)
        if k == 1:
            return 1.0, float(self.single(L)[0])
        whitened = np.linalg.solve(np.linalg.cholesky(L @ self.unadjusted @ L.T), L)
        slopes = np.einsum("ai,rij,bj->rab", whitened, self.slopes, whitened)
        traces = np.trace(slopes, axis1=1, axis2=2)
        flat = slopes.reshape(len(slopes), -1)
        A1 = float(traces @ self.W @ traces)
        A2 = float(np.sum(self.W * (flat @ flat.T)))
        return _scale_and_df(k, A1, A2)


def _scale_and_df(k: int, A1: float, A2: float) -> tuple[float, float]:
    """Match mean and variance of the statistic to an F: section 4 of the paper."""
    if A2 <= 0:
        return 1.0, float(np.inf)
    B = (A1 + 6 * A2) / (2 * k)
    g = ((k + 1) * A1 - (k + 4) * A2) / ((k + 2) * A2)
    d = 3 * k + 2 * (1 - g)
    c1, c2, c3 = g / d, (k - g) / d, (k + 2 - g) / d
    # In the exact case F(k, m) the three differences are (m - 2)/m, (m - 2)/m and (m - 4)/m: for
    # m = 2, where F has no mean, their ratios keep the values of the exact case.
    inverse_mean = 1 - A2 / k
    rho = (1 + c1 * B) / (k * (1 - c3 * B)) * _ratio(inverse_mean, 1 - c2 * B) ** 2
    m = 4 + (k + 2) / (k * rho - 1)
    return m * _ratio(inverse_mean, m - 2, exact=1 / m), m


def _ratio(a: float, b: float, *, exact: float = 1.0) -> float:
    """A / b, and the limit `exact` where both vanish."""
    return exact if abs(a) < VANISHES and abs(b) < VANISHES else a / b


def kenward_roger(fit: Fit) -> KenwardRogerMethod:
    """Kenward and Roger's method at a REML fit.

    Raises
    ------
    DataError
        For a fit by ML, for which the method is not derived; where the adjustment is no small
        correction.
    """
    pieces = _pieces(fit)
    method = kenward_roger_of(
        fit.cov_beta_unscaled,
        fit.sigma,
        _information(fit, pieces),
        pieces.slopes,
        pieces.bends,
        pieces.curves,
    )
    _require_correction(fit, method)
    return method


def _require_correction(fit: Fit, method: KenwardRogerMethod) -> None:
    """Phi_A is a series in the uncertainty of gamma, cut after its first term."""
    L = fit.matrices.coordinates.columns(np.eye(len(fit.beta)))
    adjusted, unadjusted = (
        np.sum((L @ covariance) * L, axis=1)
        for covariance in (method.covariance, fit.sigma**2 * method.unadjusted)
    )
    ratio = adjusted / unadjusted
    wrong = np.flatnonzero(~((ratio > 0) & (ratio < LARGEST)))
    if not len(wrong):
        return
    j = int(wrong[0])
    raise DataError(
        f"Kenward and Roger's adjustment would multiply the variance of "
        f"{fit.matrices.x_names[j]!r} by {ratio[j]:.3g}, which no correction should.\n"
        'Do:   use ddf="kenward-roger-linear" or "satterthwaite", or a structure with fewer '
        "parameters.\n"
        "Why:  the data hardly determine some variance parameter, so that second derivatives at "
        "its\n      estimate say nothing of the values that it may have."
    )


def kenward_roger_linear(fit: Fit) -> KenwardRogerMethod:
    """The method without second derivatives of V: the same where V is linear in its parameters.

    Raises
    ------
    DataError
        For a fit by ML, for which the method is not derived.
    """
    pieces = _pieces(fit)
    return kenward_roger_of(
        fit.cov_beta_unscaled, fit.sigma, _information(fit, pieces), pieces.slopes, pieces.bends
    )


def _information(fit: Fit, pieces: KenwardRoger) -> Vector:
    """The information, zero where the fixed part takes the effects up: all there is is rounding."""
    known = fit.identification
    absorbed = [
        r
        for r, (k, row, column) in enumerate(known.parameters)
        if row in known.absorbed[k] or column in known.absorbed[k]
    ]
    if not absorbed:
        return pieces.information
    information = pieces.information.copy()
    information[absorbed, :] = 0.0
    information[:, absorbed] = 0.0
    return information


def _pieces(fit: Fit) -> KenwardRoger:
    if not fit.reml:
        raise DataError(
            "Kenward and Roger's method needs a REML fit, and this one is by ML.\n"
            'Do:   use model.update(reml=True), or ddf="satterthwaite".\n'
            "Why:  the method rests on the information of the restricted likelihood."
        )
    return kenward_roger_pieces(fit)


def kenward_roger_of(
    C: Vector,
    sigma: float,
    information: Vector,
    slopes: Vector,
    bends: Vector,
    curves: Vector | None = None,
) -> KenwardRogerMethod:
    """The method from C (p, p) and the pieces of `engine.problem.KenwardRoger`.

    Without `curves`, C R_rs C in the order of `bends`, V counts as linear in its parameters. With
    L C L' in the place of C, and so on, the hypothesis becomes the identity.
    """
    W = 2 * _inverse(information)
    rows, columns = np.tril_indices(len(W))
    weights = W[rows, columns] * np.where(rows == columns, 1.0, 2.0)
    bias = np.tensordot(weights, bends, axes=1)
    if curves is not None:
        bias = bias - np.tensordot(weights, curves, axes=1) / 4
    return KenwardRogerMethod(sigma**2 * (C + 2 * bias), C, slopes, W)


def _inverse(information: Vector) -> Vector:
    """Inverse of the information, without the components that the data say nothing about."""
    diagonal = np.diag(information)
    scale = np.where(diagonal > 0, 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0)), 0.0)
    values, vectors = np.linalg.eigh(information * np.outer(scale, scale))
    keep = values > SINGULAR * len(values)
    half = scale[:, None] * vectors[:, keep]
    inverse: Vector = (half / values[keep]) @ half.T
    return inverse
