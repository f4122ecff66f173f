"""Marginal means in a page: their table and picture, and their pairs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.degrees_of_freedom import TestMethod
from mixedmodels.options import require_flag
from mixedmodels.posthoc.contrasts import contrast
from mixedmodels.posthoc.emmeans import emmeans
from mixedmodels.posthoc.linear_functions import LinearFunctions
from mixedmodels.posthoc.tables import letters_of_rows
from mixedmodels.report import means
from mixedmodels.report.document import Document, Section
from mixedmodels.report.pictures import Embedded, Pictures, means_picture

Spec = str | Sequence[str]

ALPHA = 0.05
"""Level of the letters."""

ABOUT_LETTERS = (
    "Means that share a letter do not differ significantly at 5 % (Tukey's method). That does not "
    "show that they are equal: see the differences."
)


@dataclass(frozen=True, slots=True)
class MeansSection:
    """One set of means.

    Attributes
    ----------
    title : str
        What they are, as asked for.
    means : Document
        Tables, by group.
    pairs : Document, optional
        Their differences; none of a single mean.
    picture : Embedded
        Of the means.
    """

    title: str
    means: Document
    pairs: Document | None
    picture: Embedded


def all_means(fit: Fit, specs: Spec | Sequence[Spec], *, ddf: TestMethod) -> list[LinearFunctions]:
    """The means that are asked for, each as the argument of `LinearMixedModel.emmeans`.

    Raises
    ------
    DataError
        If one cannot be had.
    """
    if not isinstance(specs, (str, list, tuple)):
        raise DataError(
            f"means is of type {type(specs).__name__}, not a list of means.\n"
            'Do:   give what emmeans takes, as means=["recipe", "recipe | temperature"].'
        )
    wanted = [specs] if isinstance(specs, str) else specs
    return [emmeans(fit, spec, ddf=ddf) for spec in wanted]


def means_section(functions: LinearFunctions, pictures: Pictures, *, letters: bool) -> MeansSection:
    """Tables and picture of some means."""
    require_flag("letters", letters)
    made = means.document(functions)
    several = max(len(rows) for rows in functions.families) > 1
    return MeansSection(
        title=f"{made.title}: {_asked(functions)}",
        means=_with_letters(functions, made) if letters and several else made,
        pairs=means.document(contrast(functions)) if several else None,
        picture=means_picture(functions, pictures, arrows=several),
    )


def _asked(functions: LinearFunctions) -> str:
    names = ", ".join(functions.names)
    return f"{names} | {', '.join(functions.by)}" if functions.by else names


def _with_letters(functions: LinearFunctions, made: Document) -> Document:
    """The tables with a last column of letters."""
    found = letters_of_rows(functions, alpha=ALPHA, adjust="tukey")
    sections = [
        _lettered(section, [found[row] for row in rows[: len(section.rows)].tolist()])
        for section, rows in zip(made.sections, functions.families, strict=False)
    ]
    return replace(made, sections=tuple(sections), notes=(*made.notes, ABOUT_LETTERS))


def _lettered(section: Section, letters: Sequence[Any]) -> Section:
    rows = [(*row, text) for row, text in zip(section.rows, letters, strict=True)]
    return replace(section, header=(*section.header, "Letters"), rows=tuple(rows))
