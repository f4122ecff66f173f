"""Known covariances of levels: from what the user has, to a sparse precision in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from scipy import linalg, sparse
from scipy.sparse import csgraph

from mixedmodels.data import Frame, is_unlabelled, label, match_levels
from mixedmodels.design.matrices import Matrix, Precision
from mixedmodels.design.symmetric_factor import symmetric_factor
from mixedmodels.errors import DataError, FormulaError
from mixedmodels.formula import Formula, RandomTerm
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import KnownMatrices

SYMMETRIC = 1e-8
"""Largest difference between two halves of a symmetric matrix, relative to its largest entry."""

SINGULAR = 1e-12
"""Smallest over largest squared pivot below which a matrix is not told from a singular one."""

LISTED = 6

COVARIANCE, PRECISION = "cov", "precision"


@runtime_checkable
class LabelledPrecision(Protocol):
    """A precision matrix that knows its levels, such as a pedigree's."""

    @property
    def labels(self) -> Sequence[Any]: ...

    @property
    def precision(self) -> sparse.csc_matrix: ...

    @property
    def log_det(self) -> float: ...


@dataclass(frozen=True, slots=True)
class KnownMatrix:
    """A known matrix as the user gave it.

    Attributes
    ----------
    name
        What the formula calls it.
    values
        Sparse columns (m, m).
    labels
        The levels that its rows belong to; None if they are those of the data in order.
    is_precision
        Whether it is the inverse of the covariance.
    log_det
        log of the determinant of a precision that brings it.
    """

    name: str
    values: sparse.csc_matrix
    labels: tuple[Any, ...] | None
    is_precision: bool
    log_det: float | None = None

    __repr__ = brief


def matrix_names(formula: Formula) -> tuple[str, ...]:
    """The names of the known matrices of a formula."""
    options = (_option(term) for term in formula.random)
    return tuple(dict.fromkeys(name for _, name in filter(None, options)))


def known_matrix(term: RandomTerm, text: str, known: KnownMatrices) -> KnownMatrix | None:
    """The matrix of a term of the formula `text`; None if its levels are independent.

    Raises
    ------
    FormulaError
        With a caret, if the term names no matrix, two of them, or one that was not given.
    DataError
        If it is no square matrix of finite numbers.
    """
    call = term.structure
    if call.is_plain:
        return None
    found = _option(term)
    if call.option(COVARIANCE) is not None and call.option(PRECISION) is not None:
        message = "A covariance and its inverse are the same: keep cov= or precision=."
        raise FormulaError(message, formula=text, position=call.start, length=len(call.word))
    if found is None:
        if call.word != "known":
            return None
        message = (
            f"{term} names no matrix: write known({term.lhs} | {term.name}, cov=K) and pass "
            "known={'K': K}, or precision=Q for its inverse."
        )
        raise FormulaError(message, formula=text, position=call.start, length=len(call.word))
    kind, name = found
    if name not in known:
        option = call.option(kind)
        start, stop = (term.start, term.stop) if option is None else (option.start, option.stop)
        message = f"No matrix {name!r} was given: pass it to the fit, known={{{name!r}: …}}."
        raise FormulaError(message, formula=text, position=start, length=stop - start)
    return _read(name, known[name], is_precision=kind == PRECISION)


def further_levels(matrix: KnownMatrix, group: str, levels: Sequence[Any]) -> tuple[Any, ...]:
    """The levels of a labelled matrix that the data do not have.

    Raises
    ------
    DataError
        If it lacks a level of the data, or labels have a type that cannot be compared.
    """
    if matrix.labels is None:
        return ()
    places = match_levels(group, matrix.labels, levels)[:-1]
    found = set(places.tolist())
    lacking = [label(value) for j, value in enumerate(levels) if j not in found]
    if lacking:
        raise DataError(
            f"The matrix {matrix.name!r} lacks {len(lacking)} of the {len(levels)} levels of "
            f"{group}: {_listed(lacking)}.\n"
            "Do:   add their rows and columns, or leave these levels out of the data.\n"
            "Why:  nothing tells how they vary with the others."
        )
    return tuple(value for value, place in zip(matrix.labels, places, strict=True) if place < 0)


def precision_of(matrix: KnownMatrix, group: str, levels: Sequence[Any]) -> Precision:
    """The precision matrix of levels, among them all of the matrix.

    Raises
    ------
    DataError
        If the sizes differ, or the matrix is not symmetric and positive definite.
    """
    values = matrix.values
    if matrix.labels is None and values.shape[0] != len(levels):
        raise DataError(
            f"The matrix {matrix.name!r} has {values.shape[0]} rows, but {group} has "
            f"{len(levels)} levels.\n"
            "Do:   pass a frame whose index and columns are the levels, or a matrix in their order."
        )
    names = list(levels if matrix.labels is None else matrix.labels)
    _check_symmetric(matrix, names)
    if matrix.is_precision:
        Q, log_det = values, matrix.log_det
        if log_det is None:
            log_det = _log_det(matrix)
    else:
        Q, log_det = _inverse(matrix)
    if matrix.labels is not None:
        places = match_levels(group, matrix.labels, levels)[:-1]
        order = np.empty(len(levels), dtype=np.int64)
        order[places] = np.arange(len(levels))
        Q = sparse.csc_matrix(Q[order][:, order])
    Q = sparse.csc_matrix(0.5 * (Q + Q.T))
    Q.sum_duplicates()
    return Precision(Q, float(log_det), matrix.name)


def checked_known(known: object, formula: Formula) -> dict[str, object] | None:
    """The matrices by name.

    Raises
    ------
    DataError
        If they are no mapping, or one is not used in the formula.
    """
    if known is None:
        return None
    if not isinstance(known, Mapping) or not all(isinstance(name, str) for name in known):
        raise DataError(
            "known is no mapping of names to matrices.\n"
            "Do:   write known={'K': K}, with known(1 | id, cov=K) in the formula."
        )
    unused = [name for name in known if name not in matrix_names(formula)]
    if unused:
        raise DataError(
            f"known has the matrix {unused[0]!r}, which the formula does not name.\n"
            f"Do:   write known(1 | id, cov={unused[0]}) in the formula, or leave it out."
        )
    return dict(known)


def _option(term: RandomTerm) -> tuple[str, str] | None:
    """``cov`` or ``precision``, and the name of the matrix."""
    for kind in (COVARIANCE, PRECISION):
        name = term.structure.text(kind)
        if name is not None:
            return kind, name
    return None


def _read(name: str, given: object, *, is_precision: bool) -> KnownMatrix:
    if isinstance(given, LabelledPrecision):
        Q, log_det = sparse.csc_matrix(given.precision), float(given.log_det)
        return KnownMatrix(name, Q, tuple(given.labels), is_precision=True, log_det=log_det)
    values, labels = _values(name, given)
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not values.shape[0]:
        raise DataError(
            f"The matrix {name!r} has shape {tuple(values.shape)}.\n"
            "Do:   pass a square matrix with a row and a column for every level."
        )
    matrix = sparse.csc_matrix(values, dtype=np.float64)
    if not np.isfinite(matrix.data).all():
        raise DataError(
            f"The matrix {name!r} has missing or infinite entries.\nDo:   correct them."
        )
    if labels is not None and len(set(labels)) < len(labels):
        twice = next(value for value in labels if labels.count(value) > 1)
        raise DataError(
            f"The matrix {name!r} has the level {twice!r} more than once.\n"
            "Do:   give every level one row and one column."
        )
    return KnownMatrix(name, matrix, labels, is_precision)


def _values(name: str, given: object) -> tuple[Any, tuple[Any, ...] | None]:
    """Numbers, and the labels of a frame that has some."""
    if sparse.issparse(given):
        return given, None
    try:
        if isinstance(given, pd.DataFrame):
            return _of_pandas(name, given)
        if isinstance(given, Mapping) or hasattr(given, "columns"):
            frame = Frame.of(given)
            values = [frame.column(column).floats() for column in frame.columns]
            return np.column_stack(values), frame.columns
        return np.asarray(given, dtype=np.float64), None
    except (TypeError, ValueError) as error:
        raise DataError(
            f"The matrix {name!r}, a {type(given).__name__}, cannot be read as numbers.\n"
            "Do:   pass a frame with the levels as index and columns, an array, or a sparse matrix."
        ) from error


def _of_pandas(name: str, frame: pd.DataFrame) -> tuple[Matrix, tuple[Any, ...] | None]:
    values = frame.to_numpy(dtype=np.float64)
    rows, columns = frame.index, frame.columns
    if is_unlabelled(columns) and is_unlabelled(rows):
        return values, None
    if is_unlabelled(rows) and len(rows) == len(columns):
        return values, tuple(columns.tolist())
    if rows.is_unique and columns.is_unique and len(rows) == len(columns):
        places = columns.get_indexer(rows)
        if (places < 0).any():
            places = columns.astype(str).get_indexer(rows.astype(str))
        if (places >= 0).all():
            return values[:, places], tuple(rows.tolist())
    if values.shape[0] == values.shape[1]:
        raise DataError(
            f"The index and the columns of the matrix {name!r} are not the same levels.\n"
            "Do:   give both the labels of the levels, each once."
        )
    return values, None


def _check_symmetric(matrix: KnownMatrix, names: Sequence[Any]) -> None:
    difference = abs(matrix.values - matrix.values.T).tocoo()
    largest = float(abs(matrix.values).max())
    if difference.nnz and float(difference.data.max()) > SYMMETRIC * largest:
        worst = int(np.argmax(difference.data))
        i, j = int(difference.row[worst]), int(difference.col[worst])
        raise DataError(
            f"The matrix {matrix.name!r} is not symmetric: for {label(names[i])!r} and "
            f"{label(names[j])!r} it has {matrix.values[i, j]:g} and {matrix.values[j, i]:g}.\n"
            "Do:   pass the whole matrix, both triangles, with rows and columns in one order."
        )


def _inverse(matrix: KnownMatrix) -> tuple[sparse.csc_matrix, float]:
    """The inverse of a covariance, block by block of levels that vary together, and its log|.|."""
    K = matrix.values
    n_blocks, block = csgraph.connected_components(K, directed=False)
    order = np.argsort(block, kind="stable")
    stops = np.cumsum(np.bincount(block, minlength=n_blocks))
    rows, columns, data, log_det = [], [], [], 0.0
    for start, stop in zip(np.r_[0, stops[:-1]], stops, strict=True):
        members = order[start:stop]
        inverse, part = _dense_inverse(matrix, K[members][:, members].toarray())
        rows.append(np.repeat(members, len(members)))
        columns.append(np.tile(members, len(members)))
        data.append(inverse.ravel())
        log_det -= part
    entries = (np.concatenate(data), (np.concatenate(rows), np.concatenate(columns)))
    Q = sparse.csc_matrix(entries, shape=K.shape)
    Q.eliminate_zeros()
    return Q, log_det


def _dense_inverse(matrix: KnownMatrix, K: Matrix) -> tuple[Matrix, float]:
    try:
        L = linalg.cholesky(K, lower=True)
    except linalg.LinAlgError as error:
        raise _not_positive(matrix, K) from error
    pivots = np.square(np.diag(L))
    if pivots.min() < SINGULAR * pivots.max():
        raise _not_positive(matrix, K)
    inverse = linalg.cho_solve((L, True), np.eye(len(K)))
    return inverse, float(np.log(pivots).sum())


def _log_det(matrix: KnownMatrix) -> float:
    """log|Q| from a sparse factor whose pivots stay on the diagonal: all positive, or Q is not."""
    try:
        factor = symmetric_factor(matrix.values)
    except RuntimeError as error:
        raise _not_positive(matrix, None) from error
    pivots = factor.U.diagonal()
    on_diagonal = np.array_equal(factor.perm_r, factor.perm_c)
    if not on_diagonal or pivots.min() < SINGULAR * pivots.max():
        raise _not_positive(matrix, None)
    return float(np.log(pivots).sum())


def _not_positive(matrix: KnownMatrix, values: Matrix | None) -> DataError:
    shown = ""
    if values is not None and len(values) <= 2000:
        shown = f": its smallest eigenvalue is {np.linalg.eigvalsh(values)[0]:.2g}"
    return DataError(
        f"The matrix {matrix.name!r} is not positive definite{shown}.\n"
        "Do:   merge levels that are the same (clones, duplicated samples), or add a small number "
        "such as 0.01 to its diagonal.\n"
        "Why:  a covariance of levels needs an inverse."
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:LISTED]) + (", …" if len(names) > LISTED else "")
