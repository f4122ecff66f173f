"""Which factors are nested in which, as the rows of the data say.

A factor is nested in another if each of its levels occurs at one level of the other alone, and the
other has fewer levels. Only its levels within one level of the other can be compared.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.once import once
from mixedmodels.posthoc.cells import Grid, Nesting
from mixedmodels.posthoc.grid_variables import codes_on, fixed_variables
from mixedmodels.posthoc.specs import require_column, require_names


@once
def found_nesting(fit: Fit) -> Nesting:
    """Per nested factor of the fixed part those that it is nested in."""
    factors = {n: v for n, v in fixed_variables(fit).items() if v.is_factor and len(v.values) > 1}
    if len(factors) < 2:
        return {}
    codes = {name: codes_on(fit, variable) for name, variable in factors.items()}
    sizes = {name: len(variable.values) for name, variable in factors.items()}
    nested: dict[str, tuple[str, ...]] = {}
    for inner in factors:
        above = tuple(
            outer
            for outer in factors
            if sizes[outer] < sizes[inner]
            and _determines(codes[inner], codes[outer], sizes[inner], sizes[outer])
        )
        if above:
            nested[inner] = above
    return nested


def given_nesting(grid: Grid, nesting: Mapping[str, str | Sequence[str]]) -> Nesting:
    """The nesting that the user states, checked; parents of parents included."""
    direct: dict[str, tuple[str, ...]] = {}
    if not isinstance(nesting, Mapping):
        raise DataError(
            f"nesting = {nesting!r} is not a mapping.\n"
            'Do:   give what each nested factor is nested in, as {"county": "region"}.'
        )
    for inner, outer in nesting.items():
        parents = require_names(f"nesting[{inner!r}]", outer)
        for name in (inner, *parents):
            require_column(name, grid)
            if not grid[name].is_factor:
                raise DataError(f"nesting names {name!r}, a covariate.\nDo:   name factors.")
        direct[inner] = parents
    return {inner: _ancestors(inner, direct) for inner in direct}


def _ancestors(name: str, direct: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    found: list[str] = []
    left = list(direct.get(name, ()))
    while left:
        parent = left.pop(0)
        if parent == name:
            raise DataError(
                f"nesting says that {name!r} is nested in itself.\nDo:   remove one of its entries."
            )
        if parent not in found:
            found.append(parent)
            left += direct.get(parent, ())
    return tuple(found)


def _determines(inner: np.ndarray, outer: np.ndarray, n_inner: int, n_outer: int) -> bool:
    """Whether each level of `inner` is seen at one level of `outer`."""
    pairs = np.bincount(inner.astype(np.int64) * n_outer + outer, minlength=n_inner * n_outer)
    return bool(((pairs.reshape(n_inner, n_outer) > 0).sum(axis=1) == 1).all())
