"""The checks of a model on one page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixedmodels.diagnostics.calibration import has_shares
from mixedmodels.diagnostics.checks import Check, Grade, check
from mixedmodels.diagnostics.collinearity import inflation
from mixedmodels.diagnostics.deletion import influence_is_cheap
from mixedmodels.diagnostics.envelope import effect_quantiles
from mixedmodels.diagnostics.facts import Facts, facts
from mixedmodels.diagnostics.influence import influence
from mixedmodels.diagnostics.scaled import can_be_drawn
from mixedmodels.diagnostics.working import as_linear
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import column_labels
from mixedmodels.options import require_count
from mixedmodels.plots import arrange, lettering, style
from mixedmodels.plots.calibration_plot import draw_calibration
from mixedmodels.plots.choice import group_index
from mixedmodels.plots.collinearity_plot import draw_collinearity
from mixedmodels.plots.group_plots import draw_autocorrelation, draw_group_spread
from mixedmodels.plots.influence_plots import draw_influence, draw_leverage
from mixedmodels.plots.quantile_plots import draw_qq, draw_qq_ranef, draw_scaled
from mixedmodels.plots.residual_plots import draw_residuals, draw_scale_location
from mixedmodels.plots.rootogram_plot import draw_rootogram
from mixedmodels.plots.series_plots import draw_acf
from mixedmodels.prediction.streams import Seed


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture and the rows of the checks that it shows."""

    rows: Sequence[Check]
    draw: Callable[[Axes], object]


WORDS: dict[Grade, tuple[str, str]] = {
    "good": ("✓ good", style.GREEN),
    "look": ("? worth a look", style.ORANGE),
    "problem": ("! problem", "#a50f15"),
    "unclear": ("– cannot be told", style.REFERENCE),
}

ORDER: tuple[Grade, ...] = ("unclear", "good", "look", "problem")


def check_panel(fit: Fit, *, columns: int = 3, seed: Seed = 0) -> Figure:
    """Up to nine pictures of the assumptions, each with the verdict of its checks.

    Of several groups the one is shown whose check came out worst.

    Raises
    ------
    DataError
        If `columns` is not a positive whole number.
    """
    require_count("columns", columns, what="columns")
    panels = _panels(fit, seed)
    figure, grid = style.panels(len(panels), columns=columns, width=4.6, height=4.1)
    for ax, panel in zip(grid, panels, strict=True):
        panel.draw(ax)
        _verdict(ax, panel.rows)
    return style.title_of(figure, lettering.written(str(fit.spec.formula)))


def check_figures(fit: Fit, *, seed: Seed = 0) -> list[Figure]:
    """The pictures of `check_panel`, each a figure of its own, which pyplot does not keep."""
    figures = []
    for panel in _panels(fit, seed):
        with style.unregistered():
            ax = style.axes(None, width=4.6, height=4.1)
        panel.draw(ax)
        _verdict(ax, panel.rows)
        figures.append(arrange.arrange(arrange.root(ax), [ax]))
    return figures


def _panels(fit: Fit, seed: Seed) -> list[Panel]:
    found = facts(fit)
    rows = check(fit, seed=seed).rows
    return [
        *_of_residuals(found, rows, seed),
        *_of_family(fit, rows),
        *_of_groups(found, rows, seed),
        *_of_the_whole(found, rows, seed),
    ]


def _of_residuals(found: Facts, rows: Sequence[Check], seed: Seed) -> list[Panel]:
    mean = [
        row
        for row in _named(rows, "Curve left in the residuals", "Outlying rows")
        if row.about == "fitted values" or row.check == "Outlying rows"
    ]
    return [
        Panel(mean, lambda ax: draw_residuals(found, None, ax)),
        Panel(
            _named(rows, "Spread along the fitted values"),
            lambda ax: draw_scale_location(found, ax),
        ),
        Panel(
            _named(rows, "Symmetry of the residuals", "Tails of the residuals"),
            lambda ax: draw_qq(found, ax, seed),
        ),
    ]


def _of_family(fit: Fit, rows: Sequence[Check]) -> list[Panel]:
    """Of a generalised model, how shares or counts agree with what the family expects."""
    counts = _named(rows, "Zeros", "Dispersion")
    if has_shares(fit):
        shares = _named(rows, "Calibration of the probabilities")
        return [Panel(shares, lambda ax: draw_calibration(fit, ax))]
    if fit.family.response == "count":
        return [Panel(counts, lambda ax: draw_rootogram(fit, ax))]
    return []


def _of_groups(found: Facts, rows: Sequence[Check], seed: Seed) -> list[Panel]:
    m = found.fit.matrices
    if not m.terms:
        return []
    labels = column_labels(m)
    columns = {
        f"{name} | {m.groupings[term.group].name}": (k, j)
        for k, term in enumerate(m.terms)
        for j, name in enumerate(labels[k])
    }
    shape = _worst(_named(rows, "Shape of the random effects"))
    spread = _worst(_named(rows, "Spread of the residuals by level"))
    k, j = columns[shape.about]
    g = group_index(found.fit, spread.about)
    quantiles = effect_quantiles(found, seed=seed).get((k, j))
    panels = [Panel([spread], lambda ax: draw_group_spread(found, g, ax))]
    if quantiles is not None:
        panels.insert(0, Panel([shape], lambda ax: draw_qq_ranef(found, quantiles, k, j, ax)))
    cheap = {
        grouping.name: i
        for i, grouping in enumerate(m.groupings)
        if influence_is_cheap(found.fit, i)
    }
    known = [row for row in _named(rows, "Influential levels") if row.grade != "unclear"]
    is_told = found.leverage is not None or found.fit.generalised is not None
    if known and (is_told or not found.fit.matrices.is_plain):
        row = _worst(known)
        name = max((name for name in cheap if row.about.startswith(name)), key=len)
        panels.append(Panel([row], lambda ax: draw_influence(influence(found.fit, name), ax)))
    return panels


def _of_the_whole(found: Facts, rows: Sequence[Check], seed: Seed) -> list[Panel]:
    fit = found.fit
    panels: list[Panel] = []
    neighbours = _named(rows, "Likeness of neighbouring rows")
    if neighbours:
        panels.append(Panel(neighbours, lambda ax: _draw_likeness(found, ax)))
    whole = _named(rows, "Distribution of the response", "Spread of the response")
    if can_be_drawn(fit):
        panels.append(Panel(whole, lambda ax: draw_scaled(fit, ax, seed)))
    if inflation(fit):
        panels.append(Panel(_named(rows, "Collinearity"), lambda ax: draw_collinearity(fit, ax)))
    elif (found.leverage is not None or _has_working_leverage(fit)) and len(fit.beta):
        panels.append(Panel((), lambda ax: draw_leverage(fit, ax)))
    return panels


def _has_working_leverage(fit: Fit) -> bool:
    return fit.generalised is not None and fit.matrices.is_plain


def _draw_likeness(found: Facts, ax: Axes) -> Axes:
    fit = as_linear(found.fit)
    plain = found if fit is found.fit else facts(fit)
    return draw_autocorrelation(plain, ax) if fit.matrices.is_plain else draw_acf(fit, ax)


def _named(rows: Sequence[Check], *names: str) -> list[Check]:
    return [row for row in rows if row.check in names]


def _worst(rows: Sequence[Check]) -> Check:
    return max(rows, key=lambda row: ORDER.index(row.grade))


def _verdict(ax: Axes, rows: Sequence[Check]) -> None:
    """The worst grade of the checks, in words, above the title."""
    if not rows:
        return
    words, colour = WORDS[_worst(rows).grade]
    ax.annotate(
        words, (0, 1), (0, 33), xycoords="axes fraction", textcoords="offset points",
        ha="left", va="bottom", fontsize=9, color=colour, fontweight="bold",
        annotation_clip=False, label=arrange.VERDICT,
    )  # fmt: skip
