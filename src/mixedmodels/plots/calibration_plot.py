"""Calibration: observed shares of successes against fitted probabilities."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mixedmodels.diagnostics.calibration import Bins, calibration_bins
from mixedmodels.fit.fit import Fit
from mixedmodels.plots import lettering, style
from mixedmodels.plots.arrange import arranged

Data = dict[str, NDArray[np.generic]]


def calibration(fit: Fit, *, ax: Axes | None = None) -> Axes:
    """Shares of successes beside fitted probabilities, in bins."""
    return arranged(draw_calibration(fit, style.axes(ax, width=5)))


def calibration_data(fit: Fit) -> Data:
    """Columns `fitted, observed, residual, trials, conf_low, conf_high`, a row per bin; the limits
    are those of the residual in 95 of 100 data sets simulated from the model.
    """
    found = calibration_bins(fit)
    return {
        "fitted": found.fitted,
        "observed": found.observed,
        "residual": found.residual,
        "trials": found.trials,
        "conf_low": found.low,
        "conf_high": found.high,
    }


def draw_calibration(fit: Fit, ax: Axes) -> Axes:
    """The bins, the diagonal on which they lie if the model is right, and limits."""
    found = calibration_bins(fit)
    low, high = _limits(found)
    ax.plot([low, high], [low, high], color=style.REFERENCE, linestyle="--", linewidth=1, zorder=0)
    ax.fill_between(
        found.fitted,
        np.maximum(found.fitted + found.low, 0.0),
        np.minimum(found.fitted + found.high, 1.0),
        color=style.BAND,
        alpha=0.6,
        linewidth=0,
    )
    far = found.is_far
    for chosen, colour, size in ((~far, style.POINT, 20), (far, style.ORANGE, 30)):
        ax.scatter(found.fitted[chosen], found.observed[chosen], s=size, color=colour, zorder=3)
    response = lettering.term(fit.spec.formula.response)
    return style.finish(
        ax,
        title="Observed shares against fitted probabilities",
        x=f"Fitted probability of {response}",
        y="Observed share",
        note=f"{len(found.fitted)} bins of like rows. Band: 95 of 100 simulated data sets",
    )


def _limits(found: Bins) -> tuple[float, float]:
    both = np.concatenate([found.fitted, found.observed])
    return max(float(both.min()) - 0.03, 0.0), min(float(both.max()) + 0.03, 1.0)
