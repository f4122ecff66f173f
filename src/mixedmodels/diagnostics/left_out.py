"""Rows predicted from the other rows at one theta, without a refit.

To leave out the rows S is to give each its own column, so with C = (X'V^-1 X)^-1 and
P = V^-1 - V^-1 X C X'V^-1

    y_S - E(y_S | others) = (P_SS)^-1 (P y)_S,        Cov(y_S | others) = sigma^2 (P_SS)^-1,
    beta - beta_(S) = C X'V^-1 E_S (P_SS)^-1 (P y)_S,
    RSS - RSS_(S) = (P y)_S' (P_SS)^-1 (P y)_S

(Haslett 1999, JRSS B 61, 603; Cook & Weisberg 1982, section 2.2, for V = I). The uncertainty of
beta is in the covariance, so that the density of y_S given the others is the ratio of two
restricted likelihoods. With C = QQ', K = (V^-1)_SS and F = (V^-1 X)_S Q,

    P_SS = K - FF',    (P_SS)^-1 = K^-1 + K^-1 F (I - F'K^-1 F)^-1 F'K^-1,

and I - F'K^-1 F is the share of the information on the coefficients that the other rows hold. Where
it is singular they do not determine all that y_S depends on.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.diagnostics.remainder import Blocks, PlainBlocks, Remainder, StructuredBlocks
from mixedmodels.engine.arrays import without_offset
from mixedmodels.engine.problem import Problem
from mixedmodels.engine.route import AnyLinear, linear
from mixedmodels.engine.structured import StructuredProblem
from mixedmodels.fit.fit import Fit

Vector = NDArray[np.float64]
Int = NDArray[np.int64]

LOST = 1e-8
"""Share of the information on some combination of coefficients that must remain."""


@dataclass(frozen=True, slots=True)
class Whole:
    """What all rows say at one theta; everything is in units of the rows.

    Attributes
    ----------
    blocks : Blocks
        V^-1.
    sigma : float
        Residual standard deviation.
    freedom : int
        RSS = freedom sigma^2: n - p by REML, n by ML.
    root : array (p, p)
        Q.
    F : array (n, p)
        V^-1 X Q.
    Py : array (n,)
        V^-1 (y - X beta).
    """

    blocks: Blocks
    sigma: float
    freedom: int
    root: Vector
    F: Vector
    Py: Vector


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A set of rows, or every row alone, given the others.

    Attributes
    ----------
    error : array (rows,)
        Observed less predicted.
    variance : array (rows,)
        Of each row's error, relative to sigma^2.
    log_det : float or array
        log|P_SS|.
    squares : float or array
        RSS less that of the others.
    change : array (p,) or (rows, p)
        beta - beta_(S).
    """

    error: Vector
    variance: Vector
    log_det: Vector
    squares: Vector
    change: Vector


def whole_fit(fit: Fit) -> Whole:
    """What all rows say at the estimates of a linear fit."""
    problem = linear(fit.problem, "Leaving out rows")
    return _whole(fit, problem, fit.theta, (fit.beta, fit.cov_beta_unscaled, fit.sigma))


def whole_at(fit: Fit, theta: Vector) -> Whole:
    """What all rows say at another theta."""
    problem = linear(fit.problem, "Leaving out rows")
    found = problem.estimates(theta, reml=fit.reml)
    return _whole(fit, problem, theta, (found.beta, found.cov_beta_unscaled, found.sigma))


def _whole(
    fit: Fit, problem: AnyLinear, theta: Vector, found: tuple[Vector, Vector, float]
) -> Whole:
    m, (beta, C, sigma) = problem.matrices, found
    blocks: Blocks
    if isinstance(problem, StructuredProblem):
        blocks = StructuredBlocks.of(problem.marginal_inverse(theta), problem.row_sd(theta))
    else:
        is_exact = isinstance(problem, Problem)
        blocks = PlainBlocks.of(problem.equations(theta), theta, is_exact=is_exact)
    root = np.asarray(np.linalg.cholesky(C), dtype=np.float64)
    residual = without_offset(m, m.y) - m.X @ beta
    solved = blocks.times(np.column_stack([m.X @ root, residual]) / blocks.unit[:, None])
    return Whole(
        blocks=blocks,
        sigma=sigma,
        freedom=len(m.y) - len(beta) if fit.reml else len(m.y),
        root=root,
        F=solved[:, :-1],
        Py=solved[:, -1],
    )


def left_out(found: Whole, rows: Int) -> LeftOut:
    """Some rows together, given all others; nan where these do not determine them."""
    unit = found.blocks.unit[rows]
    return _given_others(found, found.blocks.without(rows), rows, unit)


def _given_others(found: Whole, left: Remainder, rows: Int, unit: Vector) -> LeftOut:
    F, Py = found.F[rows], found.Py[rows]
    solved = left.times(np.column_stack([F, Py]))
    KF, Ke = solved[:, :-1], solved[:, -1]
    share = np.eye(F.shape[1]) - F.T @ KF
    values, vectors = np.linalg.eigh((share + share.T) / 2)
    if len(values) and values[0] < LOST:
        return undetermined(len(rows), F.shape[1])
    turned = KF @ vectors
    along = vectors.T @ (F.T @ Ke) / values
    error = Ke + turned @ along
    variance = left.diagonal() + (turned**2 / values).sum(axis=1)
    return LeftOut(
        error=error * unit,
        variance=variance * unit**2,
        log_det=np.asarray(left.log_det + np.log(values).sum() - 2 * np.log(unit).sum()),
        squares=np.asarray(Py @ error),
        change=found.root @ (vectors @ along),
    )


def undetermined(rows: int, p: int) -> LeftOut:
    """Rows on which the others do not tell enough."""
    none = np.asarray(np.nan)
    return LeftOut(np.full(rows, np.nan), np.full(rows, np.nan), none, none, np.full(p, np.nan))


def each_left_out(found: Whole) -> LeftOut:
    """Every row alone, given all others; nan where these do not determine it."""
    unit, K = found.blocks.unit, found.blocks.diagonal()
    own = (found.F**2).sum(axis=1)
    P = np.where(K - own > LOST * K, K - own, np.nan)
    error = found.Py / P
    return LeftOut(
        error=error * unit,
        variance=unit**2 / P,
        log_det=np.log(P) - 2 * np.log(unit),
        squares=found.Py * error,
        change=error[:, None] * (found.F @ found.root.T),
    )
