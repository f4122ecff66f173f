"""Checks of what the model asks of the data: convergence, singular terms, collinearity."""

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from mixedmodels.design.matrices import Grouping
from mixedmodels.diagnostics.checks.table import Check, graded
from mixedmodels.diagnostics.collinearity import inflation
from mixedmodels.fit.fit import Fit

INFLATION = (5**0.5, 10**0.5)
"""Factors on a standard error: the customary 5 and 10 for the variance."""

SEVERAL = 2
"""Rows of a cell of two factors from which its rows look like those of a group of its own."""


def design_checks(fit: Fit) -> Iterator[Check]:
    """All of them."""
    yield _converged(fit)
    yield from _told_apart(fit)
    yield from _singular(fit)
    yield from _collinear(fit)
    yield from _reused_labels(fit)


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


def _told_apart(fit: Fit) -> Iterator[Check]:
    if not fit.matrices.terms:
        return
    lost = fit.identification.n_lost
    first = fit.convergence.undetermined[0].splitlines()[0] if lost else ""
    yield Check(
        "Variance parameters that the data can tell",
        "",
        "parameters more than can be told",
        float(lost),
        "problem" if lost else "good",
        first if lost else "The data can tell every variance and covariance from the others.",
        "Leave out what is in the model twice; see model.convergence.message.",
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
        first if n else _not_singular(fit),
        "Keep the fit if prediction is the aim; otherwise a smaller random part, such as (1 + x || "
        "g), says the same. See model.convergence.message.",
    )


def _not_singular(fit: Fit) -> str:
    if fit.identification.n_lost:
        return "Of the terms whose parameters can be told, none has a direction of zero variance."
    return "Every variance is above zero, every correlation below one."


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


def _reused_labels(fit: Fit) -> Iterator[Check]:
    """Two factors of which one may number its levels afresh within each level of the other."""
    groupings = [g for g in fit.matrices.groupings if len(g.columns) == 1]
    together = {frozenset(g.columns) for g in fit.matrices.groupings if len(g.columns) > 1}
    for inner, outer in permutations(groupings, 2):
        if {*inner.columns, *outer.columns} in together or not _numbered_within(inner, outer):
            continue
        yield Check(
            "Labels used again",
            f"{inner.name} in {outer.name}",
            "levels in each",
            float(len(inner.levels)),
            "look",
            f"Every level of {inner.name} occurs, with several rows, in every level of "
            f"{outer.name}.",
            f"If {inner.name} {inner.levels[0]} is another one in each {outer.name}, write (1 | "
            f"{outer.name}/{inner.name}). If it is one and the same, the model is right as it is.",
        )


def _numbered_within(inner: Grouping, outer: Grouping) -> bool:
    """Whether all levels of `inner`, fewer than those of `outer`, have rows in each of them."""
    if len(inner.levels) >= len(outer.levels):
        return False
    cells = np.zeros((len(outer.levels), len(inner.levels)), dtype=np.int64)
    np.add.at(cells, (outer.codes, inner.codes), 1)
    return bool(cells.min() > 0 and np.median(cells) >= SEVERAL)
