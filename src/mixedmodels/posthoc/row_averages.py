"""Averages over real rows: of predictions, of counterfactual differences, and of slopes.

The mean over rows i of x_i(v)' beta, x_i(v) the columns of row i with a variable at v, is linear in
beta, and so are differences and derivatives in v of it. Each is a row of L, with the tests of every
other one. Rows are averaged before they are multiplied: only distinct combinations of the columns
that a term uses are ever made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixedmodels.fit.fit import Fit
from mixedmodels.inference.degrees_of_freedom import TestMethod, require_test_method
from mixedmodels.options import require_probability
from mixedmodels.posthoc.averaging import averaged, largest_sets
from mixedmodels.posthoc.cells import MOST_CELLS, Cells
from mixedmodels.posthoc.counterfactuals import (
    Comparison,
    Step,
    Values,
    Variables,
    comparisons_of,
    variables_of,
)
from mixedmodels.posthoc.data_rows import GROUP, DataRows, data_rows
from mixedmodels.posthoc.emmeans import require_fixed_part, tell_not_estimable
from mixedmodels.posthoc.grid_variables import GridVariable, fixed_variables
from mixedmodels.posthoc.labels import as_labels
from mixedmodels.posthoc.latent import from_thresholds
from mixedmodels.posthoc.linear_functions import Kind, LinearFunctions, Testing
from mixedmodels.posthoc.points import At, Points, points_at, points_of, require_apart
from mixedmodels.posthoc.specs import By
from mixedmodels.posthoc.transforms import transform_of
from mixedmodels.posthoc.trends import is_straight, require_covariate, stencil_at
from mixedmodels.vocabulary import RowContrast

Vector = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Setting:
    """Rows, and the values at which all of them are set."""

    rows: DataRows
    points: Points

    @property
    def at(self) -> Mapping[str, GridVariable]:
        """Columns with the values that they are set to."""
        return self.points.at

    @property
    def codes(self) -> Mapping[str, Codes]:
        """Per such column the index (points,) of its value, the first column fastest."""
        return self.points.codes

    @property
    def n_points(self) -> int:
        """Number of combinations of set values."""
        return self.points.size

    @property
    def labels(self) -> dict[str, NDArray[Any]]:
        """Columns (points * groups,): the set values, then the groups, which are fastest."""
        return self.points.labels(self.rows.labels, self.rows.n_groups)


def predictions(
    fit: Fit,
    by: By = None,
    *,
    newdata: object = None,
    at: At = None,
    wts: str | ArrayLike | None = None,
    ddf: TestMethod = "satterthwaite",
    level: float = 0.95,
    transform: str | None = None,
) -> LinearFunctions:
    """Average predictions, as `LinearMixedModel.predictions` explains them."""
    setting = _setting(fit, by, newdata, at, wts)
    L = _means(fit, setting)
    labels = setting.labels or {"1": as_labels(["overall"])}
    offset = np.tile(setting.rows.offset, setting.n_points)
    found = _functions(fit, "mean", labels, L.reshape(len(offset), -1), ddf, level, setting.rows)
    found = replace(found, constant=offset, transform=transform_of(fit, transform))
    found = from_thresholds(found)
    tell_not_estimable(found)
    return found


def comparisons(
    fit: Fit,
    variable: Variables,
    by: By = None,
    *,
    newdata: object = None,
    contrast: RowContrast = "reference",
    step: Step | None = None,
    values: Values | None = None,
    at: At = None,
    wts: str | ArrayLike | None = None,
    ddf: TestMethod = "satterthwaite",
    level: float = 0.95,
    transform: str | None = None,
) -> LinearFunctions:
    """Average differences, as `LinearMixedModel.comparisons` explains them."""
    asked = comparisons_of(fit, variable, contrast=contrast, step=step, values=values)
    setting = _setting(fit, by, newdata, at, wts, apart=[c.variable.name for c in asked])
    parts = [np.einsum("rs,spgc->rpgc", c.C, _compared(fit, setting, c)) for c in asked]
    names = [[(c.variable.name, name) for name in c.names] for c in asked]
    found = _stacked(fit, "contrast", setting, parts, names, ddf, level)
    known = transform_of(fit, transform)
    is_all_pairs = len(asked) == 1 and asked[0].is_pairwise and found.size == len(asked[0].C)
    n_means = len(asked[0].variable.values) if is_all_pairs else 0
    found = replace(
        found,
        transform=known,
        is_ratio=known is not None and known.is_log,
        n_means=np.full(found.size, n_means, dtype=np.int64),
    )
    tell_not_estimable(found)
    return found


def slopes(
    fit: Fit,
    variable: str | Sequence[str],
    by: By = None,
    *,
    newdata: object = None,
    at: At = None,
    wts: str | ArrayLike | None = None,
    ddf: TestMethod = "satterthwaite",
    level: float = 0.95,
) -> LinearFunctions:
    """Average slopes, as `LinearMixedModel.slopes` explains them."""
    asked = variables_of(fit, variable)
    for name in asked:
        require_covariate(fit, name)
    setting = _setting(fit, by, newdata, at, wts, apart=asked)
    parts = [_slope(fit, setting, name)[None] for name in asked]
    names = [[(name, "dY/dX")] for name in asked]
    found = _stacked(fit, "trend", setting, parts, names, ddf, level)
    tell_not_estimable(found)
    return found


def _setting(
    fit: Fit,
    by: By,
    newdata: object,
    at: At,
    wts: str | ArrayLike | None,
    *,
    apart: Sequence[str] = (),
) -> _Setting:
    """The rows and the values that they are set to, the variables `apart` excluded."""
    require_fixed_part(fit)
    require_apart(fit, at, apart)
    rows = data_rows(fit, by, newdata=newdata, wts=wts)
    return _Setting(rows, points_of(fit, at, rows.labels))


def _means(
    fit: Fit,
    setting: _Setting,
    *,
    own: GridVariable | None = None,
    cells: Cells | None = None,
    touching: str | None = None,
) -> Vector:
    """Mean columns of the fixed part (points, groups, columns) of all rows set to every point.

    Parameters
    ----------
    fit
        The model.
    setting
        Rows and points.
    own
        A column with other values in place of those that the rows have.
    cells
        The rows' cells with other weights.
    touching
        Only terms that use this column; the columns of the others are zero.
    """
    rows = setting.rows
    grid = rows.grid | dict(setting.at) | ({} if own is None else {own.name: own})
    cells = rows.cells if cells is None else cells
    cells = cells.marginal([name for name in cells.names if name not in setting.at])
    m, g = setting.n_points, rows.n_groups
    at_once = max(1, MOST_CELLS // max(_repeated(fit, cells, setting), g))
    L = []
    for first in range(0, m, at_once):
        codes = {name: c[first : first + at_once] for name, c in setting.codes.items()}
        k = min(at_once, m - first) * g
        targets = {name: np.repeat(c, g) for name, c in codes.items()}
        targets[GROUP] = np.tile(np.arange(g), k // g)
        L.append(averaged(fit, grid, targets, [cells], k=k, touching=touching))
    return np.concatenate(L).reshape(m, g, -1)


def _repeated(fit: Fit, cells: Cells, setting: _Setting) -> int:
    """How many cells every point needs anew: those of columns beside one that is set."""
    sets = [own for own in largest_sets(fit) if setting.at.keys() & set(own)]
    beside = [[n for n in cells.names if n in own or n == GROUP] for own in sets]
    return max((len(cells.marginal(names).weight) for names in beside), default=0)


def _compared(fit: Fit, setting: _Setting, comparison: Comparison) -> Vector:
    """Mean columns (values, points, groups, columns) at the values that are compared."""
    variable, shifts = comparison.variable, comparison.shifts
    name = variable.name
    if shifts and not is_straight(fit, name):
        own = np.array(setting.rows.grid[name].values, dtype=np.float64)
        moved = [variable.at(tuple((own + shift).tolist())) for shift in shifts]
        return np.array([_means(fit, setting, own=v, touching=name) for v in moved])
    return _means_along(fit, setting, variable.at(shifts) if shifts else variable)


def _means_along(fit: Fit, setting: _Setting, variable: GridVariable) -> Vector:
    """Mean columns (values, points, groups, columns) of all rows set to each value of a column."""
    set_to = dict(setting.at) | {variable.name: variable}
    along = _Setting(setting.rows, points_at(set_to))
    found = _means(fit, along, touching=variable.name)
    return found.reshape(len(variable.values), setting.n_points, setting.rows.n_groups, -1)


def _slope(fit: Fit, setting: _Setting, name: str) -> Vector:
    """Mean derivatives (points, groups, columns) of the columns along a covariate."""
    rows, variable = setting.rows, fixed_variables(fit)[name]
    if is_straight(fit, name):
        low, high = _means_along(fit, setting, variable.at((0.0, 1.0)))
        return np.asarray(high - low)
    stencil = stencil_at(fit, name, rows.grid[name].values, 1)
    cells, group = rows.cells, rows.cells.codes[:, -1]
    share = cells.weight / np.bincount(group, cells.weight)[group]
    value = cells.codes[:, cells.names.index(name)]
    L = np.zeros(())
    for places, weights in zip(stencil.places.T, stencil.weights[:, 0].T, strict=True):
        own = variable.at(tuple(places.tolist()))
        weighted = replace(cells, weight=share * weights[value], is_factor=True)
        L = L + _means(fit, setting, own=own, cells=weighted, touching=name)
    return L


def _stacked(
    fit: Fit,
    kind: Kind,
    setting: _Setting,
    parts: Sequence[Vector],
    names: Sequence[Sequence[tuple[str, str]]],
    ddf: TestMethod,
    level: float,
) -> LinearFunctions:
    """Parts (rows, points, groups, columns) below each other, with the columns `term, contrast`."""
    each = setting.n_points * setting.rows.n_groups
    flat = [pair for part in names for pair in part]
    labels: dict[str, NDArray[Any]] = {
        "term": np.repeat(as_labels([term for term, _ in flat]), each),
        "contrast": np.repeat(as_labels([contrast for _, contrast in flat]), each),
    }
    for name, values in setting.labels.items():
        labels[f"{name}_" if name in labels else name] = np.tile(values, len(flat))
    L = np.concatenate(parts)
    L = L.reshape(len(flat) * each, -1)
    return _functions(fit, kind, labels, L, ddf, level, setting.rows)


def _functions(
    fit: Fit,
    kind: Kind,
    labels: Mapping[str, NDArray[Any]],
    L: Vector,
    ddf: TestMethod,
    level: float,
    rows: DataRows,
) -> LinearFunctions:
    require_probability("level", level)
    require_test_method(ddf)
    return LinearFunctions(
        fit=fit,
        kind=kind,
        labels=labels,
        by=(),
        L=L,
        constant=np.zeros(len(L)),
        testing=Testing(ddf=ddf, level=level),
        n_means=np.zeros(len(L), dtype=np.int64),
        notes=rows.notes,
    )
