"""What new rows tell of the random effects, at the parameters of a fit.

Of a linear model rows add to the sums of `fit.level_information`, exactly. Of a generalised one the
modes of all levels are found by Newton's method: rows enter by their log-density, what the rows of
the fit told by its normal approximation at the modes of the fit (or exactly where these are given).
Derivatives in eta are differences over five points, whose error is far below that of a double's
square root.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from mixedmodels.data import Frame
from mixedmodels.engine.auxiliary import row_values
from mixedmodels.errors import DataError
from mixedmodels.fit.auxiliary import auxiliary_rows
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.level_information import LevelInformation, modes
from mixedmodels.fit.linear_predictor import marginal_mean
from mixedmodels.prediction.level_errors import effect_rows
from mixedmodels.prediction.new_blocks import blocks_of_new_rows
from mixedmodels.prediction.new_response import new_response
from mixedmodels.prediction.residual_variance import new_scale
from mixedmodels.prediction.rows import Rows, complete_rows, groups_with_own_levels, new_rows
from mixedmodels.prediction.structured_errors import has_unseen

Vector = NDArray[np.float64]

STEP = 1e-3
"""Of differences of the log-density in eta."""

MOST_STEPS, CLOSE = 100, 1e-11
"""Newton steps at most, and a step relative to the effects that ends them."""


@dataclass(frozen=True, slots=True)
class Observed:
    """New rows with their response.

    Attributes
    ----------
    Z : sparse array (n, q)
        The columns of all effects.
    X : array (n, p)
    eta : array (n,)
        X beta + offset.
    y : array (n,)
    rows : Rows
    """

    Z: sparse.csr_array
    X: Vector
    eta: Vector
    y: Vector
    rows: Rows


def observed_rows(fit: Fit, frame: Frame) -> Observed:
    """The rows of a table with their response, whose levels the fit knows.

    Raises
    ------
    DataError
        If a column is missing, or a row misses a value.
    """
    groups = range(len(fit.matrices.groupings))
    rows = new_rows(
        fit,
        frame.native,
        groups,
        residual=fit.spec.residual is not None,
        auxiliary=fit.generalised is not None,
    )
    _require_known_levels(fit, rows)
    y = new_response(fit, frame)
    eta = rows.X @ fit.beta
    if rows.offset is not None:
        eta = eta + rows.offset
    _require_told(fit, rows)
    _require_complete(rows, np.isfinite(eta) & np.isfinite(y))
    if fit.generalised is not None:
        fit.family.check_values(y, rows.size, fit.spec.formula.response)
    return Observed(effect_rows(fit, rows), rows.X, eta, y, rows)


def _require_known_levels(fit: Fit, rows: Rows) -> None:
    """Refuse new levels of which relations are needed, or that share a row with others."""
    own = groups_with_own_levels(fit)
    for term in rows.terms:
        unseen = has_unseen(term)
        if term.group in own and unseen.any():
            name = fit.matrices.groupings[term.group].name
            first = rows.index[int(np.argmax(unseen))]
            raise DataError(
                f"{np.count_nonzero(unseen)} of the new rows have levels of {name} that the fit "
                f"has not seen; the first has the row label {first!r}.\n"
                "Do:   leave these rows out, or fit the model anew.\n"
                "Why:  levels that are related, or several to a row, cannot be added one by one."
            )


def _require_complete(rows: Rows, has_response: NDArray[np.bool_]) -> None:
    complete = complete_rows(rows) & has_response
    for term in rows.terms:
        complete &= term.codes >= 0
    if not complete.all():
        first = rows.index[int(np.argmin(complete))]
        raise DataError(
            f"{np.count_nonzero(~complete)} of the new rows miss a value of the response, of a "
            "covariate, of a group, of the offset, of the weights or of the trials; the first has "
            f"the row label {first!r}.\n"
            "Do:   leave these rows out."
        )


def _require_told(fit: Fit, rows: Rows) -> None:
    """Refuse rows without the weights or the trials that say how much they tell."""
    asked, m = fit.request.distribution, fit.matrices
    trials = None if asked is None else asked.trials
    for what, used, given, values in (
        ("weights", m.weights, fit.request.weights, rows.weights),
        ("trials", m.size, trials, rows.size),
    ):
        if used is None or values is not None:
            continue
        raise DataError(
            f"The model has {what}, and the new rows have none.\n"
            + (
                f"Do:   add the column {given!r}.\n"
                if isinstance(given, str)
                else f"Do:   put the {what} into a column of the data and fit with its name.\n"
            )
            + "Why:  they say how much a row tells."
        )


def told_by(fit: Fit, new: Observed) -> LevelInformation:
    """The sums over rows of a linear model."""
    root = _residual_root(fit, new)
    white = sparse.csc_array(root @ new.Z)
    return LevelInformation(
        sparse.csc_matrix(white.T @ white),
        np.asarray(white.T @ (root @ new.X)),
        np.asarray(white.T @ (root @ (new.y - new.eta))),
        len(new.y),
    )


def _residual_root(fit: Fit, new: Observed) -> sparse.csr_array:
    """A root of R^-1 of new rows; the rows of one block are correlated.

    Raises
    ------
    DataError
        If a block has rows of the fit, with which the new ones are correlated.
    """
    residual = fit.matrices.residual
    if residual is not None and residual.scale is not None and residual.scale.depends_on_fitted:
        raise DataError(
            "The residual standard deviation is a function of the fitted values, which change with "
            "the random effects.\nDo:   fit the model anew with the new rows."
        )
    scale = new_scale(fit, new.rows, fit.theta, new.eta)
    if residual is None or residual.structure is None:
        return sparse.csr_array(sparse.diags_array(1 / scale))
    blocks = blocks_of_new_rows(fit, new.rows)
    rows, columns, values = [], [], []
    for at, C in blocks:
        L = np.linalg.cholesky(C * np.outer(scale[at], scale[at]))
        inverse = linalg.solve_triangular(L, np.eye(len(at)), lower=True)
        rows.append(np.repeat(at, len(at)))
        columns.append(np.tile(at, len(at)))
        values.append(inverse.ravel())
    places = (np.concatenate(rows), np.concatenate(columns))
    n = len(new.y)
    return sparse.csr_array((np.concatenate(values), places), shape=(n, n))


def joined(a: LevelInformation, b: LevelInformation) -> LevelInformation:
    """The sums over the rows of both."""
    gram = sparse.csc_matrix(a.gram + b.gram)
    return LevelInformation(gram, a.cross + b.cross, a.score + b.score, a.added + b.added)


Derivatives = Callable[[Vector], tuple[Vector, Vector]]
"""Of the log-density of rows at eta: the first, and minus the second."""


@dataclass(frozen=True, slots=True)
class Densities:
    """Rows that enter by their log-density."""

    Z: sparse.csr_array
    X: Vector
    eta: Vector
    derivatives: Derivatives


def densities_of(fit: Fit, new: Observed) -> Densities:
    """The log-densities of new rows."""
    m, rows = fit.matrices, new.rows
    D = [np.empty((len(new.y), 0)) if own is None else own for own in rows.auxiliary]
    auxiliary = row_values(m.auxiliary, fit.delta, len(new.y), y=new.y, matrices=D)
    own = derivatives_of(fit, new.y, rows.size, rows.weights, auxiliary)
    return Densities(new.Z, new.X, new.eta, own)


def with_rows_of_fit(fit: Fit, Z: sparse.csr_array, new: Densities) -> Densities:
    """The same with the rows of the fit, whose effects have the columns Z (n, q)."""
    m = fit.matrices
    old = derivatives_of(fit, m.y, m.size, m.weights, auxiliary_rows(fit, of_response=True))
    n = len(m.y)

    def both(eta: Vector) -> tuple[Vector, Vector]:
        parts = zip(old(eta[:n]), new.derivatives(eta[n:]), strict=True)
        first, second = (np.concatenate(part) for part in parts)
        return first, second

    return Densities(
        sparse.csr_array(sparse.vstack([Z, new.Z], format="csr")),
        np.vstack([m.X, new.X]),
        np.concatenate([marginal_mean(m.X, fit.beta, m.offset), new.eta]),
        both,
    )


def derivatives_of(
    fit: Fit, y: Vector, size: Vector | None, weights: Vector | None, auxiliary: Vector
) -> Derivatives:
    """The derivatives of the log-density of rows, times their weights."""
    family, weight = fit.family.native, 1.0 if weights is None else weights
    own = np.ascontiguousarray(auxiliary)

    def at(eta: Vector) -> tuple[Vector, Vector]:
        points = [
            family.log_density(y, size, np.ascontiguousarray(eta + k * STEP), own)
            for k in (-2, -1, 0, 1, 2)
        ]
        a, b, c, d, e = points
        first = (a - 8 * b + 8 * d - e) / (12 * STEP)
        second = (-a + 16 * b - 30 * c + 16 * d - e) / (12 * STEP**2)
        return weight * first, -weight * second

    return at


def newton(
    fit: Fit, known: LevelInformation, rows: Densities, start: tuple[Vector, ...]
) -> tuple[tuple[Vector, ...], LevelInformation]:
    """The modes of all levels, and what all rows tell there.

    Parameters
    ----------
    fit
        The parameters, and the levels.
    known
        What other rows tell, by a normal approximation.
    rows
        The rows that enter by their log-density.
    start
        Effects (levels, q_k) per term.

    Raises
    ------
    DataError
        If the modes are not found.
    """
    b = np.concatenate([np.empty(0), *(part.ravel() for part in start)])
    for _ in range(MOST_STEPS):
        effects = rows.Z @ b
        slope, weight = rows.derivatives(rows.eta + effects)
        left = sparse.csc_array(rows.Z.T.multiply(np.maximum(weight, 0.0)))
        told = LevelInformation(
            sparse.csc_matrix(left @ rows.Z),
            np.asarray(left @ rows.X),
            np.asarray(left @ effects + rows.Z.T @ slope),
            len(rows.eta),
        )
        whole = joined(known, told)
        found = modes(fit, whole)
        new = np.concatenate([np.empty(0), *(part.ravel() for part in found)])
        step = _shortened(new - b)
        b = b + step
        if np.linalg.norm(step) <= CLOSE * (1 + np.linalg.norm(b)):
            return found, whole
    raise DataError(
        "The random effects given the new rows were not found: Newton's method does not end.\n"
        "Do:   look for responses that the model thinks impossible; or fit the model anew."
    )


def _shortened(step: Vector) -> Vector:
    """A step that changes no linear predictor by very much at a time."""
    largest = float(np.max(np.abs(step), initial=0.0))
    return step if largest <= 5.0 else step * (5.0 / largest)
