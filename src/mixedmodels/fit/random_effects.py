"""Conditional modes of the random effects, given the data and the estimates."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import block_diag

from mixedmodels.engine.route import generalised
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import column_labels, group_names, terms_of_group
from mixedmodels.fit.level_information import conditional_blocks, has_been_updated
from mixedmodels.fit.once import once
from mixedmodels.fit.variance_components import known_entries
from mixedmodels.options import require_probability

Vector = NDArray[np.float64]


def random_effects(fit: Fit) -> dict[str, pd.DataFrame]:
    """Per group a DataFrame (levels x columns) of conditional modes.

    The index has the group's own labels; the columns of several terms on one group stand side by
    side, a repeated name with `.1` added. nan for effects whose variance and covariances the data
    cannot all tell, as they follow from these; predictions do not.
    """
    labels = column_labels(fit.matrices)
    out = {}
    for g, group in enumerate(group_names(fit.matrices)):
        terms = terms_of_group(fit.matrices, g)
        columns = [name for k in terms for name in labels[k]]
        index = pd.Index(fit.matrices.groupings[g].levels, name=group)
        values = np.hstack([known_modes(fit, k) for k in terms])
        out[group] = pd.DataFrame(values, index=index, columns=columns)
    return out


def known_modes(fit: Fit, term: int) -> Vector:
    """b_k (levels, q_k) for the columns of the formula (`Fit.b` is for those of Z), nan for effects
    that follow from what the data cannot tell.
    """
    modes = fit.matrices.terms[term].coordinates.reported(fit.b[term])
    return np.where(are_known(fit, term), modes, np.nan)


def are_known(fit: Fit, term: int) -> NDArray[np.bool_]:
    """Per column of the term (q_k,), whether the data tell its row of the reported Sigma_k."""
    return np.asarray(known_entries(fit, term).all(axis=1))


@once
def level_covariances(fit: Fit, term: int) -> Vector:
    """cov(b_k | y) / sigma^2 at known beta, (levels, q_k, q_k), for the columns of Z_k."""
    if has_been_updated(fit):
        return conditional_blocks(fit, term)
    return fit.problem.conditional_covariance(fit.psi, term=term)


def conditional_sd(fit: Fit, *, term: int) -> Vector:
    """Standard deviation (levels, q_k) of `known_modes` given the data, at known beta and theta.

    nan for effects that follow from what the data cannot tell.
    """
    coordinates = fit.matrices.terms[term].coordinates
    unscaled = coordinates.reported_covariance(level_covariances(fit, term))
    variances = np.diagonal(unscaled, axis1=1, axis2=2)
    sd = fit.sigma * np.sqrt(np.maximum(variances, 0.0))
    return np.where(are_known(fit, term), sd, np.nan)


@dataclass(frozen=True, slots=True)
class EffectsWithin:
    """All random effects that lie within one level of a group.

    Attributes
    ----------
    effects : tuple of (term, column, label)
        The label is that of the inner level, empty for effects of the level itself.
    values : array (q,)
        Conditional modes, nan where `known_modes` are.
    covariance : array (q, q)
        Given the data, at known beta and theta; nan with such modes.
    """

    effects: tuple[tuple[int, int, str], ...]
    values: Vector
    covariance: Vector


def covariance_within(fit: Fit, group: str) -> list[EffectsWithin]:
    """Per level of `group` the effects of all terms whose levels lie within it, jointly.

    D - D Z'V^-1 Z D times sigma^2, with the rows of the level alone: rows of two levels are
    independent but for factors that cross them, whose effects are left out.
    """
    m = fit.matrices
    outer = next(g for g in m.groupings if g.name == group)
    inner = [k for k, term in enumerate(m.terms) if m.groupings[term.group].is_within(outer)]
    modes = {k: known_modes(fit, k) for k in inner}
    names = {k: fit.spec.level_maps[m.terms[k].group].labels_without(outer.columns) for k in inner}
    precision = _row_precision(fit)
    out = []
    for rows in outer.rows():
        effects, columns, roots, reported, values = [], [], [], [], []
        for k in inner:
            term, grouping = m.terms[k], m.groupings[m.terms[k].group]
            for level in np.unique(grouping.codes[rows]):
                here = (grouping.codes[rows] == level)[:, None]
                label = "" if grouping is outer else names[k][level]
                effects += [(k, j, label) for j in range(len(term.names))]
                columns.append(term.Z[rows] * here)
                roots.append(fit.T[k])
                reported.append(term.coordinates.reported_root(fit.T[k]))
                values.append(modes[k][level])
        half = np.hstack(columns) @ block_diag(*roots)
        weighted = half if precision is None else half * precision[rows, None]
        root = block_diag(*reported)
        middle = np.linalg.inv(np.eye(half.shape[1]) + half.T @ weighted)
        within = np.concatenate(values)
        untold = np.isnan(within)
        covariance = fit.sigma**2 * root @ middle @ root.T
        covariance = np.where(untold[:, None] | untold, np.nan, covariance)
        out.append(EffectsWithin(tuple(effects), within, covariance))
    return out


def _row_precision(fit: Fit) -> Vector | None:
    """What a row tells of its linear predictor (n,), relative to 1 / sigma^2; None for the same in
    all rows.
    """
    if fit.generalised is None:
        return fit.matrices.weights
    return generalised(fit.problem, "The information of a row").working(fit.psi)[0]


def ranef_table(fit: Fit, *, level: float = 0.95) -> object:
    """Table `group, level, term, estimate, std_error, conf_low, conf_high`.

    One row per group, level and column, levels within columns within groups; the level labels
    are text, so that groups of different types fit in one table. The standard error is that of
    b given the data at the estimated variances, without the uncertainty of the fixed effects, and
    the limits are normal.
    """
    return fit.frame.table(ranef_columns(fit, level))


def ranef_columns(fit: Fit, level: float = 0.95) -> dict[str, NDArray[Any]]:
    """The columns of `ranef_table`.

    Raises
    ------
    DataError
        If `level` is no probability.
    """
    require_probability("level", level)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    labels = column_labels(fit.matrices)
    parts: dict[str, list[NDArray[Any]]] = {
        name: [] for name in ("group", "level", "term", "estimate", "std_error")
    }
    for g, group in enumerate(group_names(fit.matrices)):
        levels = np.array([str(label) for label in fit.matrices.groupings[g].levels], dtype=object)
        for k in terms_of_group(fit.matrices, g):
            modes, sd = known_modes(fit, k), conditional_sd(fit, term=k)
            for j, name in enumerate(labels[k]):
                parts["group"].append(np.full(len(levels), group, dtype=object))
                parts["level"].append(levels)
                parts["term"].append(np.full(len(levels), name, dtype=object))
                parts["estimate"].append(modes[:, j])
                parts["std_error"].append(sd[:, j])
    columns = {name: _joined(pieces) for name, pieces in parts.items()}
    estimate, error = columns["estimate"], columns["std_error"]
    return {**columns, "conf_low": estimate - z * error, "conf_high": estimate + z * error}


def _joined(pieces: list[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(pieces) if pieces else np.empty(0)
