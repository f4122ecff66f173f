"""p-values of one hypothesis in every replicate, by the formulas that serve a single fit."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.engine.batch import KenwardRogerPieces, Refits, SatterthwaitePieces, WaldPieces
from mixedmodels.inference.degrees_of_freedom.constant import Constant
from mixedmodels.inference.degrees_of_freedom.kenward_roger import kenward_roger_of
from mixedmodels.inference.degrees_of_freedom.method import Method
from mixedmodels.inference.degrees_of_freedom.satterthwaite import satterthwaite_of

Vector = NDArray[np.float64]


def p_values(refits: Refits, L: Vector, df: float = np.inf, *, rhs: Vector | None = None) -> Vector:
    """P-values (r,) of L beta = rhs, nan where there is no fit.

    Parameters
    ----------
    refits : Refits
        With the pieces of a method for `L`.
    L : array (q, p)
        The hypothesis.
    df : float
        Denominator degrees of freedom where the pieces are of no method that finds them.
    rhs : array (q,), optional
        By default zero.
    """
    q = len(L)
    estimate = refits.beta @ L.T - (0.0 if rhs is None else rhs)
    statistic, den_df = np.full(len(refits), np.nan), np.full(len(refits), np.nan)
    identity = np.eye(q)
    for i in np.flatnonzero(~refits.failed):
        method = method_in(refits, int(i), df)
        scale, den_df[i] = method.joint(identity)
        wald = estimate[i] @ np.linalg.solve(method.covariance, estimate[i])
        statistic[i] = scale * wald / q
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(den_df)
        f = special.fdtrc(q, np.where(finite, den_df, 1.0), statistic)
        p: Vector = np.where(finite, f, special.chdtrc(q, q * statistic))
    p[refits.failed] = np.nan
    return p


def of_rows(refits: Refits, rows: slice) -> Refits:
    """The same refits with the pieces of some rows of their hypothesis, which are blocks of its
    own.
    """
    match refits.pieces:
        case WaldPieces(covariance):
            return replace(refits, pieces=WaldPieces(covariance[..., rows, rows]))
        case SatterthwaitePieces(covariance, jacobian, spread):
            part = SatterthwaitePieces(
                covariance[..., rows, rows], jacobian[..., rows, rows], spread
            )
            return replace(refits, pieces=part)
        case KenwardRogerPieces(covariance, information, slopes, bends):
            pieces = (covariance, slopes, bends)
            inner, first, second = (piece[..., rows, rows] for piece in pieces)
            return replace(refits, pieces=KenwardRogerPieces(inner, information, first, second))
        case None:
            return refits


def method_in(refits: Refits, i: int, df: float = np.inf) -> Method:
    """The method of degrees of freedom at replicate i, with the hypothesis as the identity."""
    sigma = float(refits.sigma[i])
    match refits.pieces:
        case WaldPieces(covariance):
            return Constant(sigma**2 * covariance[i], df)
        case SatterthwaitePieces(covariance, jacobian, spread):
            return satterthwaite_of(covariance[i], sigma, jacobian[i], spread[i])
        case KenwardRogerPieces(covariance, information, slopes, bends):
            return kenward_roger_of(covariance[i], sigma, information[i], slopes[i], bends[i])
        case None:
            raise ValueError("the refits were made without the pieces of a test")
