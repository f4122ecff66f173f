"""The table of random effects: a row per column of a term, with its correlations beside it."""

from collections.abc import Sequence

from mixedmodels.engine.templates import correlation
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import column_labels, group_names
from mixedmodels.fit.variance_components import known_covariances
from mixedmodels.report import numbers
from mixedmodels.report.document import Section, as_rows
from mixedmodels.report.sections import LIMITS


def random_effects(
    fit: Fit,
    *,
    note: str,
    residual: float | None = None,
    limits: Sequence[list[str]] = (),
    most: int | None = None,
) -> Section:
    """Variances, standard deviations and correlations.

    Parameters
    ----------
    fit
        The fitted model.
    note
        What stands below.
    residual
        Variance of a last row, of a linear model.
    limits
        Columns of lower and upper limits of the standard deviations, a cell for every row.
    most
        Columns of a term beyond which its correlations are left out; by default none are.
    """
    groups, labels = group_names(fit.matrices), column_labels(fit.matrices)
    names: list[tuple[str, str]] = []
    variances: list[float] = []
    correlations: list[list[str]] = []
    for k, cov in enumerate(known_covariances(fit)):
        term = fit.matrices.terms[k]
        whole = groups[term.group] + (f" | {term.part}" if term.part else "")
        shown = not term.is_independent and (most is None or len(term.names) <= most)
        corr = correlation(cov)
        for j, name in enumerate(labels[k]):
            names.append((whole if j == 0 else "", name))
            variances.append(float(cov[j, j]))
            known = corr[j, :j].tolist() if shown else []
            correlations.append([numbers.fixed(c, decimals=2) for c in known])
    if residual is not None:
        names.append(("Residual", ""))
        variances.append(residual)
        correlations.append([])
    n_corr = max(map(len, correlations), default=0)
    columns = [
        [group for group, _ in names],
        [name for _, name in names],
        numbers.column(variances),
        numbers.column([v**0.5 for v in variances]),
        *limits,
        *([row[j] if j < len(row) else "" for row in correlations] for j in range(n_corr)),
    ]
    ends = LIMITS if limits else ()
    header = ("Group", "Term", "Variance", "Std. dev.", *ends, *["Corr."][:n_corr])
    padding = ("",) * (n_corr - 1)
    heading = "Random effects" if groups else "Residual"
    return Section(heading, header + padding, as_rows(columns), n_text=2, footnote=note)
