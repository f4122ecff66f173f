"""`ProfiledModel`: profiles of the parameters of a model, their intervals and their pictures."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from mixedmodels.inference.profile import Profile, profile_intervals

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class ProfiledModel:
    """Profiles of the likelihood, as `model.profile()` returns them.

    Attributes
    ----------
    profile : Profile
        The curves.
    """

    profile: Profile

    @property
    def table(self) -> object:
        """Table `group, term, value, zeta`: the points that were computed, in order."""
        return self.profile.table

    def conf_int(self, level: float = 0.95) -> object:
        """Table `group, term, estimate, conf_low, conf_high`, the limits found to 1e-6.

        Raises
        ------
        DataError
            If `level` is not between 0 and 1.
        """
        fit, which = self.profile.fit, self.profile.which
        return profile_intervals(fit, level=level, which=which).table(fit.frame)

    def plot(self, kind: Literal["zeta", "density"] = "zeta") -> "Figure":
        """One panel per parameter.

        Parameters
        ----------
        kind : {"zeta", "density"}
            The signed root of the increase of the criterion, a straight line where a Wald interval
            is right; or the density that the parameter would have if zeta were standard normal.

        Raises
        ------
        DataError
            If `kind` is neither.
        """
        figure: Figure = import_module("mixedmodels.plots.profile_plots").profiles(
            self.profile, kind
        )
        return figure

    def __repr__(self) -> str:
        names = ", ".join(curve.term for curve in self.profile.curves)
        return f"Profiles of {len(self.profile.curves)} parameters: {names}"
