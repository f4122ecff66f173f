"""Which degrees of freedom the tests of a fit use unless they are told."""

from mixedmodels.fit.fit import Fit
from mixedmodels.vocabulary import DegreesOfFreedom


def ddf_of(fit: Fit, ddf: DegreesOfFreedom | None = None) -> DegreesOfFreedom:
    """`ddf` itself, by default Satterthwaite's in a linear model and normal in a generalised one.

    A generalised model has no estimated residual variance whose uncertainty a t distribution would
    take into account: its tests are asymptotic, by z and chi-square.
    """
    if ddf is not None:
        return ddf
    return "satterthwaite" if fit.generalised is None else "normal"
