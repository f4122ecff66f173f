"""What a power analysis along the sample size returns: its table and its picture."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from mixedmodels.planning.power import Power
from mixedmodels.planning.power_curve import Failure, PowerCurve
from mixedmodels.planning.sample_size import SampleSize

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class PlannedCurve:
    """Power at several sizes, as `mixedmodels.power_curve` returns it.

    Attributes
    ----------
    curve : PowerCurve
        The unit, its sizes and the power at each.
    """

    curve: PowerCurve

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes with which the model can be fitted, ascending."""
        return self.curve.sizes

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The sizes with which it cannot, and why."""
        return self.curve.failures

    @property
    def powers(self) -> tuple[Power, ...]:
        """What was simulated at each."""
        return self.curve.powers

    @property
    def table(self) -> object:
        """Table: the size under the name of the unit, the columns of `Power.table`, `reason`."""
        return self.curve.table

    def plot(self, *, target: float | None = 0.8, ax: "Axes | None" = None) -> "Axes":
        """Power with its exact limits along the size; `target` is a line to compare with."""
        drawn: Axes = import_module(HOME).power_curve(self.curve, target=target, ax=ax)
        return drawn

    def __repr__(self) -> str:
        return repr(self.curve)


@dataclass(frozen=True, slots=True)
class PlannedSize:
    """The smallest sample with enough power, as `mixedmodels.sample_size` returns it.

    Attributes
    ----------
    found : SampleSize
        The size, its limits, and what was simulated on the way.
    """

    found: SampleSize

    @property
    def size(self) -> int:
        """The smallest size whose power on the fitted curve is at least the target."""
        return self.found.size

    @property
    def interval(self) -> tuple[float, float]:
        """Limits of the size at which the curve crosses the target; nan after an interrupt."""
        return self.found.size_low, self.found.size_high

    @property
    def simulated_at(self) -> int:
        """The size at which `power` was simulated."""
        return self.found.simulated_at

    @property
    def note(self) -> str:
        """What else has to be known of the answer; empty if nothing."""
        return self.found.note

    @property
    def power(self) -> Power:
        """What was simulated at the answer; after an interrupt, at the size nearest to it."""
        return self.found.power

    @property
    def table(self) -> object:
        """Table of the sizes that were tried."""
        return self.found.table

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """The sizes that were tried, the fitted curve and the answer."""
        drawn: Axes = import_module(HOME).sample_size(self.found, ax=ax)
        return drawn

    def __repr__(self) -> str:
        return repr(self.found)


HOME = "mixedmodels.plots.power_plots"
