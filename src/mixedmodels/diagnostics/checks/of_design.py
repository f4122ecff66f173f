"""Checks of what the model asks of the data: convergence, singular terms, collinearity."""

from collections.abc import Iterator

import numpy as np

from mixedmodels.diagnostics.checks.table import Check, graded
from mixedmodels.diagnostics.collinearity import inflation
from mixedmodels.fit.fit import Fit

INFLATION = (5**0.5, 10**0.5)
"""Factors on a standard error: the customary 5 and 10 for the variance."""


def design_checks(fit: Fit) -> Iterator[Check]:
    """All of them."""
    yield _converged(fit)
    yield from _singular(fit)
    yield from _collinear(fit)


def _converged(fit: Fit) -> Check:
    done = fit.convergence.converged
    return Check(
        "Convergence",
        "",
        "largest derivative left",
        fit.convergence.gradient_norm,
        "good" if done else "problem",
        "The estimates are at the optimum." if done else "The estimates are not at the optimum.",
        "See model.convergence.message, and do not use the estimates before.",
    )


def _singular(fit: Fit) -> Iterator[Check]:
    if not fit.matrices.terms:
        return
    n = len(fit.convergence.singular)
    first = fit.convergence.singular[0].message.splitlines()[0] if n else ""
    yield Check(
        "Directions of zero variance",
        "",
        "terms with a direction of zero variance",
        float(n),
        "look" if n else "good",
        first if n else "Every variance is above zero, every correlation below one.",
        "Keep the fit if prediction is the aim; otherwise a smaller random part, such as (1 + x || "
        "g), says the same. See model.convergence.message.",
    )


def _collinear(fit: Fit) -> Iterator[Check]:
    found = inflation(fit)
    if not found:
        return
    worst = found[int(np.argmax([row.factor for row in found]))]
    grade = graded(worst.factor, look=INFLATION[0], problem=INFLATION[1])
    grade = "look" if worst.shared and grade == "problem" else grade
    times = f"{worst.factor:.1f} times as large as with unrelated columns"
    why = ", as its columns of the data are in other terms too" if worst.shared else ""
    words = {
        "good": "Standard errors are hardly larger than with unrelated columns.",
        "look": f"The standard errors of {worst.term} are {times}{why}.",
        "problem": f"{worst.term} can hardly be told from the other terms: its standard errors are "
        f"{times}.",
    }
    yield Check(
        "Collinearity",
        worst.term,
        "inflation of standard errors, GVIF^(1/(2 df))",
        worst.factor,
        grade,
        words[grade],
        "Centre the covariates or use sum contrasts: coefficients beside their interaction or "
        "power are then easier to read, and the fit is the same."
        if worst.shared
        else "Do not interpret such coefficients singly; test them jointly, or leave one out if it "
        "measures the same thing.",
    )
