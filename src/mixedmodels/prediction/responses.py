"""Predictions of a generalised model on any scale, and the variances of their errors.

A quantity h(eta, a) of a row has by the delta method the variance

    h_eta^2 z'Lambda M^-1 Lambda'z + G Cov(psi-hat) G',  G = h_eta d eta / d psi + h_a d a / d psi;

its mean over the random effects that are left out, eta ~ N(eta, v), has with v = z'Sigma z of these
the further term h_v dv / dpsi in G (`integration`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.prediction.auxiliary import Auxiliary
from mixedmodels.prediction.integration import normal_means
from mixedmodels.prediction.joint_errors import LinearErrors
from mixedmodels.prediction.predict import Predicted, unknown_variances
from mixedmodels.prediction.quantities import Quantity

Vector = NDArray[np.float64]

STEP = 1e-5
"""Relative step of central differences of variances in theta, in which plain ones are quadratic."""


@dataclass(frozen=True, slots=True)
class Response:
    """One quantity of n rows, with its derivatives.

    Attributes
    ----------
    value : array (n,)
        The quantity.
    slope : array (n,)
        In eta.
    by_variance : array (n,) or None
        In the variance of the random effects that it is a mean over.
    by_auxiliary : array (k, n)
        In the auxiliary parameters of the rows.
    """

    value: Vector
    slope: Vector
    by_variance: Vector | None
    by_auxiliary: Vector


def linear_predictor_of(of: Predicted) -> Response:
    """The linear predictor itself."""
    n = len(of.estimate)
    return Response(of.estimate, np.ones(n), None, np.zeros((0, n)))


def response(fit: Fit, of: Predicted, quantity: Quantity, *, marginal: bool) -> Response:
    """A quantity at the linear predictors of rows, or its mean over the effects left out.

    Raises
    ------
    DataError
        If the mean over random effects does not exist.
    """
    if not marginal:
        at = quantity.curve(of.estimate)
        return Response(at[0], at[1], None, at[2:])
    own, left_out = unknown_variances(fit, of, fit.theta)
    _require_mean(fit, quantity, of.estimate, own + left_out)
    at = normal_means(quantity.curve, of.estimate, own + left_out, quantity.form)
    lost = np.isnan(at).any(axis=0) & np.isfinite(of.estimate) & np.isfinite(own + left_out)
    if lost.any():
        raise DataError(
            f"The mean over the random effects was not found in {np.count_nonzero(lost)} rows.\n"
            "Do:   predict at random effects of zero, without marginal=True.\n"
            "Why:  their variance is so large that the mean is one of the link's extremes."
        )
    return Response(at[0], at[1], at[2], at[3:])


def _require_mean(fit: Fit, quantity: Quantity, eta: Vector, variance: Vector) -> None:
    """Refuse means over effects that reach a pole of the inverse link."""
    if quantity.link.name not in ("inverse", "1/mu^2") or quantity.form == "line":
        return
    reach = 7.0 * np.sqrt(variance)  # of which a normal variable goes beyond once in 10^12 times
    if np.any(eta - reach <= 0):
        raise DataError(
            "The mean over the random effects does not exist with the link "
            f"{quantity.link.name!r}: they take the linear predictor through zero, where the mean "
            "is infinite.\n"
            'Do:   predict without marginal=True, or fit with link="log".'
        )


def psi_gradient(
    fit: Fit,
    of: Predicted,
    at: Response,
    eta_gradient: Vector,
    auxiliary: Auxiliary,
) -> Vector:
    """G (n, len(psi)) of a quantity of rows; see the head of the file."""
    gradient = eta_gradient * at.slope[:, None]
    a = auxiliary.slopes.shape[2]
    if len(at.by_auxiliary):
        first = gradient.shape[1] - a
        gradient[:, first:] += np.einsum("kn,kna->na", at.by_auxiliary, auxiliary.slopes)
    if at.by_variance is not None:
        slopes = variance_slopes(fit, of)
        gradient[:, : slopes.shape[1]] += at.by_variance[:, None] * slopes
    return gradient


def variance_slopes(fit: Fit, of: Predicted) -> Vector:
    """Derivatives (n, m) in theta of the variances of the effects that a mean is taken over."""
    out = np.zeros((len(of.estimate), len(fit.theta)))
    for j, value in enumerate(fit.theta):
        shift = np.zeros(len(fit.theta))
        shift[j] = STEP * max(1.0, abs(float(value)))
        high, low = (sum(unknown_variances(fit, of, fit.theta + s * shift)) for s in (1, -1))
        out[:, j] = (high - low) / (2 * shift[j])
    return out


def error_variances(
    fit: Fit,
    of: Predicted,
    at: Response,
    errors: LinearErrors,
    auxiliary: Auxiliary,
) -> Vector:
    """Variances (n,) of the errors of a quantity; unseen levels add that of their effects, unless
    it is a mean over these.
    """
    gradient = psi_gradient(fit, of, at, errors.gradient, auxiliary)
    covariance = covariance_of_psi(fit)
    variance = np.einsum("ni,ij,nj->n", gradient, covariance, gradient, optimize=True)
    conditional = errors.conditional
    if at.by_variance is None:
        conditional = conditional + unknown_variances(fit, of, fit.theta)[0]
    return np.asarray(variance + at.slope**2 * conditional)


def covariance_of_psi(fit: Fit) -> Vector:
    """Covariance of the estimates of psi of a generalised fit."""
    if fit.generalised is None:
        raise TypeError("the fit is not that of a generalised model")
    return fit.generalised.covariance
