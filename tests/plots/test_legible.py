"""Whatever the names of columns and levels: labels differ, nothing overlaps or is cut off."""

from collections.abc import Callable, Iterator
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.plots import lettering
from mixedmodels.plots.accessor import HOMES
from mixedmodels.plots.effect_means import fixed_columns
from mixedmodels.plots.numbering import Numbers
from tests.plots.legible import faults
from tests.plots.strange import MODELS

Draw = Callable[[], Any]

REFUSED = {
    "all_effects": ("crossed",),
    "collinearity": ("crossed", "nested", "two_groups", "many_groups", "small", "sleep"),
    "lines": ("crossed",),
}
"""Pictures that some of the models cannot have."""

OF_FAMILIES = ("calibration", "rootogram")
"""Pictures of generalised models alone, looked at in test_plots_of_families."""


def pictures(model: mm.LinearMixedModel) -> Iterator[tuple[str, Draw]]:
    """Every plot of a model, also along and by each of its columns and groups."""
    plot = model.plot
    for name in HOMES:
        if name not in ("effects", "variogram", *OF_FAMILIES):
            yield name, getattr(plot, name)
    group = model.fit.matrices.groupings[-1].name
    yield "influence of levels", lambda: plot.influence(group)
    yield "dfbetas of levels", lambda: plot.dfbetas(group)
    columns = fixed_columns(model.fit)
    for x in columns:
        yield f"effects of {x}", lambda x=x: plot.effects(x)
        yield f"residuals along {x}", lambda x=x: plot.residuals(x)
        if model.fit.frame.column(x).kind == "number":
            yield f"variogram along {x}", lambda x=x: plot.variogram(x)
    if len(columns) > 1:
        x, by, *more = columns
        yield "effects by", lambda: plot.effects(x, by=by)
        yield "effects by, exchanged", lambda: plot.effects(by, by=x)
        if more:
            yield "effects in panels", lambda: plot.effects(more[0], by=[x, by])


@pytest.mark.parametrize(
    "name", [name for name in MODELS if name not in ("small", "cake", "sleep")]
)
def test_every_plot_is_legible(name: str) -> None:
    found = {}
    for picture, draw in pictures(MODELS[name]()):
        try:
            drawn = draw()
        except DataError:
            assert name in REFUSED[picture]
            continue
        figure = drawn if isinstance(drawn, Figure) else drawn.figure
        found[picture] = faults(figure)
        plt.close(figure)
    assert {picture: wrong for picture, wrong in found.items() if wrong} == {}


def test_results_with_plots_are_legible() -> None:
    model = MODELS["small"]()
    for figure in (
        model.profile().plot(),
        model.profile().plot("density"),
        model.bootstrap(40, seed=1).plot(level=0.5),
    ):
        assert faults(figure) == []


@pytest.mark.parametrize("size", [(6.4, 4.8), (4.2, 3.4), (9.0, 4.0)])
def test_axes_of_the_caller_without_a_layout(size: tuple[float, float]) -> None:
    """Alone in a figure they are laid out once."""
    plot = MODELS["trial"]().plot
    week, arm = (fixed_columns(plot.fit)[i] for i in (1, 0))
    for draw in (
        plot.residuals,
        plot.qq,
        plot.shrinkage,
        plot.group_spread,
        plot.autocorrelation,
        lambda ax: plot.influence(plot.fit.matrices.groupings[0].name, ax=ax),
        lambda ax: plot.effects(week, by=arm, ax=ax),
        lambda ax: plot.effects(arm, ax=ax),
    ):
        figure, ax = plt.subplots(figsize=size)
        draw(ax=ax)
        assert faults(figure) == []
        plt.close(figure)


def test_letters_come_from_any_font_that_has_them() -> None:
    """STIXGeneral has no Arabic letters, and a private one is in no font: no warning either way."""
    with mpl.rc_context({"font.family": ["STIXGeneral"], "axes.unicode_minus": False}):
        assert lettering.written("ع \U00100001") == "ع \\U00100001"
        figure = MODELS["cake"]().plot.residuals().figure
        text = figure.text(0.1, 0.5, "ع")
        lettering.literal(text)
        assert faults(figure) == []
        assert len(text.get_fontfamily()) == 2


def test_ticks_are_written_in_full() -> None:
    ticks = Numbers().format_ticks
    assert ticks([2451545.2, 2451545.4]) == ["2451545.2", "2451545.4"]
    assert ticks([0.0, 1.7e9]) == ["0", "1.7e9"]
    assert ticks([-2e-5, 0.0, 2e-5]) == ["−2e−5", "0", "2e−5"]
    assert ticks([0.1, 0.2, 0.1 + 0.2]) == ["0.1", "0.2", "0.3"]
    assert ticks([]) == []
