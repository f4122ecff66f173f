"""`Design`: who is observed when and how often, and the data frame without a response."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.planning.assignment import assigned, diagonal
from mixedmodels.planning.columns import Index, Levels, coding, column, distinct, labelled_units
from mixedmodels.planning.confounding import Efficiency, Factor, balance_lines, efficiencies
from mixedmodels.prediction.streams import stream

Sizes = int | tuple[int, ...]

ROW = "row"
"""The name under which a covariate varies from row to row."""

SHOWN = 8
"""Levels of a factor that are printed at most."""

_DROPOUT, _MISSING, _COVARIATE = 0, 1, 2  # streams of the key


@dataclass(frozen=True, slots=True, repr=False)
class Design:
    """A design, as `mixedmodels.planning.design` makes it. It never changes.

    Printed, it says what was assigned to what and how evenly; `balance` has the numbers.

    Attributes
    ----------
    units
        Sizes by name: how many, or how many per parent, taken in turn.
    nested
        Unit to its parent.
    within
        Factors of which every unit sees every level.
    counterbalanced
        Factors whose levels rotate over the units.
    between
        Per unit the factors that differ between its levels.
    covariates
        Standard normal covariates: name to the unit that has them, or ``"row"``.
    dropout
        Unit to (factor, probability of leaving before each of its later levels).
    repeats
        Rows per cell.
    missing
        Fraction of rows lost at random.
    key
        The randomness of covariates, dropout and lost rows.
    """

    units: Mapping[str, Sizes]
    nested: Mapping[str, str]
    within: Mapping[str, Levels]
    counterbalanced: Mapping[str, Levels]
    between: Mapping[str, Mapping[str, Levels]]
    covariates: Mapping[str, str]
    dropout: Mapping[str, tuple[str, float]]
    repeats: int
    missing: float
    key: tuple[int, int]

    def frame(self) -> pd.DataFrame:
        """The rows: a column per unit, factor and covariate, slowest first.

        Units and factors of text are categorical with their levels in the order given, so that
        the first level is the reference of treatment coding; factors of numbers are numbers.
        """
        base = self.combinations()
        cells = prod(len(levels) for levels in self.within.values()) * self.repeats
        units = {name: np.repeat(index, cells) for name, index in base.items()}
        counterbalanced, between = self._assigned(base)
        steps = self._within(len(next(iter(units.values()))))
        steps |= {name: np.repeat(index, cells) for name, index in counterbalanced.items()}
        levels = {**self.within, **self.counterbalanced}
        columns: dict[str, Any] = {
            name: labelled_units(name, index) for name, index in units.items()
        }
        columns |= {name: column(given, steps[name]) for name, given in levels.items()}
        for unit, factors in self.between.items():
            for name, given in factors.items():
                columns[name] = column(given, np.repeat(between[unit][name], cells))
        columns |= self._covariates(units)
        return pd.DataFrame(columns)[self._kept(units, steps)].reset_index(drop=True)

    def combinations(self) -> dict[str, Index]:
        """Per unit the number of its level in every combination of units."""
        rows: dict[str, Index] = {}
        n = 1
        for name, sizes in self.units.items():
            parent = self.nested.get(name)
            if parent is None:
                counts = np.full(n, int(np.sum(sizes)))
                offset = np.zeros(n, dtype=np.int64)
            else:
                per_parent = np.resize(np.atleast_1d(sizes), int(rows[parent].max()) + 1)
                counts = per_parent[rows[parent]]
                offset = (np.cumsum(per_parent) - per_parent)[rows[parent]]
            inner = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            rows = {other: np.repeat(index, counts) for other, index in rows.items()}
            rows[name] = np.repeat(offset, counts) + inner
            n = len(inner)
        return rows

    @property
    def balance(self) -> pd.DataFrame:
        """What the design can tell apart: a table `effect, within, efficiency`.

        One row per effect of up to three of the assigned factors (between units or
        counterbalanced; `within` factors are crossed with everything), alone, within every
        unit that it varies in, and within all of them. The efficiency is the share of its
        information that is left when the unit's levels and the other effects of as many or fewer
        factors are fitted as well: 1 is balanced, 0 confounded. Dropout and lost rows are not
        looked at.
        """
        found = self.efficiencies()
        return pd.DataFrame(
            {
                "effect": [":".join(one.effect) for one in found],
                "within": [" + ".join(one.within) for one in found],
                "efficiency": [one.value for one in found],
            }
        )

    def efficiencies(self) -> tuple[Efficiency, ...]:
        """The same as `balance`, as objects."""
        base = self.combinations()
        counterbalanced, between = self._assigned(base)
        factors = {
            name: Factor(coding(levels), counterbalanced[name], frozenset())
            for name, levels in self.counterbalanced.items()
        }
        for unit, given in self.between.items():
            inside = frozenset(other for other in self.units if unit in self._around(other))
            for name, levels in given.items():
                factors[name] = Factor(coding(levels), between[unit][name], inside)
        return efficiencies(factors, base, self.nested)

    def __repr__(self) -> str:
        base = self.combinations()
        counts = {unit: int(index.max()) + 1 for unit, index in base.items()}
        inside = {unit: f" in {parent}" for unit, parent in self.nested.items()}
        units = ", ".join(f"{n:,} {unit}{inside.get(unit, '')}" for unit, n in counts.items())
        lines = [f"Design of {units}; {len(self.frame()):,} rows", *self._said(base)]
        return "\n".join(lines)

    def _said(self, base: Mapping[str, Index]) -> list[str]:
        """A line per factor, and one on the balance."""
        lines = [
            f"  {name}: within every combination, {_listed(levels)}"
            for name, levels in self.within.items()
        ]
        _, between = self._assigned(base)
        for name, levels in self.counterbalanced.items():
            lines.append(f"  {name}: counterbalanced, {_listed(levels)}")
        for unit, factors in self.between.items():
            for name, levels in factors.items():
                first = np.unique(base[unit], return_index=True)[1]
                names, codes = distinct(levels)
                each = np.bincount(codes[between[unit][name][first]], minlength=len(names))
                lines.append(f"  {name}: between {unit}, {_listed(names, each.tolist())}")
        lines += [f"  {name}: covariate of {unit}" for name, unit in self.covariates.items()]
        return [*lines, *balance_lines(self.efficiencies())]

    def _around(self, unit: str) -> list[str]:
        """The unit and those that it is nested in."""
        chain = [unit]
        while chain[-1] in self.nested:
            chain.append(self.nested[chain[-1]])
        return chain

    def _within(self, n: int) -> dict[str, Index]:
        """Positions of the levels of the within factors."""
        steps: dict[str, Index] = {}
        inner = self.repeats
        for name, levels in reversed(list(self.within.items())):
            steps[name] = np.arange(n) // inner % len(levels)
            inner *= len(levels)
        return steps

    def _assigned(
        self, base: Mapping[str, Index]
    ) -> tuple[dict[str, Index], dict[str, dict[str, Index]]]:
        """Positions in every combination of units: of counterbalanced, and per unit of between
        factors.
        """
        rotated = diagonal([len(levels) for levels in self.counterbalanced.values()])
        sizes = {
            unit: [len(levels) for levels in factors.values()]
            for unit, factors in self.between.items()
        }
        made = assigned(base, self.nested, sizes, len(rotated))
        parts = [made[unit].part[index] for unit, index in base.items()]
        levels = [len(given) for given in self.counterbalanced.values()]
        cells = np.sum([rotated[part] for part in parts], axis=0) % np.array(levels, dtype=np.int64)
        between = {
            unit: {name: made[unit].positions[base[unit], j] for j, name in enumerate(factors)}
            for unit, factors in self.between.items()
        }
        return {name: cells[:, j] for j, name in enumerate(self.counterbalanced)}, between

    def _covariates(self, units: Mapping[str, Index]) -> dict[str, Any]:
        columns = {}
        for j, (name, unit) in enumerate(self.covariates.items()):
            random = self._stream(_COVARIATE + j)
            if unit == ROW:
                columns[name] = random.standard_normal(len(next(iter(units.values()))))
            else:
                columns[name] = random.standard_normal(units[unit].max() + 1)[units[unit]]
        return columns

    def _kept(self, units: Mapping[str, Index], steps: Mapping[str, Index]) -> NDArray[np.bool_]:
        n = len(next(iter(units.values())))
        kept = np.ones(n, dtype=np.bool_)
        random = self._stream(_DROPOUT)
        for unit, (factor, rate) in self.dropout.items():
            stays = random.geometric(rate, units[unit].max() + 1) if rate > 0 else np.array([n])
            kept &= steps[factor] < np.resize(stays, units[unit].max() + 1)[units[unit]]
        lost = round(self.missing * np.count_nonzero(kept))
        rows = self._stream(_MISSING).permutation(np.flatnonzero(kept))
        kept[rows[:lost]] = False
        return kept

    def _stream(self, number: int) -> np.random.Generator:
        return stream(np.array(self.key, dtype=np.uint64), number)


def _listed(levels: Sequence[Any], counts: Sequence[int] = ()) -> str:
    said = [str(level) for level in levels]
    if counts:
        said = [f"{level} ({n:,})" for level, n in zip(said, counts, strict=True)]
    shown = said if len(said) <= SHOWN else [*said[: SHOWN - 2], "…", said[-1]]
    return ", ".join(shown)
