"""Tests of linear hypotheses about fixed effects, as tables."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mixedmodels.fit.fit import Fit
from mixedmodels.inference.contrast import f_test, t_tests
from mixedmodels.inference.degrees_of_freedom import TestMethod
from mixedmodels.inference.hypothesis import read_hypothesis


def t_test(
    fit: Fit,
    h: str | Sequence[str] | ArrayLike,
    *,
    ddf: TestMethod = "satterthwaite",
    level: float = 0.95,
) -> object:
    """Test every row of a hypothesis on its own.

    Returns
    -------
    table
        `contrast, estimate, std_error, df, statistic, p_value, conf_low, conf_high`; the estimate
        and its limits are of L beta - c.
    """
    hypothesis = read_hypothesis(fit, h)
    tests = t_tests(fit, hypothesis.L, ddf=ddf, rhs=hypothesis.rhs, level=level)
    return fit.frame.table(
        {
            "contrast": list(hypothesis.labels),
            "estimate": tests.estimate,
            "std_error": tests.std_error,
            "df": tests.df,
            "statistic": tests.statistic,
            "p_value": tests.p_value,
            "conf_low": tests.conf_low,
            "conf_high": tests.conf_high,
        }
    )


def wald_test(
    fit: Fit, h: str | Sequence[str] | ArrayLike, *, ddf: TestMethod = "satterthwaite"
) -> object:
    """Test all rows of a hypothesis jointly.

    Returns
    -------
    table
        One row `contrast, num_df, den_df, statistic, p_value`: F, or chi-square over its degrees
        of freedom where `den_df` is infinite.
    """
    hypothesis = read_hypothesis(fit, h)
    test = f_test(fit, hypothesis.L, ddf=ddf, rhs=hypothesis.rhs)
    return fit.frame.table(
        {
            "contrast": [", ".join(hypothesis.labels)],
            "num_df": np.array([test.num_df], dtype=np.int64),
            "den_df": np.array([test.den_df]),
            "statistic": np.array([test.statistic]),
            "p_value": np.array([test.p_value]),
        }
    )


def contrast(
    fit: Fit,
    L: str | Sequence[str] | ArrayLike,
    *,
    ddf: TestMethod = "satterthwaite",
    level: float = 0.95,
) -> object:
    """One row: its estimate and t test, as `t_test`. Several: their joint F, as `wald_test`."""
    if len(read_hypothesis(fit, L).L) == 1:
        return t_test(fit, L, ddf=ddf, level=level)
    return wald_test(fit, L, ddf=ddf)
