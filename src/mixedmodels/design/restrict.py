"""The same design on some of its rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mixedmodels.design.build import identified
from mixedmodels.design.checks import check_sizes
from mixedmodels.design.matrices import Grouping, Mask, ModelMatrices
from mixedmodels.design.rank import independent_columns
from mixedmodels.design.spec import ModelSpec
from mixedmodels.errors import DataError


def restricted(
    spec: ModelSpec, matrices: ModelMatrices, rows: Mask
) -> tuple[ModelSpec, ModelMatrices]:
    """The matrices on some of their `rows` (n,), levels without a row left out.

    Columns, codings and the state of transforms stay those of all rows, so that a coefficient
    means the same.

    Raises
    ------
    DataError
        If these rows do not tell all coefficients, or the variances.
    """
    part = matrices.take(rows)
    bound = {t.group for t in part.terms if t.members is not None or t.precision is not None}
    part = replace(
        part,
        groupings=tuple(
            grouping if g in bound else _with_used_levels(grouping)
            for g, grouping in enumerate(part.groupings)
        ),
    )
    check_sizes(*part.X.shape)
    kept = set(independent_columns(part.X).tolist())
    lost = [name for j, name in enumerate(matrices.x_names) if j not in kept]
    if lost:
        raise DataError(
            f"The rows with a value do not tell the coefficient of {lost[0]!r} from the others.\n"
            "Do:   leave out the term, or the response.\n"
            "Why:  a coefficient is to mean the same in every response."
        )
    found = identified([term.term for term in spec.terms], part)
    return replace(spec, identification=found), part


def _with_used_levels(grouping: Grouping) -> Grouping:
    used, codes = np.unique(grouping.codes, return_inverse=True)
    levels = tuple(grouping.levels[j] for j in used)
    return replace(grouping, codes=codes.astype(np.int32), levels=levels)
