"""Pictures within a page: each for a wide and, where it has columns, for a narrow screen."""

import base64
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any, Protocol

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import terms_of_group
from mixedmodels.fit.random_effects import are_known
from mixedmodels.inference.degrees_of_freedom import TestMethod
from mixedmodels.posthoc.linear_functions import LinearFunctions
from mixedmodels.report.words import fixed_terms

DPI = 110

MOST_LEVELS = 400
"""Levels of a group up to which its random effects are drawn."""

MOST_EFFECTS = 12
"""Terms of the fixed part up to which their effects are drawn."""


class Figure(Protocol):
    """As much of matplotlib's figure as a page needs."""

    def savefig(self, target: BytesIO, **options: Any) -> None:
        """Write the picture."""

    def clear(self) -> None:
        """Let go of its memory."""


class MeansPictures(Protocol):
    """As much of `means.plot` as a page needs."""

    def intervals(self, *, comparisons: bool = False, columns: int | None = None) -> Any:
        """Means with intervals, a panel per group."""


class Pictures(Protocol):
    """As much of `model.plot` as a page needs."""

    def unregistered(self) -> AbstractContextManager[None]:
        """Within it, pictures are this page's alone."""

    def check_figures(self, *, seed: int = 0) -> Sequence[Any]:
        """The pictures of the checks."""

    def caterpillar(self, group: str | None = None) -> Any:
        """The random effects of a group."""

    def all_effects(self, *, columns: int = 2, ddf: TestMethod | None = None) -> Any:
        """The estimated means along the terms of the fixed part."""

    def of_means(self, functions: LinearFunctions) -> MeansPictures:
        """The pictures of marginal means."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A picture that a page holds.

    Attributes
    ----------
    wide, narrow : str
        Addresses that hold the picture; `narrow` is empty where `wide` does for all.
    caption : str
        What it shows.
    """

    wide: str
    caption: str
    narrow: str = ""


def checks(pictures: Pictures, *, seed: int) -> Sequence[str]:
    """The pictures of the assumptions, which stand side by side as the page has room."""
    return [_written(figure) for figure in pictures.check_figures(seed=seed)]


def effects(fit: Fit, pictures: Pictures, *, ddf: TestMethod) -> Embedded | None:
    """The estimated means along every term, if they are few enough and can be drawn."""
    if not 0 < len(fixed_terms(fit)) <= MOST_EFFECTS:
        return None
    try:
        wide = _address(lambda: pictures.all_effects(columns=2, ddf=ddf))
    except DataError as error:  # such as a factor of too many levels for one picture
        return Embedded("", str(error).splitlines()[0])
    narrow = _address(lambda: pictures.all_effects(columns=1, ddf=ddf))
    return Embedded(wide, "Estimated means over the rows of the data, random effects zero.", narrow)


def means_picture(functions: LinearFunctions, pictures: Pictures, *, arrows: bool) -> Embedded:
    """Means with intervals and, if wanted, arrows that compare them, if they can be drawn."""
    draw = partial(pictures.of_means(functions).intervals, comparisons=arrows)
    try:
        wide = _address(partial(draw, columns=2))
    except DataError as error:  # such as too many means or groups for one picture
        return Embedded("", str(error).splitlines()[0])
    several = len(functions.families) > 1
    narrow = _address(partial(draw, columns=1)) if several else ""
    said = f"Means with {100 * functions.testing.level:.4g} % intervals"
    return Embedded(wide, f"{said}; arrows compare them." if arrows else f"{said}.", narrow)


def caterpillars(fit: Fit, pictures: Pictures) -> Sequence[Embedded]:
    """The random effects of every group that has few enough levels."""
    return [
        Embedded(
            _address(partial(pictures.caterpillar, grouping.name)),
            f"Conditional modes of {grouping.name} with 95 % intervals at the estimated variances.",
        )
        for g, grouping in enumerate(fit.matrices.groupings)
        if len(grouping.levels) <= MOST_LEVELS
        and any(are_known(fit, k).any() for k in terms_of_group(fit.matrices, g))
    ]


def _address(draw: Callable[[], Any]) -> str:
    """What is drawn, as an address that holds it."""
    drawn = draw()
    return _written(getattr(drawn, "figure", None) or drawn)


def _written(figure: Figure) -> str:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    figure.clear()
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
