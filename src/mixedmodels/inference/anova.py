"""Analysis of variance: one joint test per term of the fixed part.

F tests of linear models, Wald chi-squares of generalised ones, or likelihood ratios of either.
"""

from typing import get_args

import numpy as np

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.analysis_of_deviance import analysis_of_deviance
from mixedmodels.inference.contrast import NOTHING_TO_TEST, FTest, f_test
from mixedmodels.inference.degrees_of_freedom import TestMethod, refuse_other_covariance, worded
from mixedmodels.inference.marginality import Hypothesis, hypotheses
from mixedmodels.options import require_option
from mixedmodels.vocabulary import AnovaTest, DegreesOfFreedom, SumOfSquares

HYPOTHESES = {
    1: "Type 1 (sequential): each term adds nothing to the terms before it.",
    2: "Type 2: each term adds nothing to the terms that do not contain it.",
    3: "Type 3 (marginal): means over equally weighted levels of the other factors do not differ.",
}
"""What each type tests, for headings and notes."""

METHODS: dict[DegreesOfFreedom, str] = {
    "satterthwaite": "Denominator degrees of freedom by Satterthwaite's method.",
    "kenward-roger": "F scaled and denominator degrees of freedom by Kenward and Roger's method.",
    "kenward-roger-linear": "F scaled and denominator degrees of freedom by Kenward and Roger's "
    "method, first derivatives only.",
    "between-within": "Denominator degrees of freedom: between and within groups.",
    "containment": "Denominator degrees of freedom by containment.",
    "knapp-hartung": "F and denominator degrees of freedom by Knapp and Hartung's method.",
    "residual": "Denominator degrees of freedom: rows less fixed effects.",
    "normal": "Chi-square tests: the variances are taken as known.",
    "clusters": "Denominator degrees of freedom: clusters less one.",
}


def anova(
    fit: Fit,
    kind: SumOfSquares = 3,
    *,
    ddf: TestMethod = "satterthwaite",
    test: AnovaTest = "wald",
) -> object:
    """Joint tests of the terms of the fixed part, in the order of the formula.

    Parameters
    ----------
    fit : Fit
        The model.
    kind : {1, 2, 3}
        Which hypotheses; see `HYPOTHESES`. Types 2 and 3 respect marginality, and no type depends
        on the coding of factors or on whether an intercept is written: `0 + a` has the row of `a`,
        that its means do not differ. Covariates are taken at zero where they interact: centre them
        if that is not a value of interest.
    ddf : mixedmodels.vocabulary.DegreesOfFreedom
        Denominator degrees of freedom.
    test : {"wald", "lrt"}
        At the fit as it is, or by likelihood ratios, for which the model is fitted again without
        each term (ML).

    Returns
    -------
    table
        Linear models: `term, num_df, den_df, hypothesis, sum_sq, mean_sq, statistic, p_value`: what
        a narrow terminal leaves out stands in the middle. The mean square is F, before Kenward and
        Roger's scale, times sigma^2, as if the model had one error term. Generalised models: `term,
        df, hypothesis, statistic, p_value`, the statistic being chi-square. Likelihood ratios of
        either: `term, df, note, hypothesis, statistic, p_value`. A term that the others determine
        has no degrees of freedom and no test. `hypothesis` says in words what is tested: that means
        do not differ, that slopes are zero.

    Raises
    ------
    DataError
        If `kind`, `ddf` or `test` is not known.
    """
    require_option("test", test, get_args(AnovaTest))
    require_kind(kind)
    if test == "lrt":
        refuse_other_covariance(ddf, "likelihood ratios")
        return analysis_of_deviance(fit, kind)
    found = term_tests(fit, kind, ddf=ddf)
    return _f_table(fit, found) if fit.generalised is None else _chi_square_table(fit, found)


def _f_table(fit: Fit, found: list[tuple[Hypothesis, FTest]]) -> object:
    rows, tests = [row for row, _ in found], [test for _, test in found]
    num_df = np.array([test.num_df for test in tests], dtype=np.int64)
    mean_sq = np.array([test.unscaled for test in tests], dtype=np.float64) * fit.sigma**2
    return fit.frame.table(
        {
            "term": [row.term for row in rows],
            "num_df": num_df,
            "den_df": np.array([test.den_df for test in tests], dtype=np.float64),
            "hypothesis": [row.words for row in rows],
            "sum_sq": mean_sq * num_df,
            "mean_sq": mean_sq,
            "statistic": np.array([test.statistic for test in tests], dtype=np.float64),
            "p_value": np.array([test.p_value for test in tests], dtype=np.float64),
        }
    )


def _chi_square_table(fit: Fit, found: list[tuple[Hypothesis, FTest]]) -> object:
    return fit.frame.table(
        {
            "term": [row.term for row, _ in found],
            "df": np.array([test.num_df for _, test in found], dtype=np.int64),
            "hypothesis": [row.words for row, _ in found],
            "statistic": np.array([test.num_df * test.statistic for _, test in found]),
            "p_value": np.array([test.p_value for _, test in found]),
        }
    )


def require_kind(kind: object) -> None:
    """Refuse a type of sums of squares that is none.

    Raises
    ------
    DataError
        If it is not 1, 2 or 3.
    """
    is_whole = isinstance(kind, (int, np.integer)) and not isinstance(kind, bool)
    if not is_whole or kind not in get_args(SumOfSquares):
        raise DataError(
            f"type = {kind!r} is not known.\nDo:   give 1 (sequential), 2 or 3 (marginal)."
        )


def term_tests(fit: Fit, kind: SumOfSquares, *, ddf: TestMethod) -> list[tuple[Hypothesis, FTest]]:
    """The hypothesis of every term with its test."""
    require_kind(kind)
    return [(row, _test(fit, row, ddf)) for row in hypotheses(fit, kind)]


def heading(kind: SumOfSquares, ddf: TestMethod) -> str:
    """What a table of this kind tests, in a sentence or two."""
    return f"{HYPOTHESES[kind]} {worded(ddf, METHODS)}"


def _test(fit: Fit, row: Hypothesis, ddf: TestMethod) -> FTest:
    if not len(row.L):
        return NOTHING_TO_TEST
    return f_test(fit, row.L, ddf=ddf)
