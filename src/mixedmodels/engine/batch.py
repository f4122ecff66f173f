"""Many fits of one design to as many responses, in one native call: no replicate returns to Python.

A replicate depends on the key and on its own number alone, so that the same numbers come out
whatever the number of threads, of workers, or of replicates per call.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mixedmodels import _native
from mixedmodels.design import ModelMatrices
from mixedmodels.engine.arrays import arrays_of, columns, in_rows, without_offset
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import Shape

Vector = NDArray[np.float64]

CONVERGED, MAX_EVALUATIONS, STALLED, FAILED = range(4)
"""Values of `Refits.status`; a failed replicate has no optimum at all, and nan in every number."""

STATUS = {
    "converged": CONVERGED,
    "max_evaluations": MAX_EVALUATIONS,
    "stalled": STALLED,
    "unbounded": STALLED,
    "exact": STALLED,
}
"""The same for the status of a single solution."""

INSIDE = 0.05
"""Least standard deviation of a random effect, relative to the residual's, from which a refit
starts.
"""


@dataclass(frozen=True, slots=True)
class Draws:
    """A distribution of responses.

    Attributes
    ----------
    mean : array (n,)
        What every replicate has in common, offset included.
    roots : tuple of (q_k, q_k) arrays
        sigma T_k of every term, so that b_k = root_k u; empty if the mean has the random effects.
    sigma : float
        Residual standard deviation of a row of weight 1.
    key : array (2,) of uint64
        The randomness.
    effects, residuals : {"normal", "t", "skewed"}
        Shapes of u and of the residuals, of mean 0 and variance 1 in any case: normal; Student's t
        with 5 degrees of freedom; a gamma of skewness 1.
    theta : array (m,), optional
        Variance parameters of a model with structure: what the covariance of the residuals, and
        `roots` unless they are others, follow from.
    auxiliary : array (a,), optional
        delta of a generalised model, whose `mean` is on the scale of the linear predictor and whose
        family is in the place of residuals.
    """

    mean: Vector
    roots: tuple[Vector, ...]
    sigma: float
    key: NDArray[np.uint64]
    effects: Shape = "normal"
    residuals: Shape = "normal"
    theta: Vector | None = None
    auxiliary: Vector | None = None


@dataclass(frozen=True, slots=True)
class RefitPlan:
    """How the replicates of a batch are fitted.

    Attributes
    ----------
    reml : bool
        By REML, or by ML.
    start : array (m,), optional
        theta from which every search starts, best the one that was drawn from. None for the search
        of a single fit, from other starts too where there are few rows; in plain models alone.
        Of a generalised model psi = (theta | beta | delta).
    L : array (q, p), optional
        A hypothesis that will be tested.
    pieces : {"wald", "satterthwaite", "kenward-roger"}, optional
        The method by which it will be.
    max_evaluations, tolerance
        As in `Control`; the tolerance is tighter, since another evaluation costs little and the
        criterion is compared between models.
    known_sigma
        The residual standard deviation where it is known, else None.
    """

    reml: bool
    start: Vector | None
    L: Vector | None = None
    pieces: Literal["wald", "satterthwaite", "kenward-roger"] | None = None
    max_evaluations: int = 1000
    tolerance: float = 1e-10
    known_sigma: float | None = None


@dataclass(frozen=True, slots=True)
class WaldPieces:
    """What a test with known variances needs of r fits, for one hypothesis L (q, p).

    Attributes
    ----------
    covariance : array (r, q, q)
        L C L' with C = (X'V^-1 X)^-1, relative to sigma^2.
    """

    covariance: Vector


@dataclass(frozen=True, slots=True)
class SatterthwaitePieces:
    """What Satterthwaite's method needs of r fits, for one hypothesis L (q, p).

    Attributes
    ----------
    covariance : array (r, q, q)
        L C L' with C = (X'V^-1 X)^-1, relative to sigma^2.
    jacobian : array (r, m, q, q)
        Its derivatives in theta.
    spread : array (r, m + 1, m + 1)
        Covariance of the estimates of (theta, sigma).
    """

    covariance: Vector
    jacobian: Vector
    spread: Vector


@dataclass(frozen=True, slots=True)
class KenwardRogerPieces:
    """What Kenward and Roger's method needs of r fits, for one hypothesis L (q, p).

    Attributes
    ----------
    covariance : array (r, q, q)
        L C L' with C = (X'V^-1 X)^-1, relative to sigma^2.
    information : array (r, R, R)
        As in `KenwardRoger`.
    slopes : array (r, R, q, q)
        L (slopes of `KenwardRoger`) L'.
    bends : array (r, R (R + 1) / 2, q, q)
        L (bends of `KenwardRoger`) L'.
    """

    covariance: Vector
    information: Vector
    slopes: Vector
    bends: Vector


Pieces = WaldPieces | SatterthwaitePieces | KenwardRogerPieces


@dataclass(frozen=True, slots=True)
class Refits:
    """r fits of one design; a replicate that failed is a row of nan.

    Attributes
    ----------
    status : array (r,) of int8
        CONVERGED, MAX_EVALUATIONS, STALLED or FAILED.
    singular : array (r,) of bool
        Whether the covariance of a term is exactly singular.
    n_evaluations : array (r,) of int64
        Evaluations of the criterion.
    deviance : array (r,)
        The criterion at its minimum.
    sigma : array (r,)
        Residual standard deviations.
    theta : array (r, m)
        Relative covariance parameters, in the order of `model.theta`.
    beta, bse : array (r, p)
        Fixed effects of the columns of X and their standard errors; in a generalised model with all
        other parameters taken as known.
    auxiliary : array (r, a)
        delta of a generalised model; of a linear one there is none, a = 0.
    pieces : WaldPieces, SatterthwaitePieces or KenwardRogerPieces, optional
        For the hypothesis of the call, if there was one.
    """

    status: NDArray[np.int8]
    singular: NDArray[np.bool_]
    n_evaluations: NDArray[np.int64]
    deviance: Vector
    sigma: Vector
    theta: Vector
    beta: Vector
    bse: Vector
    auxiliary: Vector
    pieces: Pieces | None = None

    __repr__ = brief

    def __len__(self) -> int:
        return len(self.status)

    @property
    def converged(self) -> NDArray[np.bool_]:
        """Whether the search ended at a minimum (r,)."""
        found: NDArray[np.bool_] = self.status == CONVERGED
        return found

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Whether there is no fit at all (r,)."""
        found: NDArray[np.bool_] = self.status == FAILED
        return found

    @property
    def psi(self) -> Vector:
        """All parameters (r, m + p + a) of a generalised model."""
        return np.hstack([self.theta, self.beta, self.auxiliary])


def draw(matrices: ModelMatrices, draws: Draws, first: int, count: int) -> Vector:
    """Responses of the replicates `first` to `first + count - 1`, (n, count), Fortran order."""
    a = arrays_of(matrices)
    rows = _native.draw(a.X, a.groups, a.terms, a.weights, _aligned(draws), first, count)
    return rows.T


def refit(native: _native.Problem, matrices: ModelMatrices, Y: Vector, plan: RefitPlan) -> Refits:
    """Fit every column of `Y` (n, r): kept rows, offset not yet subtracted."""
    found = native.refit(columns(without_offset(matrices, Y)), plan)
    return named(found, plan, native.n_theta)


def refit_drawn(
    native: _native.Problem,
    matrices: ModelMatrices,
    draws: Draws,
    first: int,
    count: int,
    plan: RefitPlan,
) -> Refits:
    """Fit the replicates `first` to `first + count - 1` of a distribution."""
    centred = replace(draws, mean=without_offset(matrices, draws.mean))
    found = native.refit_drawn(_aligned(centred), first, count, plan)
    return named(found, plan, native.n_theta)


def _aligned(draws: Draws) -> Draws:
    roots = tuple(in_rows(root) for root in draws.roots)
    return replace(draws, mean=in_rows(draws.mean), roots=roots, key=in_rows(draws.key))


def named(found: _native.Refits, plan: RefitPlan, m: int) -> Refits:
    """The fits as arrays with names."""
    return Refits(
        status=found.status,
        singular=found.singular,
        n_evaluations=found.n_evaluations,
        deviance=found.deviance,
        sigma=found.sigma,
        theta=found.theta,
        beta=found.beta,
        bse=found.bse,
        auxiliary=np.empty((len(found.beta), 0)),
        pieces=None if plan.L is None or plan.pieces is None else _pieces(found, plan, m),
    )


def _pieces(found: _native.Refits, plan: RefitPlan, m: int) -> Pieces:
    covariance, first, spread, second = found.pieces
    r, q = len(covariance), 0 if plan.L is None else len(plan.L)
    covariance = covariance.reshape(r, q, q)
    if plan.pieces == "wald":
        return WaldPieces(covariance)
    spread = spread.reshape(r, m + 1, m + 1)
    if plan.pieces == "satterthwaite":
        return SatterthwaitePieces(covariance, first.reshape(r, m, q, q), spread)
    bends = second.reshape(r, (m + 1) * (m + 2) // 2, q, q)
    return KenwardRogerPieces(covariance, spread, first.reshape(r, m + 1, q, q), bends)


def joined(parts: Sequence[Refits]) -> Refits:
    """Several batches of one job as one, in their order."""
    joint = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Refits)
        if field.name != "pieces"
    }
    return Refits(**joint, pieces=_joined_pieces([part.pieces for part in parts]))


def _joined_pieces(parts: Sequence[Pieces | None]) -> Pieces | None:
    first = parts[0]
    if first is None:
        return None
    names = [field.name for field in fields(first)]
    joint = {n: np.concatenate([getattr(part, n) for part in parts]) for n in names}
    return type(first)(**joint)
