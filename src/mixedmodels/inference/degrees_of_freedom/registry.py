"""The methods by name."""

from collections.abc import Callable

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
from mixedmodels.inference.degrees_of_freedom.other_covariance import (
    OtherCovariance,
    TestMethod,
    require_test_method,
)
from mixedmodels.inference.degrees_of_freedom.satterthwaite import satterthwaite

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


def method_of(fit: Fit, ddf: TestMethod) -> Method:
    """The method called `ddf` at `fit`, or the one that another covariance brings.

    Raises
    ------
    DataError
        If there is no such method, or it cannot be used with this fit.
    """
    require_test_method(ddf)
    if isinstance(ddf, OtherCovariance):
        return ddf.at(fit)
    if ddf == "clusters":
        raise DataError(
            'ddf="clusters" counts the clusters of a robust covariance, and none was asked for.\n'
            'Do:   write cov="CR2" too, or another ddf.'
        )
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
