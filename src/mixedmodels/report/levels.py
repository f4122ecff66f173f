"""The random effects of every level, as tables."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import column_labels, group_names, terms_of_group
from mixedmodels.fit.random_effects import conditional_sd, known_modes
from mixedmodels.report import numbers
from mixedmodels.report.document import Section, as_rows
from mixedmodels.report.sections import LIMITS

MOST_ROWS = 5_000
"""Levels of a group up to which a table has them all."""

OPEN = 30
"""Levels up to which a table is shown without being asked for."""


@dataclass(frozen=True, slots=True)
class LevelTable:
    """The random effects of one group.

    Attributes
    ----------
    group : str
        Its name.
    section : Section
        One row per level: the conditional mode of each column, with its limits.
    count : int
        Levels, of which the table may have the first alone.
    is_open : bool
        Whether there are so few that they are shown at once.
    """

    group: str
    section: Section
    count: int
    is_open: bool


def level_tables(fit: Fit) -> list[LevelTable]:
    """One table per group, in the order of the formula."""
    return [_table(fit, g, name) for g, name in enumerate(group_names(fit.matrices))]


def _table(fit: Fit, g: int, group: str) -> LevelTable:
    levels = fit.matrices.groupings[g].levels
    labels, z = column_labels(fit.matrices), NormalDist().inv_cdf(0.975)
    header, columns = [group], [[str(level) for level in levels[:MOST_ROWS]]]
    for k in terms_of_group(fit.matrices, g):
        modes = known_modes(fit, k)[:MOST_ROWS]
        half = z * conditional_sd(fit, term=k)[:MOST_ROWS]
        for j, name in enumerate(labels[k]):
            mode = modes[:, j]
            limits = (mode, mode - half[:, j], mode + half[:, j])
            scale = float(np.median(half[:, j]))
            header += [name, *LIMITS]
            columns += [numbers.column(v.tolist(), yardstick=[scale], digits=3) for v in limits]
    more = len(levels) - MOST_ROWS
    footnote = f"{more:,} more levels: see ranef_table()." if more > 0 else ""
    section = Section(group, tuple(header), as_rows(columns), n_text=1, footnote=footnote)
    return LevelTable(group, section, len(levels), len(levels) <= OPEN)
