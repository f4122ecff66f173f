"""Covariances with structure: every parameter by name, and the matrices that follow from them."""

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import encode
from mixedmodels.engine.report import Reported
from mixedmodels.engine.templates import correlation
from mixedmodels.fit.covariance_parameters import CovarianceParameters
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import column_labels, group_names
from mixedmodels.fit.variance_components import known_covariances, residual_sd, told_parameters
from mixedmodels.inference.covariance_parameters import natural_intervals
from mixedmodels.report import numbers
from mixedmodels.report.document import Section, as_rows
from mixedmodels.report.sections import LIMITS, interval_note

Vector = NDArray[np.float64]

MOST = 12
"""Rows of a covariance, or strata of the residual, that are shown."""


def covariance_sections(fit: Fit) -> list[Section]:
    """The parameters, then standard deviations and correlations that they imply, where few."""
    sections = [_parameters(fit)]
    for k, cov in enumerate(known_covariances(fit)):
        term, q = fit.matrices.terms[k], len(fit.matrices.terms[k].names)
        if 1 < q <= MOST and not term.is_independent:
            group = group_names(fit.matrices)[term.group]
            part = f" | {term.part}" if term.part else ""
            heading = f"Random effects of {group}{part}"
            sections.append(_matrix(heading, column_labels(fit.matrices)[k], cov))
    sections += _residuals(fit)
    strata = residual_strata(fit)
    if strata:
        sections.append(_strata(strata))
    return sections


def _parameters(fit: Fit) -> Section:
    found, estimates = told_parameters(fit)
    limits = natural_intervals(fit)
    shown = [r for r, entry in enumerate(found.entries) if not _is_in_a_matrix(fit, entry)]
    groups = [found.groups[r] for r in shown]
    columns = [
        [g if g != before else "" for g, before in zip(groups, ["", *groups], strict=False)],
        [found.terms[r] if _says_what(found, r) else f"sd({found.terms[r]})" for r in shown],
        *(
            [numbers.general(float(values[r]), digits=4) for r in shown]
            for values in (estimates, limits.conf_low, limits.conf_high)
        ),
    ]
    left_out = len(found.values) - len(shown)
    note = f"{left_out} correlations: see the matrices. " if left_out else ""
    note += interval_note(profiled=False, missing=bool(np.isnan(limits.conf_low[shown]).any()))
    header = ("Group", "Parameter", "Estimate", *LIMITS)
    return Section("Covariance parameters", header, as_rows(columns), n_text=2, footnote=note)


def _says_what(found: CovarianceParameters, r: int) -> bool:
    """Whether the name of the term is more than a column, which stands for its sd."""
    entry = found.entries[r]
    return entry is None or entry.quantity is None or entry.quantity.kind != "sd"


def _is_in_a_matrix(fit: Fit, entry: Reported | None) -> bool:
    """Whether a number is a correlation of a matrix that is shown whole."""
    if entry is None or entry.quantity is None or entry.quantity.kind != "correlation":
        return False
    if entry.owner == "term":
        return 2 < len(fit.matrices.terms[entry.index].names) <= MOST
    residual = fit.matrices.residual
    return residual is not None and 2 < len(residual.occasions) <= MOST


def _residuals(fit: Fit) -> list[Section]:
    """Of every part the covariance over its occasions, if these have names and are few."""
    residual = fit.matrices.residual
    if residual is None or residual.structure is None or not 1 < len(residual.occasions) <= MOST:
        return []
    places = np.arange(len(residual.occasions), dtype=np.float64)[:, None]
    sections = []
    for part, name in enumerate(residual.parts):
        C = fit.problem.residual_covariance(fit.theta, part, places)
        heading = f"Residuals | {name}" if name else "Residuals"
        sections.append(_matrix(heading, residual.occasions, fit.sigma**2 * C))
    return sections


def _matrix(heading: str, labels: tuple[str, ...], cov: Vector) -> Section:
    """Standard deviations and the correlations below them."""
    corr = correlation(cov)
    q = len(labels)
    sds = numbers.column(np.sqrt(np.diag(cov)).tolist())
    columns = [list(labels), sds]
    for j in range(q - 1):
        cells = [numbers.fixed(float(corr[i, j]), decimals=2) if i > j else "" for i in range(q)]
        columns.append(cells)
    header = ("Term", "Std. dev.", "Corr.", *[""] * (q - 2))
    return Section(heading, header, as_rows(columns), n_text=1)


def residual_strata(fit: Fit) -> list[tuple[str, float]]:
    """Where the residual sd is a function of factors alone, their levels with the sd of each."""
    residual, spec = fit.matrices.residual, fit.spec.residual
    if residual is None or residual.scale is None or spec is None or spec.scale is None:
        return []
    S, names = residual.scale.S, list(spec.scale.variables)
    columns = [encode(fit.frame.column(name)) for name in names]
    is_same = residual.structure is None or residual.structure.hom
    if (
        residual.scale.powers
        or not is_same
        or any(fit.frame.column(name).kind == "number" for name in names)
    ):
        return []
    codes = np.column_stack([column.codes[fit.matrices.kept] for column in columns])
    cells, first = np.unique(codes, axis=0, return_index=True)
    if not 1 < len(cells) <= MOST:
        return []
    sd = residual_sd(fit) * np.exp(S[first] @ fit.problem.scale_coefficients(fit.theta))
    labels = [
        ", ".join(column.levels[code] for column, code in zip(columns, cell, strict=True))
        for cell in cells.tolist()
    ]
    return list(zip(labels, sd.tolist(), strict=True))


def _strata(strata: list[tuple[str, float]]) -> Section:
    labels, sds = zip(*strata, strict=True)
    columns = [list(labels), numbers.column(list(sds))]
    return Section(
        "Residual standard deviations", ("Rows", "Std. dev."), as_rows(columns), n_text=1
    )
