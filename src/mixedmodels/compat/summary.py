"""The summary of a fit under statsmodels' names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mixedmodels.report import html, numbers, text
from mixedmodels.report.document import Document, Section, as_rows

if TYPE_CHECKING:
    from mixedmodels.compat.results import MixedLMResults

TITLE = "Mixed Linear Model Regression Results"


@dataclass(frozen=True)
class CompatSummary:
    """Tables and notes, which print as text and show as HTML in a notebook.

    Attributes
    ----------
    title : str
        Above the tables.
    tables : list of DataFrame
        Facts of the fit, and one row per parameter.
    document : Document
        The same, as it is printed.
    """

    title: str
    tables: list[pd.DataFrame]
    document: Document

    def as_text(self) -> str:
        """As it is printed."""
        return text.render(self.document)

    def as_html(self) -> str:
        """For a page."""
        return html.render(self.document)

    def __str__(self) -> str:
        return self.as_text()

    def __repr__(self) -> str:
        return self.as_text()

    def _repr_html_(self) -> str:
        return self.as_html()


def summarised(
    results: "MixedLMResults", names: Sequence[str], yname: str, title: str | None, alpha: float
) -> CompatSummary:
    """The summary, its parameters under the given names."""
    facts = _facts(results, yname)
    table = _parameters(results, names, alpha)
    document = Document(
        title=title or TITLE,
        facts=tuple(facts.items()),
        sections=(_section(table, results.k_fe),),
        notes=(*results.model.notes, *_notes(results)),
    )
    shown = pd.DataFrame({"value": facts.values()}, index=list(facts))
    return CompatSummary(document.title, [shown, table], document)


def _facts(results: "MixedLMResults", yname: str) -> dict[str, str]:
    sizes = np.bincount(results.model.group_codes)
    criterion = "REML: compare fits with the same fixed effects only" if results.reml else "ML"
    return {
        "Dependent variable": yname,
        "Method": results.method,
        "Observations": f"{results.nobs}",
        "Groups": f"{len(sizes)}, of {sizes.min()} to {sizes.max()} rows (mean {sizes.mean():.1f})",
        "Scale": f"{results.scale:.4f}",
        "Log-likelihood": f"{results.llf:.4f}",
        "AIC, BIC": f"{results.aic:.4f}, {results.bic:.4f} ({criterion})",
        "Converged": "yes" if results.converged else "no",
    }


def _parameters(results: "MixedLMResults", names: Sequence[str], alpha: float) -> pd.DataFrame:
    degrees = np.full(len(names), np.nan)
    degrees[: results.k_fe] = pd.DataFrame(results.lmm.coef_table())["df"]
    limits = np.asarray(results.conf_int(alpha))
    tail = f"{alpha / 2:g}"
    columns = {
        "Coef.": np.asarray(results.params),
        "Std.Err.": np.asarray(results.bse),
        "df": degrees,
        "t": np.where(np.isfinite(degrees), np.asarray(results.tvalues), np.nan),
        "P>|t|": np.asarray(results.pvalues),
        f"[{tail}": limits[:, 0],
        f"{1 - alpha / 2:g}]": limits[:, 1],
    }
    return pd.DataFrame(columns, index=list(names))


def _section(table: pd.DataFrame, k_fe: int) -> Section:
    def cells(name: str) -> list[str]:
        values = table[name].to_numpy(dtype=np.float64)
        if name == "P>|t|":
            return [numbers.p_value(v) if np.isfinite(v) else "" for v in values]
        decimals = 1 if name == "df" else 3
        return [numbers.fixed(v, decimals=decimals) if np.isfinite(v) else "" for v in values]

    columns = [[str(name) for name in table.index], *(cells(name) for name in table.columns)]
    footnote = "df: Satterthwaite. Variances are on their own scale." if k_fe else ""
    return Section(
        "Parameters", ("", *table.columns), as_rows(columns), n_text=1, footnote=footnote
    )


def _notes(results: "MixedLMResults") -> tuple[str, ...]:
    return results.lmm.summary().document.notes
