"""From a request to a robust fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import ModelMatrices, ModelSpec
from mixedmodels.engine.arrays import without_offset
from mixedmodels.engine.convergence import Convergence
from mixedmodels.engine.problem import Problem
from mixedmodels.engine.singularity import singular_terms
from mixedmodels.engine.watching import watched
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit, matrices_of, term_facts
from mixedmodels.fit.notices import announce
from mixedmodels.fit.request import Request, owned
from mixedmodels.fit.requested import held_in_memory
from mixedmodels.robust_fit.expansion import Part
from mixedmodels.robust_fit.iteration import (
    EXACT,
    FLOOR,
    Found,
    Rows,
    require_residual,
    solve,
    start_of,
)
from mixedmodels.robust_fit.psi import psi_of
from mixedmodels.robust_fit.result import GroupWeights, RobustFit
from mixedmodels.robust_fit.student import fit_student
from mixedmodels.vocabulary import PsiFunction

Vector = NDArray[np.float64]

MOST_EFFECTS = 4000
"""Fixed and random effects: the inverse of their equations is needed whole."""

SMALL = 10 * FLOOR
"""Relative standard deviations below are reported as zero."""


@dataclass(frozen=True, slots=True)
class RobustRequest:
    """What is asked for beside a linear model.

    Attributes
    ----------
    psi
        What bounds the influence.
    efficiency
        Of the location at normal data.
    df
        Of Student's t; None to estimate them.
    """

    psi: PsiFunction
    efficiency: float
    df: float | None


def fit_robust(request: Request, asked: RobustRequest) -> RobustFit:
    """Fit.

    Raises
    ------
    FormulaError, DataError
        If the model cannot be fitted to the data, or has a structure that robust fits do not.
    """
    held = held_in_memory(request)
    if held is None:
        raise DataError(
            "A robust fit needs all rows in memory, and these are too many, or on workers.\n"
            "Do:   give a table in memory, or a sample of the groups."
        )
    with watched(request.control):
        return _fitted(owned(held), asked)


def _fitted(request: Request, asked: RobustRequest) -> RobustFit:
    spec, m = matrices_of(request)
    _require_support(spec, m)
    if asked.psi == "t":
        return fit_student(request, spec, m, asked.df)
    if asked.df is not None:
        raise DataError(
            f'df = {asked.df!r} belongs to psi="t".\nDo:   leave it out, or write psi="t".'
        )
    rows = _rows(m, asked.psi, asked.efficiency)
    _require_size(m)
    start = start_of(rows)
    least = _least_residual(m.y)
    require_residual(start.sigma, least)
    if asked.psi == "bisquare":  # which has several solutions: the one near that of Huber's
        start = solve(_rows(m, "smoothed_huber", asked.efficiency), start).state
    found = solve(rows, start)
    require_residual(found.state.sigma, max(least, EXACT * start.sigma))
    return _result(request, spec, m, asked, rows, found)


def _least_residual(y: Vector) -> float:
    """Of sigma, over rounding: by the middle of the responses, which no outlier moves; where most
    of them are equal, by the largest.
    """
    size = np.abs(y - np.median(y))
    return 1e-8 * float(np.median(size) or size.max(initial=0.0))


def _rows(m: ModelMatrices, kind: PsiFunction, efficiency: float) -> Rows:
    root = np.ones(len(m.y)) if m.weights is None else np.sqrt(m.weights)
    y = without_offset(m, m.y)
    parts = []
    for k, term in enumerate(m.terms):
        grouping, q = m.groupings[term.group], len(term.names)
        sets = [(j,) for j in range(q)] if term.is_independent else [tuple(range(q))]
        for columns in sets:
            Z = term.Z[:, list(columns)] * root[:, None]
            psi = psi_of(kind, efficiency, len(columns))
            parts.append(Part(k, columns, grouping.codes, len(grouping.levels), Z, psi))
    return Rows(y * root, m.X * root[:, None], tuple(parts), psi_of(kind, efficiency))


def _result(
    request: Request,
    spec: ModelSpec,
    m: ModelMatrices,
    asked: RobustRequest,
    rows: Rows,
    found: Found,
) -> RobustFit:
    problem = Problem(m)
    T, b = _by_term(m, rows.parts, found)
    p, sigma = m.X.shape[1], found.state.sigma
    convergence = _convergence(spec, problem, T, found)
    announce(convergence, spec.aliased, on_failure=request.control.on_failure)
    fit = Fit(
        request=replace(request, reml=False),
        spec=spec,
        problem=problem,
        reml=False,
        theta=problem.theta_of(T),
        beta=found.state.c[:p],
        sigma=sigma,
        objective=float("nan"),
        b=b,
        cov_beta_unscaled=found.at.cov_beta,
        convergence=convergence,
    )
    weights = tuple(
        GroupWeights(m.terms[part.term].group, part.term, part.columns, w)
        for part, w in zip(rows.parts, found.block_weights, strict=True)
    )
    return RobustFit(
        fit=fit,
        psi=asked.psi,
        efficiency=asked.efficiency,
        tuning=(rows.psi.k, *(part.psi.k for part in rows.parts)),
        df=float("nan"),
        is_df_estimated=False,
        row_weights=found.row_weights,
        group_weights=weights,
    )


def _by_term(
    m: ModelMatrices, parts: Sequence[Part], found: Found
) -> tuple[list[Vector], tuple[Vector, ...]]:
    """Templates and conditional modes of the terms, with standard deviations of zero as such."""
    T = [np.zeros((len(term.names),) * 2) for term in m.terms]
    b = [np.zeros((len(m.groupings[term.group].levels), len(term.names))) for term in m.terms]
    first = m.X.shape[1]
    for part, own in zip(parts, found.state.T, strict=True):
        u = found.state.c[first : first + part.count].reshape(part.levels, part.size)
        first += part.count
        lengths = np.sqrt((part.Z**2).mean(axis=0))
        seen = np.linalg.norm(own, axis=1) * lengths > SMALL
        at = np.ix_(part.columns, part.columns)
        T[part.term][at] = own * seen[:, None]
        b[part.term][:, list(part.columns)] = (u @ own.T) * seen
    return T, tuple(b)


def _convergence(
    spec: ModelSpec, problem: Problem, T: Sequence[Vector], found: Found
) -> Convergence:
    m = problem.matrices
    coordinates = [term.coordinates for term in m.terms]
    singular = singular_terms(T, problem.column_scales, term_facts(spec, m), coordinates)
    words = f"{found.iterations} steps of the robust estimating equations."
    search = (
        f"Converged in {words}"
        if found.converged
        else f'Not converged in {words}\nDo:   try psi="huber" or a simpler random part.\n'
        "Why:  the equations have no solution that the iteration comes to, or come to it slowly."
    )
    return Convergence(
        converged=found.converged,
        status="converged" if found.converged else "max_evaluations",
        search=search,
        n_evaluations=found.iterations,
        gradient_norm=float("nan"),
        singular=singular,
        trace=(),
    )


def _require_support(spec: ModelSpec, m: ModelMatrices) -> None:
    """Refuse what robust fits do not have."""
    if not m.is_plain:
        raise DataError(
            "Robust fits have random terms such as (x | g) and (x || g), and independent residuals "
            "of one variance.\n"
            "Do:   write these, without residual=, sigma=, structures, known matrices or several "
            "memberships.\n"
            "Why:  blocks that share effects, or residuals, have no weights of their own."
        )
    if spec.identification.n_lost:
        raise DataError(
            "The data cannot tell all variances of the model, and robust fits need all.\n"
            "Do:   see lmm() of the same formula, whose warning says which; write a simpler one."
        )


def _require_size(m: ModelMatrices) -> None:
    effects = m.X.shape[1] + sum(
        len(m.groupings[term.group].levels) * len(term.names) for term in m.terms
    )
    if effects > MOST_EFFECTS:
        raise DataError(
            f"The model has {effects:,} fixed and random effects; robust fits take up to "
            f"{MOST_EFFECTS:,}.\n"
            'Do:   use psi="t" where the groups are nested, or a sample of the groups.\n'
            "Why:  the scale of every residual needs the whole inverse of their equations."
        )
