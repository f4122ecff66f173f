"""The methods by name."""

from collections.abc import Callable
from typing import get_args

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.degrees_of_freedom.constant import normal, residual
from mixedmodels.inference.degrees_of_freedom.kenward_roger import kenward_roger
from mixedmodels.inference.degrees_of_freedom.method import Method
from mixedmodels.inference.degrees_of_freedom.satterthwaite import satterthwaite
from mixedmodels.vocabulary import DegreesOfFreedom

METHODS: dict[str, Callable[[Fit], Method]] = {
    "satterthwaite": satterthwaite,
    "kenward-roger": kenward_roger,
    "residual": residual,
    "normal": normal,
}


def method_of(fit: Fit, ddf: DegreesOfFreedom) -> Method:
    """The method called `ddf` at `fit`.

    Raises
    ------
    DataError
        If there is no such method, or it cannot be used with this fit.
    """
    if ddf not in METHODS:
        known = ", ".join(map(repr, get_args(DegreesOfFreedom)))
        raise DataError(f"ddf = {ddf!r} is not known.\nDo:   give one of {known}.")
    return METHODS[ddf](fit)
