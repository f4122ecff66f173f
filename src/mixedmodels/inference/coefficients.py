"""The fixed effects with their tests and intervals: every coefficient against zero."""

import numpy as np
import pandas as pd

from mixedmodels.fit.fit import Fit
from mixedmodels.inference.contrast import TTests, t_tests
from mixedmodels.inference.degrees_of_freedom import TestMethod
from mixedmodels.inference.ratios import exponentiated, ratio_name
from mixedmodels.options import require_flag


def coefficient_tests(
    fit: Fit, ddf: TestMethod = "satterthwaite", *, level: float = 0.95
) -> TTests:
    """The t tests of all coefficients, arrays (p,)."""
    L = fit.matrices.coordinates.columns(np.eye(len(fit.beta)))
    return t_tests(fit, L, ddf=ddf, level=level)


def coef_table(
    fit: Fit,
    ddf: TestMethod = "satterthwaite",
    *,
    level: float = 0.95,
    exponentiate: bool = False,
) -> object:
    """Table `term, estimate, std_error, df, statistic, p_value, conf_low, conf_high`.

    The standard error is the one that the test uses: under Kenward and Roger's method it is
    adjusted, and larger than `bse` as a rule. With `exponentiate` the second column is what the
    exponentials of the coefficients are, `odds_ratio` for one; their standard errors are those of
    the delta method, their limits exponentials of limits, and the tests those of the coefficients.

    Raises
    ------
    DataError
        If `level` is not between 0 and 1, the method cannot be used with this fit, or exponentials
        of its coefficients are no ratios.
    """
    require_flag("exponentiate", exponentiate)
    name = ratio_name(fit) if exponentiate else "estimate"
    tests = coefficient_tests(fit, ddf, level=level)
    columns = {
        "estimate": tests.estimate,
        "std_error": tests.std_error,
        "df": tests.df,
        "statistic": tests.statistic,
        "p_value": tests.p_value,
        "conf_low": tests.conf_low,
        "conf_high": tests.conf_high,
    }
    if exponentiate:
        columns |= exponentiated(tests)
    named = {name if key == "estimate" else key: values for key, values in columns.items()}
    return fit.frame.table({"term": list(fit.matrices.x_names), **named})


def pvalues(fit: Fit, ddf: TestMethod = "satterthwaite") -> pd.Series:
    """Two-sided p-values of the fixed effects, by name."""
    names = pd.Index(fit.matrices.x_names, dtype=object)
    return pd.Series(coefficient_tests(fit, ddf).p_value, index=names, name="p_value")
