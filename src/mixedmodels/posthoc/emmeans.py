"""Estimated marginal means: of the population mean at values of some columns, averaged over others.

Searle, Speed & Milliken (1980), The American Statistician 34, 216-221. Each is a row of L beta.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixedmodels.design import columns_of
from mixedmodels.errors import DataError, NotEstimableWarning
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.notices import user_level
from mixedmodels.inference.degrees_of_freedom import TestMethod, require_test_method
from mixedmodels.options import require_probability
from mixedmodels.posthoc.averaging import averaged
from mixedmodels.posthoc.cells import Cells, Nesting, blocks
from mixedmodels.posthoc.grid_variables import GridVariable, fixed_variables
from mixedmodels.posthoc.labels import as_labels
from mixedmodels.posthoc.latent import from_thresholds
from mixedmodels.posthoc.linear_functions import LinearFunctions, Testing
from mixedmodels.posthoc.nesting import found_nesting, given_nesting
from mixedmodels.posthoc.reference_grid import CovReduce, grid_of, points
from mixedmodels.posthoc.specs import By, Specs, read_specs, require_column, require_names
from mixedmodels.posthoc.transforms import Transform, transform_of
from mixedmodels.prediction.rows import warn_of_not_estimable
from mixedmodels.vocabulary import MeanWeights

Codes = NDArray[np.intp]
Weights = MeanWeights | ArrayLike | Mapping[str, ArrayLike]
StatedNesting = Mapping[str, str | Sequence[str]] | None


@dataclass(frozen=True, slots=True)
class Averages:
    """What is averaged, at which points, over which cells.

    Attributes
    ----------
    grid : dict
        Every column of the fixed part with its values.
    specs : Specs
        The columns asked for, with those that they are nested in.
    targets : dict
        Per column asked for the index (k,) of its value on the grid.
    cells : list of Cells
        What is averaged over.
    k : int
        Number of means.
    notes : tuple of str
        What a reader must know.
    """

    grid: dict[str, GridVariable]
    specs: Specs
    targets: dict[str, Codes]
    cells: list[Cells]
    k: int
    notes: tuple[str, ...]

    @property
    def labels(self) -> dict[str, NDArray[np.generic]]:
        """Per column asked for its k values."""
        found: dict[str, NDArray[np.generic]] = {}
        for name, codes in self.targets.items():
            values = self.grid[name].values
            kinds = {type(value) for value in values}
            same = kinds.pop() if len(kinds) == 1 else object
            found[name] = as_labels(values)[codes].astype(
                same if same in (bool, int, float) else object
            )
        return found


def emmeans(
    fit: Fit,
    specs: str | Sequence[str],
    by: By = None,
    *,
    at: Mapping[str, ArrayLike] | None = None,
    cov_reduce: CovReduce = "mean",
    weights: Weights = "equal",
    nuisance: str | Sequence[str] = (),
    nesting: StatedNesting = None,
    ddf: TestMethod = "satterthwaite",
    level: float = 0.95,
    transform: str | None = None,
) -> LinearFunctions:
    """Marginal means, as `LinearMixedModel.emmeans` explains them."""
    require_probability("level", level)
    require_test_method(ddf)
    averages = plan(
        fit,
        specs,
        by,
        at=at,
        cov_reduce=cov_reduce,
        weights=weights,
        nuisance=nuisance,
        nesting=nesting,
    )
    testing = Testing(ddf=ddf, level=level)
    found = means_at(fit, averages, testing, transform=transform_of(fit, transform))
    found = from_thresholds(found)
    tell_not_estimable(found)
    return found


def means_at(
    fit: Fit, averages: Averages, testing: Testing, *, transform: Transform | None = None
) -> LinearFunctions:
    """The means of a plan."""
    offset = fit.matrices.mean_offset
    return LinearFunctions(
        fit=fit,
        kind="mean",
        labels=averages.labels or {"1": np.array(["overall"], dtype=object)},
        by=averages.specs.by,
        L=averaged(fit, averages.grid, averages.targets, averages.cells, k=averages.k),
        constant=np.full(averages.k, offset),
        testing=testing,
        n_means=np.zeros(averages.k, dtype=np.int64),
        transform=transform,
        notes=(*averages.notes, *_offset_notes(fit), *interaction_notes(fit, averages)),
    )


def _offset_notes(fit: Fit) -> tuple[str, ...]:
    """At which offset the means of a generalised model are, on whose scale it is a factor."""
    if fit.generalised is None or fit.matrices.offset is None:
        return ()
    return (f"at the mean offset, {fit.matrices.mean_offset:.6g}",)


def plan(
    fit: Fit,
    specs: str | Sequence[str],
    by: By,
    *,
    at: Mapping[str, ArrayLike] | None,
    cov_reduce: CovReduce,
    weights: Weights,
    nuisance: str | Sequence[str],
    nesting: StatedNesting,
) -> Averages:
    """Read what is asked for into points and cells."""
    variables = fixed_variables(fit)
    require_fixed_part(fit)
    read = read_specs(specs, by, variables)
    grid = grid_of(fit, read, at=at, cov_reduce=cov_reduce)
    nested = _among(grid, found_nesting(fit) if nesting is None else given_nesting(grid, nesting))
    asked = [*read.names, *read.by]
    above = [p for name in asked for p in nested.get(name, ()) if p not in asked]
    read = Specs((*read.names, *dict.fromkeys(above)), read.by)
    dull = require_names("nuisance", nuisance)
    _check_nuisance(dull, read, grid)
    targets, k = points(fit, grid, read, nested)
    if not k:
        raise DataError(
            "No combination of the values asked for is one that the nesting of the factors has.\n"
            "Do:   give values with at= that occur together."
        )
    cells = blocks(fit, grid, [*targets], weights, nuisance=dull, nesting=nested)
    notes = _notes(grid, read, weights, nested)
    return Averages(grid, read, targets, cells, k, notes)


def interaction_notes(fit: Fit, averages: Averages) -> tuple[str, ...]:
    """That means are averages over factors with which the columns asked for interact."""
    names = {*averages.targets}
    found = []
    for term in fit.spec.fixed.term_slices:
        columns = columns_of([term], fit.spec)
        free = {c for c in columns - names if len(averages.grid[c].values) > 1}
        if columns & names and free:
            found.append(":".join(n for n in averages.grid if n in columns))
    if not found:
        return ()
    return (f"single levels of what is averaged over may differ: {', '.join(found)} interact",)


def tell_not_estimable(found: LinearFunctions) -> None:
    """Warn of rows that the data do not determine."""
    empty = np.asarray(np.isnan(found.L).any(axis=1))
    off = np.flatnonzero(~found.estimable & ~empty)
    warn_of_not_estimable(found.fit, [row_in_words(found, row) for row in off.tolist()])
    if empty.any():
        first = row_in_words(found, int(np.flatnonzero(empty)[0]))
        warnings.warn(
            f"{int(empty.sum())} of the means have no rows to average over and are given as nan; "
            f"the first is that of {first}.\n"
            'Do:   average with weights="equal", or leave these values out with at=.',
            NotEstimableWarning,
            stacklevel=user_level(),
        )


def row_in_words(found: LinearFunctions, row: int) -> str:
    """``recipe = A, temperature = 175``."""
    return ", ".join(f"{name} = {values[row]}" for name, values in found.labels.items())


def require_fixed_part(fit: Fit) -> None:
    """Refuse a model without fixed effects."""
    if not len(fit.beta):
        raise DataError(
            "The model has no fixed effects, so that it has no means to estimate.\n"
            "Do:   keep the intercept in the formula."
        )


def _among(grid: Mapping[str, GridVariable], nesting: Nesting) -> Nesting:
    """The nesting that there still is at the values on the grid."""
    left = {
        inner: tuple(p for p in parents if len(grid[p].values) > 1)
        for inner, parents in nesting.items()
        if len(grid[inner].values) > 1
    }
    return {inner: parents for inner, parents in left.items() if parents}


def _check_nuisance(names: Sequence[str], specs: Specs, grid: Mapping[str, GridVariable]) -> None:
    for name in names:
        require_column(name, grid)
        if name in (*specs.names, *specs.by):
            raise DataError(
                f"nuisance names {name!r}, whose means are asked for.\n"
                "Do:   remove it from one of the two."
            )


def _notes(
    grid: Mapping[str, GridVariable], specs: Specs, weights: Weights, nesting: Nesting
) -> tuple[str, ...]:
    asked = (*specs.names, *specs.by)
    over = [n for n, v in grid.items() if n not in asked and len(v.values) > 1]
    kind = weights if isinstance(weights, str) else "given"
    found = []
    if over:
        found.append(f"averaged over {', '.join(over)}, {kind} weights")
    fixed = [(n, v.values[0]) for n, v in grid.items() if not v.is_factor and n not in asked]
    single = [f"{n} = {value:.6g}" for n, value in fixed if len(grid[n].values) == 1]
    if single:
        found.append(f"at {', '.join(single)}")
    found += [f"{inner} is nested in {' and '.join(p)}" for inner, p in nesting.items()]
    return tuple(found)
