"""What exponentials of coefficients are: ratios of odds, rates, risks, hazards or means."""

import numpy as np
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.contrast import TTests

Vector = NDArray[np.float64]


def ratio_name(fit: Fit) -> str:
    """The column of exponentiated coefficients of a model: ``odds_ratio`` for one.

    Raises
    ------
    DataError
        If the link is none of which exponentials are ratios.
    """
    ratio = fit.family.ratio
    if ratio is None:
        if fit.family.response == "ordered" and fit.family.link == "cloglog":
            raise DataError(
                "Exponentials of coefficients are no ratios in an ordinal model with cloglog.\n"
                "Do:   leave exponentiate out; exp(-coefficient) is the hazard ratio.\n"
                "Why:  a positive coefficient makes high categories likely, and so lowers the "
                "hazard\n      of stopping at a low one."
            )
        raise DataError(
            "Exponentials of coefficients are no ratios in the family "
            f"{fit.family.name} with the link {fit.family.link}.\n"
            "Do:   leave exponentiate out, or use the link logit or log, with trials also cloglog; "
            "comparisons()\n      and emmeans() give ratios of means with any link.\n"
            "Why:  a difference on the scale of another link is no ratio on that of the response."
        )
    return ratio.replace(" ", "_")


def exponentiated(tests: TTests) -> dict[str, Vector]:
    """Ratios with their standard errors (delta method) and limits; the tests are as they were."""
    with np.errstate(over="ignore"):  # an infinite limit says that there is none
        ratio = np.exp(tests.estimate)
        return {
            "estimate": ratio,
            "std_error": ratio * tests.std_error,
            "conf_low": np.exp(tests.conf_low),
            "conf_high": np.exp(tests.conf_high),
        }
