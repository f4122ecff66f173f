"""`PermutationTest`: a permutation test with its picture."""

from dataclasses import dataclass
from importlib import import_module
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mixedmodels.inference.permutation.permutation import PermutationResult
from mixedmodels.shortening import one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 96
"""Characters of a printed line."""

LARGE = 34.5
"""Logarithm of 10^15, up to which a number of arrangements is written in full."""


@dataclass(frozen=True, slots=True, repr=False)
class PermutationTest:
    """A test of fixed effects by exchanges, as `model.permutation_test()` returns it.

    Attributes
    ----------
    result : PermutationResult
        The numbers.
    """

    result: PermutationResult

    @property
    def statistic(self) -> float:
        """F of the data, at the covariance of the model under the null hypothesis."""
        return self.result.statistic

    @property
    def p_value(self) -> float:
        """Share of exchanges with an F as large, the data among them: (1 + #) / (n + 1)."""
        return self.result.p_value

    @property
    def p_interval(self) -> tuple[float, float]:
        """Monte Carlo limits of the p-value that all exchanges would give (Clopper & Pearson 1934);
        both are the p-value where all were looked at.
        """
        return self.result.limits

    @property
    def null(self) -> NDArray[np.float64]:
        """F of every exchange; of all possible ones, the data among them, where `is_exact`."""
        return self.result.null

    @property
    def is_exact(self) -> bool:
        """Whether all possible exchanges were looked at, not a sample of them."""
        return self.result.is_exact

    @property
    def table(self) -> object:
        """One row `contrast, num_df, statistic, p_value, p_low, p_high`."""
        low, high = self.p_interval
        return self.result.fit.frame.table(
            {
                "contrast": [self.result.hypothesis],
                "num_df": np.array([self.result.num_df], dtype=np.int64),
                "statistic": np.array([self.statistic]),
                "p_value": np.array([self.p_value]),
                "p_low": np.array([low]),
                "p_high": np.array([high]),
            }
        )

    def plot(self) -> "Figure":
        """Histogram of F under the null hypothesis, with that of the data."""
        figure: Figure = import_module("mixedmodels.plots.permutation_plot").histogram(self.result)
        return figure

    def __repr__(self) -> str:
        found = self.result
        low, high = self.p_interval
        if found.is_exact:
            how = f"exact: all {len(found.null):,} arrangements"
        else:
            how = f"{len(found.null):,} of {_many(found.log_count)} arrangements, "
            how += f"{found.level:.0%} limits {low:.2g} to {high:.2g}"
        lines = [
            f"Permutation test of {one_line(found.hypothesis)}",
            f"F = {found.statistic:.4g} ({found.num_df} df), p = {found.p_value:.3g} ({how})",
            f"Exchanged: {one_line(found.exchanged)}.",
            f"Assumes {found.assumption}.",
            *(f"The null model: {note}." for note in found.notes),
        ]
        return "\n".join(fill(line, WIDTH, subsequent_indent="    ") for line in lines)


def _many(log_count: float) -> str:
    if log_count < LARGE:
        return f"{round(float(np.exp(log_count))):,}"
    return f"10^{log_count / np.log(10):.0f}"
