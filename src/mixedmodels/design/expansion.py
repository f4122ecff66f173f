"""What becomes of a sum of terms: its columns, and the recipe to make them again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from formulaic import ModelSpec as Recipe
from formulaic.parser.types import Factor

from mixedmodels.design.matrices import Mask, Matrix


@dataclass(frozen=True, slots=True)
class Expansion:
    """Columns made from a recipe.

    Attributes
    ----------
    recipe
        Complete: with it `expand` makes the same columns from other data.
    names
        Column names.
    matrix
        Shape (n, columns), Fortran order, finite.
    """

    recipe: Recipe
    names: tuple[str, ...]
    matrix: Matrix

    @property
    def is_numeric(self) -> Mask:
        """Per column, whether no categorical factor takes part in it."""
        kinds = {expr: kind for expr, (kind, _) in self.recipe.encoder_state.items()}
        return np.array(
            [
                all(kinds.get(f.expr) is not Factor.Kind.CATEGORICAL for f in row.term.factors)
                for row in self.recipe.structure
                for _ in row.columns
            ],
            dtype=np.bool_,
        )
