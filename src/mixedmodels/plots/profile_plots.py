"""Profiles of the likelihood: zeta and density, one panel per parameter."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import special

from mixedmodels.inference.profile import Curve, Profile
from mixedmodels.inference.profile.spline import density, spline
from mixedmodels.options import require_option
from mixedmodels.plots import style
from mixedmodels.plots.parameter_titles import parameter_titles

Vector = NDArray[np.float64]

LEVELS = (0.5, 0.8, 0.95)
"""Coverages whose limits are marked."""

PLACES = 200
"""Points of a drawn curve."""

MOST = 3.0
"""|zeta| up to which a curve is drawn."""


def profiles(profile: Profile, kind: str) -> Figure:
    """A figure with one panel per parameter that has a profile."""
    require_option("kind", kind, tuple(TITLES))
    curves = [curve for curve in profile.curves if len(curve.values) > 1]
    figure, axes = style.panels(len(curves), width=3.6, height=2.9)
    names = parameter_titles([(curve.group, curve.term) for curve in curves])
    for ax, curve, name in zip(axes, curves, names, strict=True):
        (_draw_zeta if kind == "zeta" else _draw_density)(ax, curve, name)
    return style.title_of(figure, TITLES[kind])


TITLES = {
    "zeta": "Profile zeta: limits of 50, 80 and 95 % intervals where the curve meets a line",
    "density": "Profile densities: of each parameter if zeta were standard normal",
}


def _draw_zeta(ax: Axes, curve: Curve, name: str) -> None:
    x = _places(curve)
    ax.plot(x, spline(curve)(x), color=style.BLUE, linewidth=2)
    style.level(ax, 0)
    for level in LEVELS:
        z = float(special.ndtri(0.5 + level / 2))
        for side in (-z, z):
            if curve.zeta[0] <= side <= curve.zeta[-1]:
                at = np.interp(side, spline(curve)(x), x)
                ax.plot([at, at], [0, side], color=style.REFERENCE, linewidth=0.8)
            ax.axhline(side, color=style.BAND, linewidth=0.8, zorder=0)
    ax.plot(curve.estimate, 0, "o", color=style.ORANGE, markersize=5)
    style.finish(ax, title=name, x="", y="zeta")


def _draw_density(ax: Axes, curve: Curve, name: str) -> None:
    x = _places(curve)
    height = density(curve, x)
    ax.plot(x, height, color=style.BLUE, linewidth=2)
    ax.fill_between(x, height, color=style.BLUE, alpha=0.15, linewidth=0)
    style.upright(ax, curve.estimate)
    ax.set_ylim(bottom=0)
    style.finish(ax, title=name, x="", y="density")


def _places(curve: Curve) -> Vector:
    x = np.linspace(curve.values[0], curve.values[-1], 10 * PLACES)
    shown = x[np.abs(spline(curve)(x)) <= MOST]
    return np.linspace(shown[0], shown[-1], PLACES)
