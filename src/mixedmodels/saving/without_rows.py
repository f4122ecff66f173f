"""A fit without its rows: what is left answers every question that the estimates answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mixedmodels.data import Frame
from mixedmodels.data.unkept import UnkeptRows
from mixedmodels.design import ModelMatrices, ResidualMatrix, RowMoments, TermMatrix
from mixedmodels.design.auxiliary_matrix import AuxiliaryMatrix
from mixedmodels.design.distribution import Distribution
from mixedmodels.engine.plain import PlainProblem
from mixedmodels.engine.route import AnyProblem
from mixedmodels.fit.fit import Fit, spread
from mixedmodels.fit.request import Request, columns_in_use
from mixedmodels.saving.answers import answers_of


def without_rows(fit: Fit) -> Fit:
    """The same estimates with the results that need rows, and no rows."""
    frame = _names_alone(fit)
    found = fit.generalised
    if found is not None:
        found = replace(found, eta=_unkept(len(fit.matrices.y)))
    return replace(
        fit,
        request=_said_without_rows(fit.request, frame),
        problem=_problem(fit.problem, _matrices(fit, frame)),
        generalised=found,
        answers=fit.answers if fit.answers is not None else answers_of(fit),
    )


def _names_alone(fit: Fit) -> Frame:
    """The columns that the model uses, by name."""
    return Frame.unkept(columns_used(fit), fit.frame.nrows, fit.frame.backend)


def columns_used(fit: Fit) -> tuple[str, ...]:
    """The columns of the data that the model uses, in their order."""
    used = columns_in_use(fit.request, fit.frame.columns)
    return tuple(name for name in fit.frame.columns if name in used)


def _said_without_rows(request: Request, frame: Frame) -> Request:
    """What was asked for, with nothing that has a number per row."""
    given = request.distribution
    return replace(
        request,
        frame=frame,
        weights=_name_or_unkept(request.weights),
        offset=_name_or_unkept(request.offset),
        response=None if request.response is None else _unkept(frame.nrows),
        known=None,
        source=None,
        distribution=None if given is None else _distribution(given),
    )


def _distribution(given: Distribution) -> Distribution:
    trials, exposure = _name_or_unkept(given.trials), _name_or_unkept(given.exposure)
    return replace(given, trials=trials, exposure=exposure)


def _name_or_unkept(given: Any) -> Any:
    return given if given is None or isinstance(given, str) else _unkept(np.size(given))


def _problem(problem: AnyProblem, matrices: ModelMatrices) -> AnyProblem:
    """The problem of the same kind; sums of rows that were read in batches stay."""
    if isinstance(problem, PlainProblem):
        return type(problem)(matrices, problem.sums)
    return replace(problem, matrices=matrices)


def _matrices(fit: Fit, frame: Frame) -> ModelMatrices:
    m, n = fit.matrices, len(fit.matrices.y)
    return replace(
        m,
        y=_unkept(n),
        X=_unkept(*m.X.shape),
        groupings=tuple(replace(g, codes=_unkept(n)) for g in m.groupings),
        terms=tuple(_term(term, n) for term in m.terms),
        weights=None if m.weights is None else _unkept(n),
        offset=None if m.offset is None else _unkept(n),
        kept=_unkept(len(m.kept)),
        index=_unkept(n),
        residual=None if m.residual is None else _residual(m.residual, n),
        moments=_moments(fit, frame),
        size=None if m.size is None else _unkept(n),
        auxiliary=tuple(_auxiliary(part) for part in m.auxiliary),
    )


def _term(term: TermMatrix, n: int) -> TermMatrix:
    members: Any = None if term.members is None else _unkept(n)
    return replace(term, Z=_unkept(n, len(term.names)), members=members)


def _auxiliary(part: AuxiliaryMatrix) -> AuxiliaryMatrix:
    return replace(part, D=_unkept(*part.D.shape))


def _residual(residual: ResidualMatrix, n: int) -> ResidualMatrix:
    """The places of the occasions; of structures by position, at which all are alike, none."""
    part, positions = residual.part, residual.positions
    if residual.structure is None or residual.structure.by_position:
        positions = np.zeros((len(residual.parts), positions.shape[1]))
        part = np.arange(len(residual.parts), dtype=np.int32)
    else:
        places = np.unique(np.column_stack([part, positions]), axis=0)
        part, positions = places[:, 0].astype(np.int32), np.ascontiguousarray(places[:, 1:])
    scale = residual.scale
    if scale is not None:
        powers = tuple(
            replace(p, values=_unkept(n), rows=None if p.rows is None else _unkept(n))
            for p in scale.powers
        )
        scale = replace(scale, S=_unkept(*scale.S.shape), powers=powers)
    return replace(residual, codes=_unkept(n), positions=positions, part=part, scale=scale)


def _moments(fit: Fit, frame: Frame) -> RowMoments:
    m = fit.matrices
    nobody = Frame.unkept(frame.columns, 0, frame.backend)
    if m.moments is not None:
        return replace(m.moments, sample=nobody, scales=tuple(fit.problem.column_scales))
    n = len(m.y)
    return RowMoments(
        n=n,
        X=m.X.T @ m.X,
        mean=m.X.sum(axis=0) / n,
        Z=tuple(m.mean_squares(k) for k in range(len(m.terms))),
        spread=float(spread(m.y, m.weights)),
        offset=m.mean_offset,
        inverse_weight=m.mean_inverse_weight,
        sample=nobody,
        counts=None,
        scales=tuple(fit.problem.column_scales),
    )


def _unkept(*shape: int) -> Any:
    return UnkeptRows(*shape)
