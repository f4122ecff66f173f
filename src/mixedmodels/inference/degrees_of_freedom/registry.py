"""The methods by name."""

from collections.abc import Callable
from typing import get_args

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.degrees_of_freedom.between_within import between_within
from mixedmodels.inference.degrees_of_freedom.constant import normal, residual
from mixedmodels.inference.degrees_of_freedom.containment import containment
from mixedmodels.inference.degrees_of_freedom.kenward_roger import (
    kenward_roger,
    kenward_roger_linear,
)
from mixedmodels.inference.degrees_of_freedom.knapp_hartung import knapp_hartung
from mixedmodels.inference.degrees_of_freedom.method import Method
from mixedmodels.inference.degrees_of_freedom.satterthwaite import satterthwaite
from mixedmodels.options import require_option
from mixedmodels.vocabulary import DegreesOfFreedom

METHODS: dict[str, Callable[[Fit], Method]] = {
    "satterthwaite": satterthwaite,
    "kenward-roger": kenward_roger,
    "kenward-roger-linear": kenward_roger_linear,
    "between-within": between_within,
    "containment": containment,
    "knapp-hartung": knapp_hartung,
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
    require_option("ddf", ddf, get_args(DegreesOfFreedom))
    if ddf != "normal" and fit.generalised is not None:
        raise DataError(
            f'ddf="{ddf}" is not available for a generalised model.\n'
            'Do:   leave ddf out or use ddf="normal": z and chi-square tests. In small samples '
            'likelihood\n      ratios are nearer to their level: drop1(), anova(test="lrt"), '
            'conf_int(method="profile").\n'
            "Why:  degrees of freedom tell how well a residual variance is estimated, and this "
            "model has\n      none: the variance of the response follows from its mean."
        )
    return METHODS[ddf](fit)
