"""Refuse models that the data cannot identify, before any fitting."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np

from mixedmodels.design.identification import Identification
from mixedmodels.design.magnitude import require_magnitude
from mixedmodels.design.matrices import ModelMatrices, TermMatrix, Vector
from mixedmodels.design.repeats import dependent_column, repeated_term
from mixedmodels.errors import DataError
from mixedmodels.formula import RandomTerm
from mixedmodels.vocabulary import ResponseKind


def check_response(y: Vector, text: str) -> None:
    """Refuse a response that is infinite, constant or of an impossible unit."""
    low, high = float(y.min()), float(y.max())
    if not (isfinite(low) and isfinite(high)):
        raise DataError(
            f"The response {text!r} is infinite or not a number in "
            f"{np.count_nonzero(~np.isfinite(y))} rows.\n"
            "Do:   correct these rows or leave them out; a logarithm needs positive values."
        )
    if low == high:
        raise DataError(
            f"The response {text!r} has the same value, {y[0]:g}, in every row.\n"
            "Do:   check the column and the rows that were kept.\n"
            "Why:  without variation there is nothing to explain."
        )
    require_magnitude(f"The response {text!r}", max(-low, high))


def check_weights_of_trials(weights: Vector | None, size: Vector | None, text: str) -> None:
    """Refuse weights that are the trials of the response `text`, which would count twice."""
    if weights is None or size is None or np.all(size == 1) or not np.array_equal(weights, size):
        return
    raise DataError(
        f"weights= are the trials of the response {text!r} once more.\n"
        "Do:   leave weights= out.\n"
        "Why:  a weight multiplies the log-likelihood of its row, which is that of all its trials "
        "already;\n      R's glm and glmer take trials as weights, since their response is a "
        "proportion."
    )


def check_sizes(n: int, p: int) -> None:
    """Refuse as many coefficients as rows."""
    if n <= p:
        raise DataError(
            f"There are {n} rows for {p} coefficients of the fixed part.\n"
            "Do:   use fewer terms or more rows.\n"
            "Why:  nothing is left from which to estimate a variance."
        )


def check_columns(term: RandomTerm, matrix: TermMatrix) -> None:
    """Refuse a random term with a column of zeros."""
    has_values = matrix.Z.any(axis=0)
    if not has_values.all():
        raise zero_column(term, matrix.names[int(np.argmin(has_values))])


def zero_column(term: RandomTerm, name: str) -> DataError:
    """That a column of a random term is zero."""
    return DataError(
        f"The column {name!r} of {term} is zero in every row.\n"
        "Do:   leave it out of the term.\n"
        "Why:  an effect of it changes nothing, so that it has no variance."
    )


def check_identification(
    terms: Sequence[RandomTerm], matrices: ModelMatrices, found: Identification
) -> None:
    """Refuse a random term that says nothing of its own.

    One whose columns repeat each other, that can only give what another term or the residual
    gives, or whose group has one level and whose effects the fixed part takes up. Other relations
    among the variance parameters are no error: the fit tells them.
    """
    if not found.n_lost:
        return
    for term, matrix in zip(terms, matrices.terms, strict=True):
        column = None if matrix.is_independent else dependent_column(matrix)
        if column is not None:
            raise _dependent(term, matrix.names, column)
    for term, matrix, absorbed in zip(terms, matrices.terms, found.absorbed, strict=True):
        levels = matrices.groupings[matrix.group].levels
        if len(levels) == 1 and len(absorbed) == len(matrix.names):
            raise _one_level(term, levels[0])
    pair = repeated_term(matrices)
    if pair is not None:
        term, other = terms[pair[0]], None if pair[1] is None else terms[pair[1]]
        raise like_the_residual(term, matrices) if other is None else _repeats(term, other)


def _dependent(term: RandomTerm, names: tuple[str, ...], column: int) -> DataError:
    name, others = names[column], names[:column]
    return DataError(
        f"The column {name!r} of {term} is a combination of {', '.join(others)}.\n"
        f"Do:   leave {name!r} out of the term.\n"
        "Why:  their effects cannot be told apart."
    )


def _one_level(term: RandomTerm, level: object) -> DataError:
    return DataError(
        f"The grouping factor {term.name!r} of {term} has one level, {level!r}.\n"
        "Do:   leave the term out, or use data with several levels.\n"
        "Why:  a variance between levels needs at least two of them, unless the columns of the "
        "term are other than those of the fixed part."
    )


def check_effects_of_rows(
    terms: Sequence[RandomTerm], matrices: ModelMatrices, response: ResponseKind
) -> None:
    """Refuse an effect for every row where a row is one outcome of two, or of a few categories.

    A distribution of counts leaves room for it: it is their overdispersion. But the probability of
    a single outcome is all that a row can tell, and that is the same for any variance of the effect
    with fixed effects to match.
    """
    if response != "ordered" and not (response == "trials" and matrices.size is None):
        return
    for term, matrix in zip(terms, matrices.terms, strict=True):
        if len(matrices.groupings[matrix.group].levels) >= len(matrices.y):
            what = "a category" if response == "ordered" else "a single outcome"
            raise DataError(
                f"The term {term} has a level for every row, and each row is {what}.\n"
                "Do:   leave the term out, or use a group of several rows.\n"
                "Why:  the variance of an effect of single outcomes changes nothing but the scale "
                "of the other effects, so that no data can tell it."
            )


def like_the_residual(term: RandomTerm, matrices: ModelMatrices) -> DataError:
    """That a term has a level for every row."""
    return DataError(
        f"The term {term} has {len(matrices.y)} levels, and there are {len(matrices.y)} rows.\n"
        "Do:   leave the term out; a factor that numbers the rows is no group.\n"
        "Why:  with an effect for every row, its variance and the residual variance cannot be "
        "told apart."
    )


def _repeats(term: RandomTerm, other: RandomTerm) -> DataError:
    same_rows = (
        "" if term.name == other.name else f", as {term.name} has the same levels as {other.name}"
    )
    return DataError(
        f"The term {term} repeats what {other} says already{same_rows}.\n"
        f"Do:   leave {term} out: {other} alone is the same model.\n"
        "Why:  every covariance that the one can give the other can give too, so that their "
        "variances cannot be told apart."
    )
