"""`report`: everything about a fit as one HTML file that needs no network."""

import platform
from collections.abc import Sequence
from datetime import date
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np

from mixedmodels.diagnostics.checks import Check, check
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.degrees_of_freedom import TestMethod
from mixedmodels.report import numbers
from mixedmodels.report import pictures as drawings
from mixedmodels.report.covariances import covariance_sections
from mixedmodels.report.document import Document, Section
from mixedmodels.report.levels import level_tables
from mixedmodels.report.means_section import Spec, all_means, means_section
from mixedmodels.report.pictures import Pictures
from mixedmodels.report.sections import analysis_of_variance, explained_variance, variances
from mixedmodels.report.summary import summarise
from mixedmodels.report.words import equation, fixed_terms, in_words, methods_sentence
from mixedmodels.shortening import visible
from mixedmodels.version import own_version

MARKS = {"good": "✓", "look": "?", "problem": "!", "unclear": "–"}

ORDER = {"problem": 0, "look": 1, "unclear": 2, "good": 3}
"""What asks for something comes first."""

PACKAGES = ("numpy", "scipy", "pandas", "formulaic")


def report(
    fit: Fit,
    path: str | Path,
    pictures: Pictures,
    *,
    means: Spec | Sequence[Spec] = (),
    letters: bool = False,
    ddf: TestMethod = "satterthwaite",
    seed: int = 0,
) -> Path:
    """Write the page; see `LinearMixedModel.report`."""
    target = Path(path)
    if target.suffix.lower() not in (".html", ".htm"):
        raise DataError(f"{target.name!r} is no name of a web page.\nDo:   let it end in .html.")
    if not target.parent.is_dir():
        raise DataError(
            f"There is no folder {str(target.parent)!r}.\nDo:   make it, or write elsewhere."
        )
    jinja2: Any = import_module("jinja2")  # a fit alone does not need it
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mixedmodels.report"), autoescape=True, finalize=_visible
    )
    asked = all_means(fit, means, ddf=ddf)
    with pictures.unregistered():
        content = page(fit, pictures, ddf=ddf, seed=seed)
        content["means"] = [means_section(one, pictures, letters=letters) for one in asked]
    target.write_text(environment.get_template("page.html").render(content), encoding="utf-8")
    return target


def page(fit: Fit, pictures: Pictures, *, ddf: TestMethod, seed: int) -> dict[str, Any]:
    """What the template shows, by name."""
    document = summarise(fit, ddf=ddf).document
    found = check(fit, seed=seed)
    return {
        "title": f"{document.title}: {fit.spec.formula.response_name}",
        "formula": str(fit.spec.formula),
        "headline": f"{len(fit.matrices.y):,} rows, {len(fit.beta)} fixed effects. "
        + found.headline,
        "notes": document.notes,
        "words": in_words(fit),
        "equation": equation(fit),
        "rows": _rows(fit),
        "columns": _columns(fit),
        "sections": _sections(fit, ddf, document),
        "checks_headline": found.headline,
        "checks": [_check(row) for row in sorted(found.rows, key=lambda row: ORDER[row.grade])],
        "panel": drawings.checks(pictures, seed=seed),
        "effects": drawings.effects(fit, pictures, ddf=ddf),
        "caterpillars": drawings.caterpillars(fit, pictures),
        "levels": level_tables(fit),
        "methods": methods_sentence(fit, ddf, own_version()),
        "versions": _versions(seed),
    }


def _visible(value: Any) -> Any:
    """Text of a template without characters that control something but the ends of lines."""
    return "\n".join(map(visible, value.split("\n"))) if type(value) is str else value


def _rows(fit: Fit) -> str:
    m = fit.matrices
    said = f"{len(m.y):,} rows are used"
    if m.n_missing:
        said += f", {m.n_missing:,} are left out because a value is missing"
    sizes = []
    for grouping in m.groupings:
        counts = np.bincount(grouping.codes, minlength=len(grouping.levels))
        span = (
            f"{counts.min()}"
            if counts.min() == counts.max()
            else f"{counts.min()} to {counts.max()}"
        )
        sizes.append(f"{grouping.name} has {len(counts):,} levels of {span} rows")
    return "; ".join([said, *sizes]) + "."


def _columns(fit: Fit) -> Section:
    """The response and the columns of the fixed part."""
    rows = [_numbers_of(fit.spec.formula.response_name, fit.matrices.y)]
    kept = fit.matrices.kept
    for name in fit.spec.variables:
        column = fit.frame.column(name)
        if column.numbers is not None:
            rows.append(_numbers_of(name, column.numbers[kept]))
    header = ("Column", "Mean", "Std. dev.", "Min", "Median", "Max")
    unique = list(dict.fromkeys(rows))
    return Section("Columns", header, tuple(unique), n_text=1)


def _numbers_of(name: str, values: Any) -> tuple[str, ...]:
    numbers_ = np.asarray(values, dtype=np.float64)
    facts = (
        numbers_.mean(),
        numbers_.std(ddof=1),
        numbers_.min(),
        np.median(numbers_),
        numbers_.max(),
    )
    return (name, *(numbers.general(float(fact), digits=4) for fact in facts))


def _sections(fit: Fit, ddf: TestMethod, document: Document) -> list[Section]:
    summary = {section.heading: section for section in document.sections}
    out = [summary["Fixed effects"]] if "Fixed effects" in summary else []
    out += [variances(fit)] if fit.matrices.is_plain else covariance_sections(fit)
    if fixed_terms(fit):
        out.append(analysis_of_variance(fit, 3, ddf))
    out.append(explained_variance(fit))
    out += [section for name, section in summary.items() if name.startswith("Criterion")]
    return out


def _check(row: Check) -> dict[str, str]:
    return {
        "title": row.title,
        "size": row.size,
        "grade": row.grade,
        "mark": MARKS[row.grade],
        "verdict": row.verdict,
        "advice": "" if row.grade == "good" else row.advice,
    }


def _versions(seed: int) -> str:
    used = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    return (
        f"mixedmodels {own_version()}, Python {platform.python_version()}, {used}; seed of the "
        f"simulated checks {seed}; {date.today().isoformat()}."
    )
