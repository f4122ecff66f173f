"""What the summary of a generalised model has of its own: family, scale, parts beside the mean."""

import numpy as np

from mixedmodels.data import label
from mixedmodels.engine.templates import correlation
from mixedmodels.fit.auxiliary import PartEstimates, part_estimates
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import column_labels, group_names
from mixedmodels.fit.variance_components import known_covariances
from mixedmodels.report import numbers
from mixedmodels.report.document import Section, as_rows

MOST = 12
"""Columns of a term whose correlations are shown."""

HEADINGS = {
    "dispersion": "Dispersion, on the log scale",
    "shape": "Shape, on the log scale",
    "zero": "Zeros, on the logit scale",
    "thresholds": "Thresholds",
}


def title(fit: Fit) -> str:
    """What was fitted, and how."""
    found = fit.generalised
    nodes = 1 if found is None else found.nodes
    how = "Laplace's approximation"
    if nodes > 1:
        how = f"adaptive Gauss-Hermite quadrature, {nodes} nodes"
    if not fit.matrices.terms:
        return "Generalised linear model without random effects, fitted by maximum likelihood"
    return f"Generalised linear mixed model fitted by maximum likelihood ({how})"


def family_facts(fit: Fit) -> tuple[tuple[str, str], ...]:
    """Family and link, the meaning of a response that is no number, and named arguments; nothing
    of a linear model.
    """
    asked = fit.request.distribution
    if fit.generalised is None or asked is None:
        return ()
    facts = [("Family", f"{fit.family.name}, {fit.family.link} link")]
    levels = fit.spec.response_levels
    if fit.family.response == "trials" and levels:
        facts.append(("Success", f"{label(levels[1])} (failure: {label(levels[0])})"))
    if fit.family.response == "ordered":
        facts.append(("Categories", " < ".join(map(label, levels)) + "; no intercept: thresholds"))
    texts = (("Dispersion", asked.dispersion), ("Zeros", asked.zero))
    facts += [(name, text) for name, text in texts if text is not None]
    for name, given in (("Trials", asked.trials), ("Exposure", asked.exposure)):
        if given is not None:
            facts.append((name, given if isinstance(given, str) else "an array"))
    return tuple(facts)


def random_effects(fit: Fit) -> Section:
    """Variances, standard deviations and correlations, on the scale of the linear predictor."""
    groups, labels = group_names(fit.matrices), column_labels(fit.matrices)
    names: list[tuple[str, str]] = []
    variances: list[float] = []
    correlations: list[list[str]] = []
    for k, cov in enumerate(known_covariances(fit)):
        term = fit.matrices.terms[k]
        whole = groups[term.group] + (f" | {term.part}" if term.part else "")
        shown = not term.is_independent and len(term.names) <= MOST
        corr = correlation(cov)
        for j, name in enumerate(labels[k]):
            names.append((whole if j == 0 else "", name))
            variances.append(float(cov[j, j]))
            known = corr[j, :j].tolist() if shown else []
            correlations.append([numbers.fixed(c, decimals=2) for c in known])
    n_corr = max((len(row) for row in correlations), default=0)
    columns = [
        [group for group, _ in names],
        [name for _, name in names],
        numbers.column(variances),
        numbers.column([v**0.5 for v in variances]),
        *([row[j] if j < len(row) else "" for row in correlations] for j in range(n_corr)),
    ]
    header = ("Group", "Term", "Variance", "Std. dev.", *["Corr."][:n_corr])
    note = "On the scale of the linear predictor."
    padding = ("",) * (n_corr - 1)
    return Section("Random effects", header + padding, as_rows(columns), n_text=2, footnote=note)


def part_sections(fit: Fit) -> tuple[Section, ...]:
    """The parts beside the mean, a table each."""
    return tuple(_part(part) for part in part_estimates(fit))


def _part(part: PartEstimates) -> Section:
    errors = np.sqrt(np.diag(part.covariance)).tolist()
    cells = numbers.column([*part.estimates.tolist(), *errors], yardstick=errors)
    p = len(errors)
    columns = (part.names, cells[:p], cells[p:])
    header = ("Term", "Estimate", "Std. error")
    constant = part.names == ("Intercept",) and part.kind in ("dispersion", "shape")
    note = (
        f"That is {numbers.general(float(np.exp(part.estimates[0])), digits=4)}."
        if constant
        else ""
    )
    return Section(HEADINGS[part.kind], header, as_rows(columns), n_text=1, footnote=note)
