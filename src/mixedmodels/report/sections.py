"""Tables that more than one kind of report shows."""

from collections.abc import Sequence

import numpy as np

from mixedmodels.fit.fit import Fit
from mixedmodels.inference.anova import HYPOTHESES, METHODS, term_tests
from mixedmodels.inference.contrast import FTest
from mixedmodels.inference.degrees_of_freedom import TestMethod, worded
from mixedmodels.inference.icc import icc
from mixedmodels.inference.interval import Intervals
from mixedmodels.inference.intervals import METHODS as BY
from mixedmodels.inference.intervals import Wanted
from mixedmodels.inference.marginality import Hypothesis
from mixedmodels.inference.r2 import r2
from mixedmodels.inference.variance_intervals import variance_intervals
from mixedmodels.prediction.streams import Seed
from mixedmodels.report import numbers
from mixedmodels.report.document import Section, as_rows
from mixedmodels.vocabulary import IntervalMethod, SumOfSquares

LIMITS = ("2.5%", "97.5%")
"""Headers of an interval of 95 %."""

PROFILED = "of singular terms: from the profile of the likelihood (ML)"

NO_INTERVAL = "none where the data do not give one or it is expensive: see conf_int"

WALD = "Intervals: Wald, of standard deviations on the log scale"


def variances(fit: Fit) -> Section:
    """Standard deviations and correlations with intervals."""
    found = variance_intervals(fit)
    undefined = np.isnan(found.intervals.conf_low) & np.isfinite(found.intervals.estimate)
    return _section(
        "Random effects: standard deviations and correlations",
        found.intervals,
        interval_note(profiled=found.is_profiled.any(), missing=undefined.any()),
    )


def interval_note(*, profiled: bool | np.bool_, missing: bool | np.bool_) -> str:
    """How intervals of variance parameters were found."""
    parts = [WALD]
    parts += [PROFILED] if profiled else []
    parts += [NO_INTERVAL] if missing else []
    return "; ".join(parts) + "."


def intervals(
    fit: Fit, *, method: IntervalMethod, ddf: TestMethod, seed: Seed = None, n: int = 1000
) -> Section:
    """Intervals of all parameters by one method."""
    found = BY[method](fit, Wanted(0.95, "all", ddf, n, seed))
    words = {
        "wald": f"{WALD}.",
        "profile": "From the profile of the likelihood (ML).",
        "bootstrap": f"Percentiles of {n} parametric samples.",
    }
    return _section("Intervals of all parameters", found, words[method])


def _section(heading: str, found: Intervals, footnote: str) -> Section:
    groups = [group or "Fixed effects" for group in found.groups]
    columns = [
        [g if g != before else "" for g, before in zip(groups, ["", *groups], strict=False)],
        found.terms,
        *(
            [numbers.general(float(v), digits=4) for v in values]
            for values in (found.estimate, found.conf_low, found.conf_high)
        ),
    ]
    return Section(
        heading, ("Group", "Term", "Estimate", *LIMITS), as_rows(columns), n_text=2,
        footnote=footnote,
    )  # fmt: skip


def analysis_of_variance(fit: Fit, kind: SumOfSquares, ddf: TestMethod) -> Section:
    """A joint test per term of the fixed part."""
    tests = term_tests(fit, kind, ddf=ddf)
    columns = {
        "Term": [row.term for row, _ in tests],
        **(_f_statistics(tests) if fit.generalised is None else _chi_squares(tests)),
        "p": [numbers.p_value(test.p_value) for _, test in tests],
    }
    return Section(
        f"Analysis of variance (type {kind})",
        tuple(columns),
        as_rows(list(columns.values())),
        n_text=1,
        footnote=f"{HYPOTHESES[kind]} {worded(ddf, METHODS)}",
    )


def _f_statistics(tests: Sequence[tuple[Hypothesis, FTest]]) -> dict[str, list[str]]:
    return {
        "Num. df": [str(test.num_df) for _, test in tests],
        "Den. df": numbers.column([test.den_df for _, test in tests], digits=3),
        "F": [numbers.fixed(test.statistic, decimals=3) for _, test in tests],
    }


def _chi_squares(tests: Sequence[tuple[Hypothesis, FTest]]) -> dict[str, list[str]]:
    return {
        "df": [str(test.num_df) for _, test in tests],
        "Chi-square": [
            numbers.fixed(test.num_df * test.statistic, decimals=3) for _, test in tests
        ],
    }


def explained_variance(fit: Fit) -> Section:
    """Shares of the variance: R² and intraclass correlations."""
    shares = {f"R² {name}": value for name, value in r2(fit).items()}
    if fit.matrices.terms:
        shares |= {f"ICC {name}": value for name, value in icc(fit).items()}
    values = tuple(numbers.fixed(value, decimals=3) for value in shares.values())
    return Section(
        "Explained variance",
        tuple(shares),
        (values,),
        footnote="Nakagawa & Schielzeth (2013), Johnson (2014).",
    )
