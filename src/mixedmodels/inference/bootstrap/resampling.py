"""Three ways to draw other samples: from the model, from its residuals, from the groups.

Every one can fit a range of its replicates, and give the data of a single one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import Grouping, ModelMatrices
from mixedmodels.engine.batch import FAILED, STATUS, Draws, RefitPlan, Refits, joined
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.problem import Problem
from mixedmodels.engine.route import AnyProblem, exact, linear
from mixedmodels.engine.settings import Control
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import residuals
from mixedmodels.fit.linear_predictor import marginal_mean
from mixedmodels.inference.replication import AT_ONCE, in_blocks
from mixedmodels.prediction.simulate import draws_of
from mixedmodels.prediction.streams import Key, stream
from mixedmodels.vocabulary import BootstrapKind

Vector = NDArray[np.float64]
Int = NDArray[np.int64]

Resampled = Problem | GeneralisedProblem
"""A model whose groups can be drawn with replacement."""

VANISHES = 1e-12
"""Eigenvalue of a covariance, relative to the largest, that counts as zero."""


class Resampling(Protocol):
    """A source of other samples."""

    def run(self, first: int, count: int) -> Refits:
        """The fits of some replicates."""

    def problem(self, replicate: int) -> AnyProblem:
        """The data of one replicate."""


@dataclass(frozen=True, slots=True)
class Parametric:
    """New random effects and residuals from the fitted distributions."""

    original: AnyProblem
    draws: Draws
    plan: RefitPlan

    def run(self, first: int, count: int) -> Refits:
        """Drawn and fitted in one native call."""
        return self.original.refit_drawn(self.draws, first, count, self.plan)

    def problem(self, replicate: int) -> AnyProblem:
        """The model with the replicate's response."""
        y = self.original.draw(self.draws, replicate, 1)[:, 0]
        return self.original.with_response(np.ascontiguousarray(y))


@dataclass(frozen=True, slots=True)
class Residual:
    """Random effects and residuals drawn with replacement from the fit's own.

    Carpenter, Goldstein & Rasbash (2003), Applied Statistics 52, 431-443: conditional modes are
    shrunken, so they are first centred and stretched to the covariance that was estimated, as the
    residuals are.

    Attributes
    ----------
    original : Problem
        The model.
    mean : array (n,)
        X beta + offset.
    effects : tuple of (levels, q_k) arrays
        Stretched modes per term.
    noise : array (n,)
        Stretched residuals of rows of weight one.
    key : Key
        The randomness.
    plan : RefitPlan
        How to fit.
    """

    original: Problem
    mean: Vector
    effects: tuple[Vector, ...]
    noise: Vector
    key: Key
    plan: RefitPlan

    def run(self, first: int, count: int) -> Refits:
        """Drawn here, fitted natively."""
        blocks = (self._block(at, size) for at, size in in_blocks(first, count, AT_ONCE))
        return joined([self.original.refit(Y, self.plan) for Y in blocks])

    def problem(self, replicate: int) -> Problem:
        """The model with the replicate's response."""
        return self.original.with_response(self._response(replicate))

    def _block(self, first: int, count: int) -> Vector:
        """Responses (n, count)."""
        return np.column_stack([self._response(r) for r in range(first, first + count)])

    def _response(self, replicate: int) -> Vector:
        random, m = stream(self.key, replicate), self.original.matrices
        y = self.mean.copy()
        for term, effects in zip(m.terms, self.effects, strict=True):
            drawn = effects[random.integers(len(effects), size=len(effects))]
            y += np.sum(term.Z * drawn[m.groupings[term.group].codes], axis=1)
        noise = self.noise[random.integers(len(y), size=len(y))]
        y += noise if m.weights is None else noise / np.sqrt(m.weights)
        return y


@dataclass(frozen=True)
class Case:
    """Whole levels of the outermost factor, drawn with replacement with all their rows.

    Without random effects the rows themselves are drawn.
    """

    original: Resampled
    group: int | None
    key: Key
    plan: RefitPlan

    @cached_property
    def rows(self) -> list[Int]:
        """Per level its rows."""
        m = self.original.matrices
        if self.group is None:
            return list(np.arange(len(m.y))[:, None])
        return m.groupings[self.group].rows()

    def run(self, first: int, count: int) -> Refits:
        """One problem per replicate: the designs differ."""
        return refits_of(self.problem, range(first, first + count), self.original, self.plan)

    def problem(self, replicate: int) -> Resampled:
        """The rows of the replicate, every copy of a level a level of its own."""
        levels = len(self.rows)
        return self.of(stream(self.key, replicate).integers(levels, size=levels))

    def of(self, chosen: Int) -> Resampled:
        """The rows of the chosen levels."""
        rows = np.concatenate([self.rows[level] for level in chosen])
        copy = np.repeat(np.arange(len(chosen)), [len(self.rows[level]) for level in chosen])
        m = self.original.matrices.take(rows)
        drawn = replace(m, groupings=tuple(_relabelled(g, copy) for g in m.groupings))
        if isinstance(self.original, GeneralisedProblem):
            return replace(self.original, matrices=drawn)
        return Problem(drawn)


def _relabelled(grouping: Grouping, copy: Int) -> Grouping:
    """Levels of different copies apart."""
    pairs = copy * (int(grouping.codes.max(initial=0)) + 1) + grouping.codes
    found, codes = np.unique(pairs, return_inverse=True)
    return replace(grouping, codes=codes.astype(np.int32), levels=tuple(range(len(found))))


def refits_of(
    problem: Callable[[int], Resampled], replicates: range, model: Resampled, plan: RefitPlan
) -> Refits:
    """Fit problems of different designs, one by one; one that has no fit is a flagged row."""
    made = (problem(replicate) for replicate in replicates)
    if isinstance(model, GeneralisedProblem):
        return _family_refits(made, model, plan)
    return _linear_refits(made, len(replicates), model, plan)


def _family_refits(
    problems: Iterable[AnyProblem], model: GeneralisedProblem, plan: RefitPlan
) -> Refits:
    """Each is a batch of one response, from the start of them all; a sample in which the
    coefficients are not determined has no response that could be fitted.
    """
    nothing = np.full((len(model.matrices.y), 1), np.nan)
    parts = []
    for problem in problems:
        m = problem.matrices
        is_full = all(np.linalg.matrix_rank(part) == part.shape[1] for part in _columns(m))
        own, y = (problem, m.y[:, None]) if is_full else (model, nothing)
        parts.append(own.refit(y, plan))
    return joined(parts)


def _columns(m: ModelMatrices) -> list[Vector]:
    """Of the fixed part, and of the parts beside the mean."""
    return [part for part in (m.X, *(part.D for part in m.auxiliary)) if part.shape[1]]


def _linear_refits(
    problems: Iterable[AnyProblem], r: int, model: Problem, plan: RefitPlan
) -> Refits:
    m, p = model.n_theta, len(model.matrices.x_names)
    start = None if plan.start is None else tuple(plan.start)
    control = Control(max_evaluations=plan.max_evaluations, tolerance=plan.tolerance, start=start)
    out = Refits(
        status=np.full(r, FAILED, dtype=np.int8),
        singular=np.zeros(r, dtype=np.bool_),
        n_evaluations=np.zeros(r, dtype=np.int64),
        deviance=np.full(r, np.nan),
        sigma=np.full(r, np.nan),
        theta=np.full((r, m), np.nan),
        beta=np.full((r, p), np.nan),
        bse=np.full((r, p), np.nan),
        auxiliary=np.empty((r, 0)),
    )
    diagonal = np.array([row == column for _, row, column in model.theta_index], dtype=np.bool_)
    for i, made in enumerate(problems):
        try:
            found = linear(made, "A case").minimise(reml=plan.reml, control=control)
        except DataError:  # a sample in which the coefficients are not determined
            continue
        out.status[i] = STATUS[found.status]
        out.singular[i] = bool(np.any(found.theta[diagonal] == 0))
        out.n_evaluations[i] = found.n_evaluations
        out.deviance[i], out.sigma[i] = found.deviance, found.sigma
        out.theta[i], out.beta[i] = found.theta, found.beta
        out.bse[i] = found.sigma * np.sqrt(np.diag(found.cov_beta_unscaled))
    return out


def resampling_of(fit: Fit, kind: BootstrapKind, key: Key) -> Resampling:
    """The source of samples of this kind.

    Raises
    ------
    DataError
        If whole groups are to be drawn and the factors are crossed.
    """
    plan = RefitPlan(reml=fit.reml, start=fit.psi)
    if kind == "parametric":
        return Parametric(fit.problem, draws_of(fit, key), plan)
    what = f'The bootstrap of kind "{kind}"'
    if kind == "case":
        return Case(resampled(fit, what), outermost(fit.matrices), key, plan)
    linear(fit.problem, what, instead='use kind="parametric" or kind="case"')
    problem = exact(fit.problem, f'The bootstrap of kind "{kind}"', instead='use kind="parametric"')
    if kind == "residual":
        return _residual(fit, key, plan)
    return Case(problem, outermost(fit.matrices), key, plan)


def _residual(fit: Fit, key: Key, plan: RefitPlan) -> Residual:
    m = fit.matrices
    noise = residuals(fit, "pearson").to_numpy() * fit.sigma
    noise = noise - noise.mean()
    return Residual(
        original=exact(fit.problem, 'The bootstrap of kind "residual"'),
        mean=marginal_mean(m.X, fit.beta, m.offset),
        effects=tuple(_stretched(b, cov) for b, cov in zip(fit.b, fit.covariances, strict=True)),
        noise=noise * fit.sigma / noise.std(),
        key=key,
        plan=plan,
    )


def _stretched(b: Vector, cov: Vector) -> Vector:
    """Modes (levels, q), centred, with the covariance `cov`."""
    b = b - b.mean(axis=0)
    stretched: Vector = b @ _power(b.T @ b / len(b), -0.5) @ _power(cov, 0.5)
    return stretched


def _power(cov: Vector, exponent: float) -> Vector:
    values, vectors = np.linalg.eigh(cov)
    keep = values > VANISHES * max(values[-1], np.finfo(np.float64).tiny)
    power: Vector = (vectors[:, keep] * values[keep] ** exponent) @ vectors[:, keep].T
    return power


def resampled(fit: Fit, what: str) -> Resampled:
    """The problem of a fit whose groups can be drawn with replacement.

    Raises
    ------
    DataError
        If levels belong together, in a known covariance or as several of one row.
    """
    if not isinstance(fit.problem, GeneralisedProblem):
        return exact(fit.problem, what, instead='use kind="parametric"')
    if any(t.precision is not None or t.members is not None for t in fit.matrices.terms):
        raise DataError(
            f"{what} is not available for known covariances and for rows of several levels.\n"
            'Do:   use kind="parametric".\n'
            "Why:  levels that belong together cannot be drawn one by one."
        )
    return fit.problem


def outermost(m: ModelMatrices) -> int | None:
    """The factor of which every level of every other factor lies within one level, if any."""
    if not m.groupings:
        return None
    for g in range(len(m.groupings)):
        if all(other.is_within(m.groupings[g]) for other in m.groupings):
            return g
    names = ", ".join(grouping.name for grouping in m.groupings)
    raise DataError(
        f'kind = "case" needs one outermost grouping factor, and the model has: {names}.'
        '\nDo:   use kind="parametric" or kind="residual".\n'
        "Why:  whole groups are drawn with replacement; of crossed factors no level can be drawn "
        "without cutting through the others."
    )
