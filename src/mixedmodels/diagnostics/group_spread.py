"""Whether the residuals of some levels of a group spread more than those of others.

Levene's idea: an analysis of variance of the absolute residuals by level (Levene 1960). Its
variance component between levels, relative to the mean, is the variation of the residual sd
beyond chance.
"""

from dataclasses import dataclass

import numpy as np

from mixedmodels.diagnostics.facts import Facts


@dataclass(frozen=True, slots=True)
class GroupSpread:
    """Of one group: `variation` of the residual sd between levels (0.2: a fifth up or down), the
    `noise` that chance alone may give, and the level with the largest sd, relative to the mean.
    """

    group: str
    variation: float
    noise: float
    widest: str
    ratio: float
    n_levels: int


def group_spread(facts: Facts, group: int) -> GroupSpread | None:
    """The spread by the levels with three rows or more; None if fewer than three have them."""
    grouping = facts.fit.matrices.groupings[group]
    sizes = np.bincount(grouping.codes, minlength=len(grouping.levels)).astype(float)
    enough = sizes >= 3
    levels = int(enough.sum())
    if levels < 3:
        return None
    size = np.abs(facts.r)
    sums = np.bincount(grouping.codes, size, minlength=len(sizes))[enough]
    squares = np.bincount(grouping.codes, size**2, minlength=len(sizes))[enough]
    n = sizes[enough]
    means = sums / n
    grand = sums.sum() / n.sum()
    within = (squares.sum() - (sums * means).sum()) / (n.sum() - levels)
    between = float(n @ (means - grand) ** 2) / (levels - 1)
    typical = (n.sum() - (n**2).sum() / n.sum()) / (levels - 1)
    variance = (between - within) / typical
    chance = within * (2.5 * np.sqrt(2 / (levels - 1))) / typical
    widest = int(np.flatnonzero(enough)[np.argmax(means)])
    return GroupSpread(
        grouping.name,
        float(np.sqrt(max(variance, 0.0)) / grand),
        float(np.sqrt(chance) / grand),
        str(grouping.levels[widest]),
        float(means.max() / grand),
        levels,
    )
