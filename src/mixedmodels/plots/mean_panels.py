"""What the pictures of means share: panels, names of rows, labels of axes, words of notes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mixedmodels.data.levels import label
from mixedmodels.errors import DataError
from mixedmodels.options import require_count
from mixedmodels.plots import lettering, style
from mixedmodels.posthoc.labels import as_labels
from mixedmodels.posthoc.linear_functions import LinearFunctions
from mixedmodels.posthoc.results import mean_over_normal, taken_back
from mixedmodels.posthoc.wording import ADJUSTMENTS, title_of
from mixedmodels.vocabulary import Adjustment

Vector = NDArray[np.float64]
Rows = NDArray[np.intp]

PANELS = 20
"""Most panels of a figure."""

DIGITS = 6
"""Digits of numbers that name rows or panels, unless they differ in later ones alone."""

GAPS = "Gaps: not estimable"


@dataclass(frozen=True, slots=True)
class Panel:
    """Rows that are drawn together.

    Attributes
    ----------
    rows : array (m,)
        Which rows.
    title : str
        Their values of the columns that panels have, as ``temperature = 175``.
    names : list of str
        What each row is called there.
    """

    rows: Rows
    title: str
    names: list[str]

    @classmethod
    def of(cls, functions: LinearFunctions, rows: Rows, by: Sequence[str]) -> "Panel":
        """The panel of some rows, equal in the columns `by`."""
        title = ", ".join(f"{n} = {in_words(functions, n)[rows[0]]}" for n in by)
        names = varying(functions, functions.labels)
        own = [name for name in names if name not in by] or names
        parts = [in_words(functions, name)[rows].tolist() for name in own]
        return cls(rows, title, [", ".join(row) for row in zip(*parts, strict=True)])


def panels_of(functions: LinearFunctions, by: Sequence[str]) -> list[Panel]:
    """The rows in panels, one for each combination of the values of some columns.

    Raises
    ------
    DataError
        If there are more than 20.
    """
    families = replace(functions, by=tuple(by)).families
    if len(families) > PANELS:
        raise DataError(
            f"{' and '.join(by)} would have {len(families)} panels, more than {PANELS}.\n"
            "Do:   ask for fewer values with at=, or put another column in its place."
        )
    return [Panel.of(functions, rows, by) for rows in families]


def varying(functions: LinearFunctions, names: Iterable[str]) -> list[str]:
    """The columns of names that tell rows apart; all of them if none does."""
    found = list(names)
    return [name for name in found if len({*functions.labels[name].tolist()}) > 1] or found


def in_words(functions: LinearFunctions, name: str) -> NDArray[np.object_]:
    """A column that names rows as text: levels as they are, numbers as briefly as they differ."""
    values = functions.labels[name].tolist()
    texts = {value: label(value) for value in values}
    if any(isinstance(value, float) and len(texts[value]) > DIGITS for value in texts):
        for digits in range(DIGITS, 18):
            texts = {value: f"{value:.{digits}g}" for value in texts}
            if len({*texts.values()}) == len(texts):
                break
    return as_labels([texts[value] for value in values])


def several(
    panels: Sequence[Panel],
    draw: Callable[[Panel, Axes], None],
    *,
    title: str,
    x: str,
    y: str,
    size: tuple[float, float],
    columns: int | None,
    ax: Axes | None,
) -> Figure:
    """A figure with the panels; names of rows stand at its left side alone where they are equal."""
    if ax is not None:
        raise DataError(
            f"There are {len(panels)} panels, which do not fit on one ax.\n"
            "Do:   leave ax out, or ask for means without by."
        )
    columns = side_by_side(len(panels), columns)
    figure, grid = style.panels(len(panels), columns=columns, width=size[0], height=size[1])
    titles = lettering.terms([panel.title for panel in panels], 60)
    are_equal = all(panel.names == panels[0].names for panel in panels)
    for i, (panel, axes, text) in enumerate(zip(panels, grid, titles, strict=True)):
        draw(panel, axes)
        style.finish(axes, title=text, x="", y="")
        axes.tick_params(labelleft=i % columns == 0 or not are_equal)
    return style.title_of(figure, title, shared=style.across(figure, x=x, y=y))


def side_by_side(count: int, columns: int | None) -> int:
    """How many panels stand side by side: those asked for, else three, or four of many."""
    if columns is None:
        return min(count, 3) if count <= 9 else 4
    require_count("columns", columns, what="columns")
    return min(columns, count)


def require_means(functions: LinearFunctions, what: str, advice: str) -> None:
    """Refuse contrasts and effect sizes."""
    if functions.kind not in ("mean", "trend"):
        raise DataError(f"{what}, and these are {functions.kind}s.\nDo:   {advice}.")


def heading(functions: LinearFunctions) -> str:
    """The title of a picture, on one line and without quotes of a formula."""
    return lettering.term(title_of(functions))


def measure(functions: LinearFunctions) -> str:
    """What the axis of the estimates measures."""
    response = lettering.term(functions.fit.spec.formula.response)
    if functions.kind == "mean":
        is_back = functions.back is not None
        return "Mean on the scale of the response" if is_back else f"Mean {response}"
    if functions.kind == "trend":
        return f"Slope of {response}"
    if functions.kind == "effect size":
        return "Effect size"
    return "Ratio" if functions.shows_ratios else f"Contrast of {response}"


def neutral(functions: LinearFunctions) -> float | None:
    """The value that a row is compared with: none for means."""
    if functions.kind == "mean":
        return None
    null = functions.testing.null
    if functions.shows_ratios and functions.transform is not None:
        return float(np.exp(functions.transform.rate * null))
    return null


def on_response(functions: LinearFunctions, eta: Vector) -> Vector:
    """Means on the model's scale, on that which is shown."""
    if functions.back is None or functions.transform is None or functions.kind != "mean":
        return eta
    if functions.integral is not None:
        return np.asarray(mean_over_normal(functions.transform, eta, functions.back)[0])
    return taken_back(eta, functions.transform, functions.back)


def of_adjustment(adjust: Adjustment) -> str:
    """The name of an adjustment."""
    return "" if adjust == "none" else ADJUSTMENTS[adjust]
