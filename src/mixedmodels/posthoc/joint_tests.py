"""Joint tests of every term, overall or within groups.

A term's hypothesis is that the interaction contrasts of its own marginal means, averaged with equal
weights over everything else, are zero. With complete cells, and covariates with mean zero, these
are the hypotheses of type 3; covariates are taken at their means, whatever their origin. Of a
factor that is nested, levels within one level of the others are compared. Where cells are empty,
the contrasts that the data determine are tested; what the data determine beyond them is a test of
its own, uncorrelated with the others, that belongs to no single term.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixedmodels.design import columns_of
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.contrast import FTest, f_test
from mixedmodels.inference.degrees_of_freedom import TestMethod, require_test_method
from mixedmodels.posthoc.averaging import largest_sets
from mixedmodels.posthoc.cells import Nesting
from mixedmodels.posthoc.emmeans import means_at, plan
from mixedmodels.posthoc.grid_variables import (
    GridVariable,
    covariate_extent,
    covariate_places,
    fixed_variables,
)
from mixedmodels.posthoc.labels import as_labels
from mixedmodels.posthoc.linear_functions import LinearFunctions, Testing
from mixedmodels.posthoc.nesting import found_nesting
from mixedmodels.posthoc.reference_grid import CovReduce, grid_of
from mixedmodels.posthoc.specs import By, Specs, read_specs
from mixedmodels.posthoc.subspace import (
    combined_rows,
    estimable_part,
    left_null_space,
    nominal_rank,
)
from mixedmodels.posthoc.tables import f_columns, named
from mixedmodels.posthoc.trends import is_straight

Vector = NDArray[np.float64]
Rows = NDArray[np.intp]

REST = "(confounded)"
"""The row of what the data determine beyond the terms."""

RANK = 1e-6
"""Size of what is left of a row, relative to all of it, below which nothing is."""

MOST_REST = 5_000
"""Cells up to which it is looked for."""


@dataclass(frozen=True, slots=True)
class TermTest:
    """One row of the table.

    Attributes
    ----------
    term : str
        The term.
    test : FTest
        Of the part that is estimable.
    lost : int
        Degrees of freedom that are not.
    L : array (r, p)
        What is tested, over the working columns of X.
    """

    term: str
    test: FTest
    lost: int
    L: Vector


def joint_tests(
    fit: Fit,
    by: By = None,
    *,
    at: Mapping[str, ArrayLike] | None = None,
    cov_reduce: CovReduce = "mean",
    ddf: TestMethod = "satterthwaite",
) -> Any:
    """Joint tests of every term, as `LinearMixedModel.joint_tests` explains them."""
    require_test_method(ddf)
    within = read_specs((), by, fixed_variables(fit)).by
    grid = grid_of(fit, Specs((), within), at=at, cov_reduce=cov_reduce)
    nesting = found_nesting(fit)
    given = dict(at or {}) | {n: v.values for n, v in grid.items() if n in within}
    moved = {n: _values(fit, v) for n, v in grid.items() if n not in within}

    def means_of(names: Sequence[str]) -> LinearFunctions:
        places = given | {n: moved[n] for n in names if not grid[n].is_factor}
        planned = plan(
            fit,
            list(names),
            within or None,
            at=places,
            cov_reduce=cov_reduce,
            weights="equal",
            nuisance=(),
            nesting=nesting,
        )
        return means_at(fit, planned, Testing(ddf=ddf))

    groups: dict[Any, list[TermTest]] = {}
    for term in _terms(fit, within, nesting):
        means = means_of(term)
        compared = [n for n in term if not any(n in nesting.get(m, ()) for m in term)]
        for key, rows in _groups(means):
            test = _tested(means, rows, term, compared)
            if test is not None:
                groups.setdefault(key, []).append(test)
    if fit.spec.aliased:
        everything = means_of([n for n in grid if n not in within])
        for key, rows in _groups(everything):
            groups.setdefault(key, []).extend(_rest(everything, rows, groups.get(key, [])))
    return _table(fit, within, groups)


def _terms(fit: Fit, within: Sequence[str], nesting: Nesting) -> list[tuple[str, ...]]:
    """Sets of columns that terms see, with what they are nested in; smaller ones first."""
    order = list(fixed_variables(fit))
    found: dict[tuple[str, ...], None] = {}
    for columns in largest_sets(fit):
        free = [name for name in columns if name not in within]
        for size in range(1, len(free) + 1):
            for names in combinations(free, size):
                above = {p for name in names for p in nesting.get(name, ()) if p not in within}
                whole = sorted({*names, *above}, key=order.index)
                found[tuple(whole)] = None
    return sorted(found, key=lambda names: (len(names), [order.index(n) for n in names]))


def _values(fit: Fit, variable: GridVariable) -> tuple[Any, ...]:
    """Values at which a covariate's columns are told apart: two of a straight line, else more."""
    if variable.is_factor or len(variable.values) > 1:
        return variable.values
    [centre] = variable.values
    if is_straight(fit, variable.name):
        return (centre, centre + (covariate_extent(fit, variable.name)[2] or 1.0))
    return covariate_places(fit, variable.name, places_needed(fit, variable.name))


def places_needed(fit: Fit, name: str) -> int:
    """Values of a covariate at which its columns are told apart."""
    terms = [t for t in fit.spec.fixed.term_slices if name in columns_of([t], fit.spec)]
    slices = (fit.spec.fixed.term_slices[term] for term in terms)
    return 2 + sum(int(part.stop - part.start) for part in slices)


def _groups(means: LinearFunctions) -> list[tuple[Any, Rows]]:
    """Per group of `by` its values and its rows."""
    values = {name: means.labels[name].tolist() for name in means.by}
    return [(tuple(values[name][rows[0]] for name in means.by), rows) for rows in means.families]


def _tested(
    means: LinearFunctions, rows: Rows, term: Sequence[str], compared: Sequence[str]
) -> TermTest | None:
    """The test of a term within a group; None if the model has no such term."""
    labels = {name: means.labels[name][rows] for name in term}
    C = _differences(labels, compared)
    L = combined_rows(C, means.L[rows])
    columns = means.fit.spec.columns
    _, tested = estimable_part(columns, L)
    if not np.any(tested):
        return None
    test = f_test(means.fit, tested, ddf=means.testing.ddf)
    lost = 0 if columns.relations is None else nominal_rank(columns.relations, L) - test.num_df
    return TermTest(":".join(term), test, lost, tested)


def _differences(labels: Mapping[str, NDArray[Any]], compared: Sequence[str]) -> Vector:
    """Contrasts (r, cells) that sum to zero over every compared column: an orthonormal basis.

    Joint degrees of freedom by Satterthwaite's method depend on the rows of a hypothesis. Those of
    any two orthonormal bases are the same, so that they do not depend on the order of levels.
    """
    cells = len(next(iter(labels.values())))
    sums = []
    for name in compared:
        others = [values.tolist() for other, values in labels.items() if other != name]
        keys = list(zip(*others, strict=True)) if others else [()] * cells
        kinds = {key: i for i, key in enumerate(dict.fromkeys(keys))}
        column = np.zeros((cells, len(kinds)))
        column[np.arange(cells), [kinds[key] for key in keys]] = 1.0
        sums.append(column)
    return left_null_space(np.hstack(sums))


def _rest(everything: LinearFunctions, rows: Rows, known: Sequence[TermTest]) -> list[TermTest]:
    """What the estimable means of a group tell beyond its terms, uncorrelated with them."""
    rows = rows[everything.estimable[rows]]
    if len(rows) < 2 or len(rows) > MOST_REST:
        return []
    fit = everything.fit
    root = np.linalg.cholesky(fit.cov_beta_unscaled)
    E = np.diff(everything.rows[rows], axis=0) @ root
    if known:
        A = np.vstack([test.L for test in known]) @ root
        left = np.linalg.svd(A.T, full_matrices=False)
        basis = left[0][:, left[1] > RANK * left[1][0]]
        E = E - (E @ basis) @ basis.T
    _, values, right = np.linalg.svd(E, full_matrices=False)
    size = np.linalg.norm(np.diff(everything.rows[rows], axis=0) @ root, axis=1).max()
    right = right[values > RANK * np.sqrt(len(E)) * size]
    if not len(right):
        return []
    L = np.asarray(np.linalg.solve(root.T, right.T).T)
    return [TermTest(REST, f_test(fit, L, ddf=everything.testing.ddf), 0, L)]


def _table(fit: Fit, within: Sequence[str], groups: Mapping[Any, Sequence[TermTest]]) -> Any:
    """Terms within groups, as the groups come."""
    found = [(key, test) for key, tests in groups.items() for test in tests]
    labels: dict[str, NDArray[Any]] = {}
    for j, name in enumerate(within):
        labels["term_" if name == "term" else name] = as_labels([key[j] for key, _ in found])
    terms = np.array([t.term for _, t in found], dtype=object)
    table = {"term": terms, **named(labels), **f_columns([t.test for _, t in found])}
    if any(test.lost for _, test in found) or any(test.term == REST for _, test in found):
        table["note"] = np.array([_note(test) for _, test in found], dtype=object)
    return fit.frame.table(table)


def _note(test: TermTest) -> str:
    if test.term == REST:
        return "beyond the terms above"
    if test.lost:
        return f"{test.test.num_df} of {test.test.num_df + test.lost} df estimable"
    return ""
