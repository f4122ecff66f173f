"""Residuals against fitted values and covariates, and their spread."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy import special

from mixedmodels.data import encode
from mixedmodels.diagnostics.facts import Facts, facts
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.plots import lettering, style
from mixedmodels.plots.arrange import arranged

Vector = NDArray[np.float64]
Data = dict[str, NDArray[np.generic]]

TYPICAL_ROOT = 0.822
"""Mean of the square root of the absolute value of a standard normal variable."""


def residuals(fit: Fit, x: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Studentized residuals against the fitted values, or a column of the data."""
    return arranged(draw_residuals(facts(fit), x, style.axes(ax)))


def residuals_data(fit: Fit, x: str | None = None) -> Data:
    """Columns `row, x, residual`."""
    found = facts(fit)
    values = found.fitted if x is None else _column(fit, x)
    return {"row": np.asarray(fit.matrices.index), "x": values, "residual": found.r}


def scale_location(fit: Fit, *, ax: Axes | None = None) -> Axes:
    """Square roots of the absolute residuals against the fitted values."""
    return arranged(draw_scale_location(facts(fit), style.axes(ax)))


def scale_location_data(fit: Fit) -> Data:
    """Columns `row, fitted, root`."""
    found = facts(fit)
    root = np.sqrt(np.abs(found.r))
    return {"row": np.asarray(fit.matrices.index), "fitted": found.fitted, "root": root}


def draw_residuals(found: Facts, x: str | None, ax: Axes) -> Axes:
    """The points, zero, a smooth, and the names of the rows that lie far off."""
    fit = found.fit
    values: NDArray[np.generic] = found.fitted if x is None else _column(fit, x)
    label = _fitted_label(fit) if x is None else lettering.name(x)
    style.level(ax, 0.0)
    if values.dtype.kind == "f":
        numbers = values.astype(np.float64)
        note = style.scatter(ax, numbers, found.r)
        style.smooth(ax, numbers, found.r)
        _name_far_rows(found, numbers, ax)
    else:
        note = _boxes(found.r, values, ax)
    predicted = "fitted values" if fit.generalised is None else "the fixed part"
    against = predicted if x is None else lettering.name(x, 40)
    return style.finish(
        ax,
        title=f"Residuals against {against}",
        x=label,
        y=f"{found.kind.capitalize()} residual",
        note=note or _explained(values),
    )


def _fitted_label(fit: Fit) -> str:
    """What stands below fitted values, or the fixed part of a generalised model."""
    response = lettering.term(fit.spec.formula.response)
    return f"Fitted {response}" if fit.generalised is None else f"Fixed part of {response}"


def draw_scale_location(found: Facts, ax: Axes) -> Axes:
    """The points, what a standard normal residual gives on average, and a smooth."""
    root = np.sqrt(np.abs(found.r))
    style.level(ax, TYPICAL_ROOT)
    note = style.scatter(ax, found.fitted, root)
    style.smooth(ax, found.fitted, root)
    return style.finish(
        ax,
        title="Spread along the fitted values",
        x=_fitted_label(found.fit),
        y=f"√|{found.kind} residual|",
        note=note or "Dashed: an even spread. Line: smooth",
    )


def _explained(values: NDArray[np.generic]) -> str:
    enough = values.dtype.kind == "f" and len(np.unique(values)) >= 5
    return "Line: smooth with ±2 standard errors" if enough else ""


def _name_far_rows(found: Facts, x: Vector, ax: Axes) -> None:
    usual = float(-special.ndtri(0.025 / len(x)))
    far = np.argsort(-np.abs(found.r))[:3]
    far = far[np.abs(found.r[far]) > usual]
    labels = [found.fit.matrices.index[row] for row in far]
    style.name_points(ax, x[far], found.r[far], style.row_names(labels))


def _boxes(r: Vector, labels: NDArray[np.generic], ax: Axes) -> str:
    """A box per level; the first 40 if there are more."""
    levels = list(dict.fromkeys(labels.tolist()))
    shown = levels[:40]
    ax.boxplot(
        [r[labels == level] for level in shown],
        positions=np.arange(len(shown)),
        medianprops={"color": style.LINE, "linewidth": 2},
        flierprops={"markersize": 3, "markeredgecolor": style.POINT},
    )
    style.name_columns(ax, shown)
    return "" if len(shown) == len(levels) else f"{len(shown)} of {len(levels)} levels shown"


def _column(fit: Fit, name: str) -> NDArray[np.generic]:
    """A column of the data on the rows used: numbers as float64, otherwise labels in order."""
    if name not in fit.frame.columns:
        raise DataError(
            f"x = {name!r} is not a column of the data.\n"
            f"Do:   name one of {', '.join(fit.frame.columns[:12])}, or leave it out."
        )
    column = fit.frame.column(name)
    if column.numbers is not None and column.kind == "number":
        return np.asarray(column.numbers[fit.matrices.kept], dtype=np.float64)
    codes = encode(column)
    return np.array([*codes.levels, "missing"], dtype=object)[codes.codes[fit.matrices.kept]]
