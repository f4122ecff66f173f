"""The checks of a model on one page."""

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixedmodels.diagnostics.checks import Check, Grade, check
from mixedmodels.diagnostics.collinearity import inflation
from mixedmodels.diagnostics.deletion import influence_is_cheap
from mixedmodels.diagnostics.envelope import effect_quantiles
from mixedmodels.diagnostics.facts import Facts, facts
from mixedmodels.diagnostics.influence import influence
from mixedmodels.fit.fit import Fit
from mixedmodels.plots import style
from mixedmodels.plots.collinearity_plot import collinearity
from mixedmodels.plots.group_plots import draw_autocorrelation, draw_group_spread
from mixedmodels.plots.influence_plots import draw_influence, leverage
from mixedmodels.plots.quantile_plots import draw_qq, draw_qq_ranef, draw_scaled
from mixedmodels.plots.residual_plots import draw_residuals, draw_scale_location
from mixedmodels.prediction.streams import Seed

Panel = tuple[tuple[str, ...], Callable[[Axes], object]]
"""Names of the checks that a panel shows, and what draws it."""

WORDS: dict[Grade, tuple[str, str]] = {
    "good": ("✓ good", style.GREEN),
    "look": ("? worth a look", style.ORANGE),
    "problem": ("! problem", "#a50f15"),
    "unclear": ("– cannot be told", style.REFERENCE),
}

ORDER: tuple[Grade, ...] = ("unclear", "good", "look", "problem")


def check_panel(fit: Fit, *, seed: Seed = 0) -> Figure:
    """Up to nine pictures of the assumptions, each with the verdict of its checks."""
    found = facts(fit)
    checks = check(fit, seed=seed)
    panels = [*_of_residuals(found, seed), *_of_groups(found, seed), *_of_the_whole(found, seed)]
    figure, grid = style.panels(len(panels), width=4.6, height=3.9)
    for ax, (names, draw) in zip(grid, panels, strict=True):
        draw(ax)
        _verdict(ax, [row for row in checks.rows if row.check in names])
    return style.title_of(figure, f"{fit.spec.formula}")


def _of_residuals(found: Facts, seed: Seed) -> list[Panel]:
    return [
        (
            ("Curve left in the residuals", "Outlying rows"),
            lambda ax: draw_residuals(found, None, ax),
        ),
        (("Spread along the fitted values",), lambda ax: draw_scale_location(found, ax)),
        (
            ("Symmetry of the residuals", "Tails of the residuals"),
            lambda ax: draw_qq(found, ax, seed),
        ),
    ]


def _of_groups(found: Facts, seed: Seed) -> list[Panel]:
    fit = found.fit
    if not fit.matrices.terms:
        return []
    quantiles = effect_quantiles(found, seed=seed)
    panels: list[Panel] = [
        (
            ("Shape of the random effects",),
            lambda ax: draw_qq_ranef(found, quantiles[0, 0], 0, 0, ax),
        ),
        (("Spread of the residuals by level",), lambda ax: draw_group_spread(found, 0, ax)),
    ]
    cheap = [g for g in range(len(fit.matrices.groupings)) if influence_is_cheap(fit, g)]
    if found.leverage is not None and cheap and len(fit.beta):
        name = fit.matrices.groupings[cheap[0]].name
        panels.append(
            (("Influential levels",), lambda ax: draw_influence(influence(fit, name), ax))
        )
    return panels


def _of_the_whole(found: Facts, seed: Seed) -> list[Panel]:
    fit = found.fit
    panels: list[Panel] = []
    if fit.matrices.terms and found.leverage is not None:
        panels.append(
            (("Likeness of neighbouring rows",), lambda ax: draw_autocorrelation(found, ax))
        )
    panels.append(
        (
            ("Distribution of the response", "Spread of the response"),
            lambda ax: draw_scaled(fit, ax, seed),
        )
    )
    if inflation(fit):
        panels.append((("Collinearity",), lambda ax: collinearity(fit, ax=ax)))
    elif found.leverage is not None and len(fit.beta):
        panels.append(((), lambda ax: leverage(fit, ax=ax)))
    return panels


def _verdict(ax: Axes, rows: list[Check]) -> None:
    """The worst grade of the checks, in words, at the upper right."""
    if not rows:
        return
    grade = max((row.grade for row in rows), key=ORDER.index)
    words, colour = WORDS[grade]
    ax.annotate(
        words, (1, 1), (0, 17), xycoords="axes fraction", textcoords="offset points",
        ha="right", va="bottom", fontsize=9, color=colour, fontweight="bold",
        annotation_clip=False,
    )  # fmt: skip
