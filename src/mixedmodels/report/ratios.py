"""Exponentiated coefficients: ratios of odds, rates, risks, hazards or means, by link."""

from mixedmodels.fit.fit import Fit
from mixedmodels.inference.contrast import TTests
from mixedmodels.inference.ratios import exponentiated, ratio_name
from mixedmodels.report import numbers
from mixedmodels.report.document import Section, as_rows
from mixedmodels.report.sections import LIMITS


def ratios(fit: Fit, tests: TTests) -> Section:
    """The exponentiated coefficients of the fixed part with their limits.

    Raises
    ------
    DataError
        If the link is none of which exponentials are ratios.
    """
    column = ratio_name(fit).replace("_", " ").capitalize()
    found = exponentiated(tests)
    columns = [
        list(fit.matrices.x_names),
        *(
            [numbers.general(float(value), digits=4) for value in found[name]]
            for name in ("estimate", "conf_low", "conf_high")
        ),
        [numbers.p_value(p) for p in tests.p_value],
    ]
    header = ("Term", column, *LIMITS, "p")
    note = "Exponentials of the fixed effects; of the intercept, the value itself at zero."
    return Section(f"{column}s", header, as_rows(columns), n_text=1, footnote=note)
