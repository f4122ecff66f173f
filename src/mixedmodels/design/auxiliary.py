"""Parts of a generalised model beside the mean: from their formulas to columns, and to new ones."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from formulaic import ModelSpec as Recipe

from mixedmodels.data import label
from mixedmodels.design.auxiliary_matrix import AuxiliaryMatrix
from mixedmodels.design.estimability import FixedColumns, fixed_columns
from mixedmodels.design.expand import train
from mixedmodels.design.names import used_columns
from mixedmodels.design.variables import Variable, Variables
from mixedmodels.formula.part import PartFormula
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import AuxiliaryKind, Thresholds

SPACING = "spacing"
"""The distance of neighbouring thresholds, where all are alike."""


@dataclass(frozen=True, slots=True)
class AuxiliarySpec:
    """Recipe of one part beside the mean.

    Attributes
    ----------
    kind
        Which part.
    formula
        What it is linear in.
    recipe
        formulaic's recipe of the columns.
    variables
        The columns of the data that it uses: kind, levels, mean.
    columns
        Which columns of the recipe are in use, and their working coordinates.
    """

    kind: AuxiliaryKind
    formula: PartFormula
    recipe: Recipe
    variables: Mapping[str, Variable]
    columns: FixedColumns

    __repr__ = brief

    @property
    def aliased(self) -> tuple[str, ...]:
        """The columns that earlier ones span, in a form that says of which part they are."""
        return tuple(f"{self.kind}: {name}" for name in self.columns.aliased)


def auxiliary_of(
    kind: AuxiliaryKind, formula: PartFormula, variables: Variables
) -> tuple[AuxiliarySpec, AuxiliaryMatrix]:
    """The columns of a part on the kept rows; those that earlier ones span are left out.

    Raises
    ------
    FormulaError, DataError
        If a term cannot be evaluated.
    """
    expansion = train(formula.sum, variables)
    columns = fixed_columns(expansion.matrix, expansion.names)
    names = used_columns(formula.linear, variables.columns)
    spec = AuxiliarySpec(kind, formula, expansion.recipe, variables.summary(names), columns)
    D = columns.kept_of(expansion.matrix)
    return spec, AuxiliaryMatrix(kind, columns.names, D, columns.coordinates)


def thresholds_of(levels: Sequence[Any], kind: Thresholds, nrows: int) -> AuxiliaryMatrix:
    """The thresholds between the categories of an ordinal response, named as in ``1|2``."""
    pairs = itertools.pairwise(levels)
    between = tuple(f"{label(low)}|{label(high)}" for low, high in pairs)
    names = between if kind == "flexible" else (between[0], SPACING)[: len(between)]
    D = np.empty((nrows, 0), order="F")
    return AuxiliaryMatrix("thresholds", names, D, thresholds=kind, threshold_names=between)
