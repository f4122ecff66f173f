"""Random effects given new rows, without a fit: the parameters stay, levels learn and are added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mixedmodels.data import Frame
from mixedmodels.data.unkept import rows_needed
from mixedmodels.design.grouping import LevelMap
from mixedmodels.design.more_levels import more_levels
from mixedmodels.design.spec import read_column
from mixedmodels.engine.iterative import IterativeProblem
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.level_information import (
    LevelInformation,
    effect_matrix,
    equations_of,
    level_information,
    modes,
)
from mixedmodels.fit.once import Refusal
from mixedmodels.fit.random_effects import level_covariances
from mixedmodels.prediction.joint_errors import mode_slopes
from mixedmodels.prediction.level_errors import template_slopes
from mixedmodels.prediction.new_information import (
    densities_of,
    joined,
    newton,
    observed_rows,
    told_by,
    with_rows_of_fit,
)
from mixedmodels.saving.without_rows import without_rows

Vector = NDArray[np.float64]
Places = NDArray[np.int64]

NO_ERRORS = (
    "Standard errors of predictions after an update are not available for families with parameters "
    "beside the mean.\n"
    "Do:   predict without se and interval; or fit the model anew with all rows.\n"
    "Why:  how the new modes move with these parameters is not known without the rows of the fit."
)


def update_random_effects(fit: Fit, new_rows: object) -> Fit:
    """The same parameters with the modes of all levels given new rows too; see
    `LinearMixedModel.update_random_effects`.
    """
    if not fit.matrices.terms:
        raise DataError(
            "The model has no random effects to update.\nDo:   fit a model with a random term."
        )
    _require_sums(fit)
    frame = Frame.of(new_rows)
    bare = without_rows(fit)
    grown, places = _grown(bare, frame)
    old = _moved(level_information(fit), effect_places(fit, places, grown), grown)
    new = observed_rows(grown, frame)
    if fit.generalised is None:
        whole = joined(old, told_by(grown, new))
        return _with(_with_blocks(grown, frame), modes(grown, whole), whole)
    densities, start = densities_of(grown, new), grown.b
    if fit.matrices.has_rows:
        Z = effect_matrix(fit.matrices, [term.Z for term in fit.matrices.terms])
        at = effect_places(fit, places, grown)
        Z = sparse.csr_array((Z.data, at[Z.indices], Z.indptr), shape=(Z.shape[0], new.Z.shape[1]))
        densities, old = with_rows_of_fit(fit, Z, densities), _nothing(old)
    found, whole = newton(grown, old, densities, start)
    return _with(grown, found, replace(whole, added=old.added + len(new.y)))


def _require_sums(fit: Fit) -> None:
    """Refuse where what the rows tell of the levels is not known."""
    answers = fit.answers or {}
    is_there = (level_information.__name__,) in answers
    if isinstance(fit.problem, IterativeProblem) or not (fit.matrices.has_rows or is_there):
        raise rows_needed()


def _nothing(like: LevelInformation) -> LevelInformation:
    gram = sparse.csc_matrix(like.gram.shape)
    return LevelInformation(gram, 0 * like.cross, 0 * like.score, like.added)


def _grown(fit: Fit, frame: Frame) -> tuple[Fit, list[Places]]:
    """The fit with the levels of new rows beside its own, their effects at zero."""
    maps, places = [], []
    own = _own_levels(fit)
    for g, level_map in enumerate(fit.spec.level_maps):
        levels = len(fit.matrices.groupings[g].levels)
        if g in own or not isinstance(level_map, LevelMap):
            maps.append(level_map)
            places.append(np.arange(levels))
            continue
        columns = {name: read_column(name, frame) for name in level_map.columns}
        found = more_levels(level_map, columns)
        maps.append(found.level_map)
        places.append(found.places)
    return _relabelled(fit, maps, places), places


def _own_levels(fit: Fit) -> set[int]:
    """Groupings whose levels are related or several to a row, and cannot become more."""
    terms = fit.matrices.terms
    return {t.group for t in terms if t.precision is not None or t.members is not None}


def _relabelled(fit: Fit, maps: Sequence[Any], places: Sequence[Places]) -> Fit:
    groupings = tuple(
        replace(g, levels=known.levels()) if isinstance(known, LevelMap) else g
        for g, known in zip(fit.matrices.groupings, maps, strict=True)
    )
    b = []
    for term, b_k in zip(fit.matrices.terms, fit.b, strict=True):
        more = np.zeros((len(groupings[term.group].levels), b_k.shape[1]))
        more[places[term.group]] = b_k
        b.append(more)
    matrices = replace(fit.matrices, groupings=groupings)
    return replace(
        fit,
        spec=replace(fit.spec, level_maps=tuple(maps)),
        problem=replace(fit.problem, matrices=matrices),
        b=tuple(b),
    )


def _with_blocks(fit: Fit, frame: Frame) -> Fit:
    """The fit that knows the blocks of correlated residuals of new rows, too: further rows of
    them are correlated with these.
    """
    spec, residual = fit.spec.residual, fit.matrices.residual
    if spec is None or spec.blocks is None or spec.blocks.blocks is None or residual is None:
        return fit
    known = spec.blocks.blocks
    more = more_levels(known, {name: read_column(name, frame) for name in known.columns}).level_map
    blocks = replace(spec.blocks, blocks=more)
    matrices = replace(fit.matrices, residual=replace(residual, levels=more.levels()))
    return replace(
        fit,
        spec=replace(fit.spec, residual=replace(spec, blocks=blocks)),
        problem=replace(fit.problem, matrices=matrices),
    )


def effect_places(fit: Fit, places: Sequence[Places], grown: Fit) -> Places:
    """The number of every effect of `fit` among those of `grown`."""
    found, first = [], 0
    for term in fit.matrices.terms:
        q = len(term.names)
        found.append((first + places[term.group][:, None] * q + np.arange(q)).ravel())
        first += len(grown.matrices.groupings[term.group].levels) * q
    return np.concatenate([np.empty(0, dtype=np.int64), *found])


def _moved(known: LevelInformation, at: Places, grown: Fit) -> LevelInformation:
    """The sums with the effects at their new numbers."""
    size = sum(b.size for b in grown.b)
    gram = sparse.coo_matrix(known.gram)
    moved = sparse.csc_matrix((gram.data, (at[gram.row], at[gram.col])), shape=(size, size))
    cross, score = np.zeros((size, known.cross.shape[1])), np.zeros(size)
    cross[at], score[at] = known.cross, known.score
    return LevelInformation(moved, cross, score, known.added)


def _with(grown: Fit, b: tuple[Vector, ...], whole: LevelInformation) -> Fit:
    """The fit with these modes, and what is known of them."""
    answers: dict[tuple[Any, ...], Any] = {
        question: value
        for question, value in (grown.answers or {}).items()
        if question[0] not in (level_covariances.__name__, mode_slopes.__name__)
    }
    answers[level_information.__name__,] = whole
    found = replace(grown, b=b, answers=answers)
    if grown.generalised is not None:
        answers[mode_slopes.__name__,] = _slopes(found, whole)
    return replace(found, answers=answers)


def _slopes(fit: Fit, whole: LevelInformation) -> list[Vector] | Refusal:
    """Derivatives of the modes in psi, per term (levels, q_k, len(psi)).

    With b = Lambda u and M u = Lambda'r at the sums of `whole`: in beta -Lambda M^-1 Lambda'Z'WX,
    in theta by M du = dLambda'(r - G b) - Lambda'G dLambda u.
    """
    if len(fit.delta):
        return Refusal(NO_ERRORS)
    m, p = len(fit.theta), len(fit.beta)
    equations = equations_of(fit.matrices, fit.T, whole)
    Lambda = equations.Lambda
    u = equations.solve(np.asarray(Lambda.T @ whole.score))
    rest = whole.score - whole.gram @ (Lambda @ u)
    slopes = np.zeros((Lambda.shape[0], m + p))
    slopes[:, m:] = -np.asarray(Lambda @ equations.B)
    for j, change in enumerate(template_slopes(fit)):
        right = change.T @ rest - Lambda.T @ (whole.gram @ (change @ u))
        slopes[:, j] = change @ u + Lambda @ equations.solve(np.asarray(right))
    out, first = [], 0
    for b in fit.b:
        out.append(slopes[first : first + b.size].reshape(*b.shape, -1))
        first += b.size
    return out
