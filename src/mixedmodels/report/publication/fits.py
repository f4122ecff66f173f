"""A fit as a table of models shows it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mixedmodels.engine.report import Reported
from mixedmodels.fit.criteria import aic, aicc, bic, log_likelihood, n_rows
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import column_labels
from mixedmodels.fit.notices import dropped_text
from mixedmodels.fit.variance_components import told_parameters
from mixedmodels.inference.coefficients import coefficient_tests
from mixedmodels.inference.degrees_of_freedom import OtherCovariance, worded
from mixedmodels.inference.icc import icc
from mixedmodels.inference.r2 import r2
from mixedmodels.inference.ratios import exponentiated, ratio_name
from mixedmodels.inference.robust import test_method
from mixedmodels.report.publication.reading import (
    NUMBERS,
    Asked,
    RandomKind,
    RandomValue,
    ReadModel,
)
from mixedmodels.report.words import TESTS

SHARES = ("common_correlation", "autocorrelation", "unit_correlation", "probability")
"""Kinds of parameters that do not exceed one."""


def has_ratios(fit: Fit) -> bool:
    """Whether exponentials of the coefficients are ratios."""
    return fit.family.ratio is not None


def read_fit(fit: Fit, asked: Asked) -> ReadModel:
    """The parts of a fit.

    Raises
    ------
    DataError
        If its coefficients cannot be tested as asked.
    """
    method = test_method(fit, **asked.options)
    tests = coefficient_tests(fit, method, level=asked.level)
    numbers = {name: getattr(tests, name) for name in NUMBERS}
    scale = "Estimate"
    if asked.exponentiate and has_ratios(fit):
        numbers |= exponentiated(tests)
        scale = ratio_name(fit).replace("_", " ").capitalize()
    how = f"Tests with degrees of freedom by {worded(method, TESTS)}.".replace("'", "’")
    if fit.generalised is not None and not isinstance(method, OtherCovariance):
        how = "Tests by z, with standard errors from the Hessian in all parameters."
    return ReadModel(
        terms=fit.matrices.x_names,
        factors=n_factors(fit),
        numbers=numbers,
        scale=scale,
        random=_random(fit),
        facts=_facts(fit),
        response=fit.spec.formula.response_name,
        notes=(how, *_notes(fit)),
    )


def n_factors(fit: Fit) -> Mapping[str, int]:
    """How many factors each coefficient is a product of."""
    fixed = fit.spec.fixed
    names = fixed.column_names
    return {
        name: len(term.factors)
        for term, columns in fixed.term_slices.items()
        for name in names[columns]
    }


def _random(fit: Fit) -> tuple[RandomValue, ...]:
    """Variance parameters and what else a generalised model has beside its mean."""
    found, estimates = told_parameters(fit)
    labels, residual = column_labels(fit.matrices), fit.matrices.residual
    values = []
    rows = zip(found.groups, found.terms, found.entries, estimates, strict=True)
    for group, term, entry, value in rows:
        positions: tuple[str, ...] = ()
        if entry is not None and entry.owner == "term":
            positions = labels[entry.index]
        elif entry is not None and entry.owner == "part" and residual is not None:
            positions = residual.occasions
        kind, names = _kind(term, entry, positions)
        values.append(RandomValue(group, kind, names, float(value)))
    return tuple(values)


def _kind(
    term: str, entry: Reported | None, positions: Sequence[str]
) -> tuple[RandomKind, tuple[str, ...]]:
    """What a parameter is, and the columns that it is of."""
    if entry is None:
        return "sd", ()
    quantity = entry.quantity
    if quantity is None:
        return "other", (term,)
    if quantity.kind in ("sd", "common_sd"):
        return "sd", (term,) if quantity.kind == "sd" else ()
    if quantity.kind == "correlation":
        return "correlation", (positions[quantity.first], positions[quantity.second])
    return "share" if quantity.kind in SHARES else "other", (term,)


def _facts(fit: Fit) -> dict[str, Callable[[], Any]]:
    found: dict[str, Callable[[], Any]] = {
        "nobs": lambda: n_rows(fit),
        "groups": lambda: {g.name: len(g.levels) for g in fit.matrices.groupings},
        "r2": lambda: r2(fit),
        "llf": lambda: log_likelihood(fit),
        "aic": lambda: aic(fit),
        "aicc": lambda: aicc(fit),
        "bic": lambda: bic(fit),
        "estimation": lambda: estimation(fit),
    }
    return found | ({"icc": lambda: icc(fit)} if fit.matrices.terms else {})


def estimation(fit: Fit) -> str:
    """The criterion in a word or two."""
    if fit.generalised is None:
        return "REML" if fit.reml else "ML"
    if not fit.matrices.terms:
        return "ML"
    nodes = fit.generalised.nodes
    return "ML (Laplace)" if nodes == 1 else f"ML (quadrature, {nodes} nodes)"


def _notes(fit: Fit) -> list[str]:
    """What a reader must know to trust the numbers."""
    notes = []
    if not fit.convergence.converged:
        notes.append(f"The search did not converge: {_first_line(fit.convergence.search)}")
    notes += [_first_line(term.message) for term in fit.convergence.singular]
    notes += map(_first_line, fit.convergence.undetermined)
    notes += map(_first_line, fit.convergence.separated)
    if fit.spec.aliased:
        notes.append(_first_line(dropped_text(fit.spec.aliased)))
    n = fit.matrices.n_missing
    if n:
        rows = "row is" if n == 1 else "rows are"
        notes.append(f"{n:,} {rows} left out, where a value is missing.")
    return notes


def _first_line(message: str) -> str:
    line = message.splitlines()[0].rstrip(":")
    return line if line.endswith(".") else f"{line}."
