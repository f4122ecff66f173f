"""The covariance structures of a model whose rows are not kept: what theta means, without data.

The native structures come with rows, of which templates, reports and covariances between positions
do not depend. A few rows that are nobody's stand in for them.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels import _native
from mixedmodels.design import Grouping, ModelMatrices, ResidualMatrix, ScaleModel, TermMatrix
from mixedmodels.engine.arrays import columns
from mixedmodels.engine.structured_arrays import residual_arrays, spread_columns, term_arrays
from mixedmodels.engine.watching import memory_left

Vector = NDArray[np.float64]

LEVELS, ROWS = 3, 12
"""Levels of every factor, and rows at least."""


def structures_without_rows(
    m: ModelMatrices, values: Any, sigma: float | None
) -> _native.StructuredProblem:
    """The native structures of a design, on rows that stand in for its own."""
    places = _places(m.residual)
    n = max(ROWS, LEVELS * (1 + sum(len(term.names) for term in m.terms)), len(places))
    residual = None if m.residual is None else _residual(m.residual, places, n)
    codes = (np.arange(n) % LEVELS).astype(np.int32)
    grouping = Grouping("", (), codes, tuple(range(LEVELS)))
    terms = [term_arrays(_term(term, k, n), grouping) for k, term in enumerate(m.terms)]
    stand_in = replace(
        m, y=_waves(n, 1)[:, 0], X=np.ones((n, 1)), residual=residual, index=pd.RangeIndex(n)
    )
    return _native.StructuredProblem(
        stand_in.y,
        columns(stand_in.X),
        terms,
        residual_arrays(stand_in),
        spread_columns(stand_in),
        None,
        values,
        sigma,
        memory_left(),
    )


def _waves(n: int, count: int, first: int = 1) -> Vector:
    """Columns (n, count) of which none is a combination of others."""
    row, column = np.arange(n, dtype=np.float64)[:, None], np.arange(count) + float(first)
    return np.asfortranarray(np.sin(column * (row + 0.7) ** 1.1))


def _term(term: TermMatrix, k: int, n: int) -> TermMatrix:
    Z = _waves(n, len(term.names), 2 + k)
    return replace(term, Z=Z, members=None, precision=None)


def _places(residual: ResidualMatrix | None) -> list[int]:
    return [] if residual is None else list(range(len(residual.positions)))


def _residual(residual: ResidualMatrix, places: list[int], n: int) -> ResidualMatrix:
    """The places that are kept, each as often as rows are needed."""
    at = np.resize(np.array(places, dtype=np.int64), n)
    scale = None if residual.scale is None else _scale(residual.scale, n)
    return replace(
        residual,
        codes=np.arange(n, dtype=np.int32),
        positions=residual.positions[at],
        part=residual.part[at],
        scale=scale,
    )


def _scale(scale: ScaleModel, n: int) -> ScaleModel:
    powers = tuple(
        replace(power, values=1 + np.abs(_waves(n, 1, 40 + j)[:, 0]), rows=None)
        for j, power in enumerate(scale.powers)
    )
    return replace(scale, S=_waves(n, len(scale.names), 60), powers=powers)
