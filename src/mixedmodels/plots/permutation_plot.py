"""F of the data among those of a permutation test."""

import numpy as np
from matplotlib.figure import Figure

from mixedmodels.inference.permutation.permutation import PermutationResult
from mixedmodels.plots import style

BINS = 40


def histogram(result: PermutationResult) -> Figure:
    """A figure with the distribution under the null hypothesis, and the F of the data."""
    figure, (ax,) = style.panels(1, width=6.4, height=4.0)
    values = result.null[np.isfinite(result.null)]
    ax.hist(values, bins=BINS, color=style.BLUE, alpha=0.55, linewidth=0)
    if np.isfinite(result.statistic):
        ax.axvline(result.statistic, color=style.ORANGE, linewidth=2)
    kind = "all" if result.is_exact else "random"
    style.finish(ax, title=result.hypothesis, x="F", y="arrangements")
    return style.title_of(
        figure,
        f"{len(result.null):,} {kind} arrangements, F = {result.statistic:.3g} of the data: "
        f"p = {result.p_value:.3g}",
    )
