"""Refuse a residual covariance whose parameters the rows cannot tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mixedmodels.covariance import UNSTRUCTURED, Structure
from mixedmodels.design.matrices import Int32, Matrix, ModelMatrices, TermMatrix
from mixedmodels.design.rank import independent_columns
from mixedmodels.design.residual_matrix import ResidualMatrix, ScaleModel
from mixedmodels.errors import DataError
from mixedmodels.formula import RandomTerm
from mixedmodels.formula.residual import ResidualTerm

Bools = NDArray[np.bool_]

Indices = NDArray[np.intp]


def check_residual(term: ResidualTerm, made: ResidualMatrix, structure: Structure) -> None:
    """Refuse blocks too small for the structure, and correlations that no block shows.

    Raises
    ------
    DataError
        With what to write instead.
    """
    sizes = np.bincount(made.codes)
    if sizes.max() < 2:
        raise DataError(
            f"No level of {term.name} has two rows, so that {term} has no correlation to show.\n"
            "Do:   name a group with several rows per level, or leave residual= out."
        )
    if structure.by_position:
        return
    for part, name in enumerate(made.parts):
        rows = made.part == part
        _check_pairs(term, made, structure, rows.nonzero()[0], name)


def check_scale(made: ResidualMatrix, weights_text: str) -> None:
    """Refuse columns of the log sd that the structure's own standard deviations repeat.

    Raises
    ------
    DataError
        That names the column.
    """
    structure, scale = made.structure, made.scale
    if scale is None or structure is None:
        return
    own = made.part.astype(np.int64)
    if not structure.hom:
        own = own * (int(made.positions.max()) + 1) + made.positions[:, 0].astype(np.int64)
    present, place = np.unique(own, return_inverse=True)
    if len(present) < 2:
        return
    columns, names = _log_columns(scale)
    counts = np.bincount(place)
    within = np.column_stack(
        [column - (np.bincount(place, column) / counts)[place] for column in columns.T]
    )
    size = np.abs(columns).max(axis=0)
    kept = set(independent_columns(within).tolist())
    kept -= {j for j in range(len(names)) if np.abs(within[:, j]).max() <= 1e-9 * size[j]}
    lost = [name for j, name in enumerate(names) if j not in kept]
    if lost:
        what = "by= " if structure.hom else "the standard deviations of its occasions "
        raise DataError(
            f"The column {lost[0]!r} of sigma={weights_text!r} repeats what {what}in residual= "
            "give.\n"
            "Do:   leave it out, or write hom=True in residual= for one standard deviation.\n"
            "Why:  two factors of the same standard deviations cannot be told apart."
        )


def check_contained(
    terms: Sequence[RandomTerm], matrices: ModelMatrices, residual: ResidualTerm
) -> None:
    """Refuse a random term whose covariances the residual structure has already.

    Raises
    ------
    DataError
        That names the term.
    """
    made = matrices.residual
    if made is None or made.structure is None:
        return
    structure = made.structure
    holds_all = structure == UNSTRUCTURED
    holds_constant = structure.hom and structure.kind in ("cs", "toep") and structure.band is None
    has_own_scale = made.scale is not None or matrices.weights is not None
    if has_own_scale or not (holds_constant or holds_all):
        return
    for term, matrix in zip(terms, matrices.terms, strict=True):
        grouping = matrices.groupings[matrix.group]
        is_alike = matrix.is_plain and _same_blocks(grouping.codes, made.codes)
        if is_alike and _repeats(matrix, made, holds_all=holds_all):
            raise DataError(
                f"The covariance {residual} of the residuals has all that {term} adds.\n"
                f"Do:   leave {term} out, or use a residual structure that decays, such as "
                f"ar1(… | {residual.name}).\n"
                "Why:  their parameters cannot be told apart."
            )


def _repeats(matrix: TermMatrix, made: ResidualMatrix, *, holds_all: bool) -> bool:
    Z = matrix.Z
    if not holds_all:
        return len(matrix.names) == 1 and bool(np.all(Z[0] == Z))
    occasion = made.positions[:, 0].astype(np.int64)
    first = np.zeros((int(occasion.max()) + 1, Z.shape[1]))
    first[occasion[::-1]] = Z[::-1]
    return bool(np.array_equal(first[occasion], Z))


def _same_blocks(a: Int32, b: Int32) -> bool:
    pairs = len(np.unique(a.astype(np.int64) * (int(b.max()) + 1) + b))
    return pairs == len(np.unique(a)) == len(np.unique(b))


def _check_pairs(
    term: ResidualTerm,
    made: ResidualMatrix,
    structure: Structure,
    rows: Indices,
    part: str,
) -> None:
    """Refuse correlations of two occasions, or at a lag, that no block shows."""
    if structure.kind not in ("us", "toep", "ante"):
        return
    q = int(made.positions.max()) + 1
    seen = _together(made.codes[rows], made.positions[rows, 0].astype(np.int64), q)
    where = f" for {term.structure.text('by')}={part}" if part else ""
    labels = made.occasions
    if structure.kind == "toep":
        last = q if structure.band is None else structure.band
        lags = [lag for lag in range(1, last) if not np.diag(seen, lag).any()]
        if lags:
            raise _never(term, f"are {lags[0]} occasions apart{where}", "band= for fewer lags, or ")
        return
    pairs = np.argwhere(~seen)
    pairs = pairs[pairs[:, 0] <= pairs[:, 1]]
    if structure.kind == "ante":
        pairs = pairs[pairs[:, 1] - pairs[:, 0] <= 1]
    if len(pairs):
        i, j = pairs[0]
        shown = f"have {labels[i]!r} and {labels[j]!r} together{where}"
        if i == j:
            shown = f"have {labels[i]!r}{where}"
        raise _never(term, shown, "")


def _together(codes: Int32, occasion: NDArray[np.int64], q: int) -> Bools:
    """Which pairs (q, q) of occasions a block has."""
    shape = (int(codes.max()) + 1, q)
    incidence = sparse.csr_matrix((np.ones(len(codes)), (codes, occasion)), shape=shape)
    found: Bools = (incidence.T @ incidence).toarray() > 0
    return found


def _never(term: ResidualTerm, shown: str, first: str) -> DataError:
    return DataError(
        f"No two rows of one level of {term.name or 'the data'} {shown}, so that a correlation of "
        f"{term} cannot be told.\n"
        f"Do:   write {first}a structure with fewer parameters, such as ar1 or cs, or leave out "
        "occasions that are rarely seen."
    )


def _log_columns(scale: ScaleModel) -> tuple[Matrix, tuple[str, ...]]:
    """The columns that the log of the standard deviation is linear in, those of powers included."""
    columns, names = [scale.S], list(scale.names)
    for power in scale.powers:
        if power.kind == "power" and power.values is not None:
            values = power.values if power.rows is None else np.where(power.rows, power.values, 1)
            columns.append(np.log(values)[:, None])
            names.append(f"power({power.name})")
    return np.hstack(columns), tuple(names)
