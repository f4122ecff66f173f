"""The fixed effects with their tests and intervals: every coefficient against zero."""

import numpy as np
import pandas as pd

from mixedmodels.fit.fit import Fit
from mixedmodels.inference.contrast import TTests, t_tests
from mixedmodels.vocabulary import DegreesOfFreedom


def coefficient_tests(
    fit: Fit, ddf: DegreesOfFreedom = "satterthwaite", *, level: float = 0.95
) -> TTests:
    """The t tests of all coefficients, arrays (p,)."""
    L = fit.matrices.coordinates.columns(np.eye(len(fit.beta)))
    return t_tests(fit, L, ddf=ddf, level=level)


def coef_table(fit: Fit, ddf: DegreesOfFreedom = "satterthwaite", *, level: float = 0.95) -> object:
    """Table `term, estimate, std_error, df, statistic, p_value, conf_low, conf_high`.

    The standard error is the one that the test uses: under Kenward and Roger's method it is
    adjusted, and larger than `bse` as a rule.

    Raises
    ------
    DataError
        If `level` is not between 0 and 1, or the method cannot be used with this fit.
    """
    tests = coefficient_tests(fit, ddf, level=level)
    return fit.frame.table(
        {
            "term": list(fit.matrices.x_names),
            "estimate": tests.estimate,
            "std_error": tests.std_error,
            "df": tests.df,
            "statistic": tests.statistic,
            "p_value": tests.p_value,
            "conf_low": tests.conf_low,
            "conf_high": tests.conf_high,
        }
    )


def pvalues(fit: Fit, ddf: DegreesOfFreedom = "satterthwaite") -> pd.Series:
    """Two-sided p-values of the fixed effects, by name."""
    names = pd.Index(fit.matrices.x_names, dtype=object)
    return pd.Series(coefficient_tests(fit, ddf).p_value, index=names, name="p_value")
