"""Titles of the panels of a figure with one parameter each."""

from collections.abc import Sequence

from mixedmodels.plots import lettering

WIDTH = 70
"""Characters of a title: what two or three lines of a panel hold."""


def parameter_titles(parameters: Sequence[tuple[str | None, str]]) -> list[str]:
    """A title for every (group, term), all distinct: "Subject: sd(Days)", or a fixed effect."""
    return lettering.terms([_title(group, term) for group, term in parameters], WIDTH)


def _title(group: str | None, term: str) -> str:
    if group is None:
        return term
    if group in ("R2", "ICC"):
        return f"{group.replace('R2', 'R²')} {term}"
    of = term if term == "sd" or term.startswith("cor(") else f"sd({term})"
    return f"{group}: {of}"
