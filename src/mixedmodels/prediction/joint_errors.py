"""Errors of what a generalised model predicts, from the joint covariance of psi-hat and b-hat.

With psi = (theta | beta | delta) and the conditional modes b-hat a function of psi, the error of
eta = x'beta + z'b + offset is to first order (Kass & Steffey 1989, *Journal of the American
Statistical Association* 84, 717-726; what TMB's sdreport gives)

    z'(b - b-hat) at known psi, of variance z'Lambda M^-1 Lambda'z,  and
    g'(psi-hat - psi),  g = d eta / d psi = (z'db/dtheta, x + z'db/dbeta, z'db/ddelta),

which are uncorrelated. Any smooth function of eta, delta and theta follows by the chain rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mixedmodels.design import incidence
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.route import generalised
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.level_information import level_equations
from mixedmodels.fit.linear_predictor import add_random_effects
from mixedmodels.fit.once import once
from mixedmodels.fit.random_effects import level_covariances
from mixedmodels.prediction.predict import Predicted
from mixedmodels.prediction.structured_errors import has_unseen

Vector = NDArray[np.float64]

BLOCK = 4_000_000
"""Numbers in a dense temporary of a block of rows."""


@dataclass(frozen=True, slots=True)
class LinearErrors:
    """What of the error of n linear predictors comes from where.

    Attributes
    ----------
    gradient : array (n, len(psi))
        d eta / d psi.
    conditional : array (n,)
        The variance that is left where psi is known: of the modes of known levels.
    """

    gradient: Vector
    conditional: Vector


def linear_errors(fit: Fit, of: Predicted) -> LinearErrors:
    """The errors of the linear predictors of some rows; effects of unseen levels not among them."""
    return LinearErrors(eta_gradient(fit, of), _conditional(fit, of))


def eta_gradient(fit: Fit, of: Predicted) -> Vector:
    """D eta / d psi (n, len(psi)) of the rows."""
    m, p = fit.problem.n_theta, len(fit.beta)
    gradient = np.zeros((len(of.estimate), len(fit.psi)), order="F")
    gradient[:, m : m + p] = of.rows.X
    if not of.has_known_levels:
        return gradient
    for term, Z, slopes in zip(of.rows.terms, of.included, mode_slopes(fit), strict=True):
        if Z.any():
            for j in range(gradient.shape[1]):
                add_random_effects(gradient[:, j], term.codes, Z, slopes[:, :, j], term.members)
    return gradient


@once
def mode_slopes(fit: Fit) -> list[Vector]:
    """Per term db/dpsi (levels, q_k, len(psi))."""
    return _by_term(fit, _problem(fit).mode_slopes(fit.psi))


def _by_term(fit: Fit, of_all: Vector) -> list[Vector]:
    """Columns (q_total, r) over the effects of all terms, as (levels, q_k, r) of each."""
    m, first, parts = fit.matrices, 0, []
    for term in m.terms:
        shape = (len(m.groupings[term.group].levels), len(term.names))
        stop = first + shape[0] * shape[1]
        parts.append(of_all[first:stop].reshape(*shape, -1))
        first = stop
    return parts


def _problem(fit: Fit) -> GeneralisedProblem:
    return generalised(fit.problem, "A joint covariance of estimates and random effects")


def effect_columns(fit: Fit, of: Predicted) -> sparse.csr_array:
    """Z (n, q_total) of the included effects of known levels: levels by term, in formula order,
    the columns of a level together.
    """
    m, blocks = fit.matrices, []
    for old, term, Z in zip(m.terms, of.rows.terms, of.included, strict=True):
        levels, q = len(m.groupings[old.group].levels), Z.shape[1]
        A = sparse.coo_array(incidence(term.codes, term.members, levels))
        row, level = A.coords
        columns = (level[:, None] * q + np.arange(q)).ravel()
        values = (A.data[:, None] * Z[row]).ravel()
        place = (np.repeat(row, q), columns)
        blocks.append(sparse.csr_array((values, place), shape=(len(Z), levels * q)))
    return sparse.csr_array(sparse.hstack(blocks, format="csr"))


def conditional_covariance(fit: Fit, right: Vector) -> Vector:
    """Covariance (r, r) of right'(b - b-hat) at known psi, of columns `right` (q_total, r)."""
    return np.asarray(right.T @ _solved(fit, right))


def _solved(fit: Fit, right: Vector) -> Vector:
    """Lambda M^-1 Lambda' times columns (q_total, r)."""
    if fit.matrices.has_rows:
        return _problem(fit).solve(fit.psi, np.asfortranarray(right))
    equations = level_equations(fit)
    Lambda = equations.Lambda
    return np.asarray(Lambda @ equations.solve(np.asarray(Lambda.T @ right)))


def _conditional(fit: Fit, of: Predicted) -> Vector:
    """Z'Lambda M^-1 Lambda'z (n,) of the included effects of known levels."""
    if not of.has_known_levels:
        return np.zeros(len(of.estimate))
    terms = fit.matrices.terms
    if not of.rows.is_new and all(Z is term.Z for Z, term in zip(of.included, terms, strict=True)):
        return _problem(fit).row_variance(fit.psi)
    if len(terms) == 1 and of.rows.terms[0].members is None:
        return _within_levels(fit, of)
    return _across_levels(fit, of)


def _within_levels(fit: Fit, of: Predicted) -> Vector:
    """The same where a row has effects of one level: by the covariances of these."""
    [term], [Z] = of.rows.terms, of.included
    C = level_covariances(fit, 0)
    known = ~has_unseen(term)
    variance = np.zeros(len(Z))
    variance[known] = np.einsum("ni,nij,nj->n", Z[known], C[term.codes[known]], Z[known])
    return variance


def _across_levels(fit: Fit, of: Predicted) -> Vector:
    """The same in general, by one solution for each combination of effects that rows have."""
    first, place = _distinct(of)
    columns = sparse.csr_array(effect_columns(fit, of)[first])
    variance = np.empty(len(first))
    step = max(1, BLOCK // columns.shape[1])
    for low in range(0, len(first), step):
        right = columns[low : low + step].toarray().T
        variance[low : low + step] = np.einsum("qn,qn->n", right, _solved(fit, right))
    return variance[place]


def _distinct(of: Predicted) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The first of the rows that share levels and columns, and which of these each row is."""
    if any(term.members is not None for term in of.rows.terms):
        every = np.arange(len(of.estimate))
        return every, every
    parts: Sequence[Vector] = [
        np.column_stack([np.where(Z.any(axis=1), term.codes, -1), Z])
        for term, Z in zip(of.rows.terms, of.included, strict=True)
    ]
    _, first, place = np.unique(np.hstack(parts), axis=0, return_index=True, return_inverse=True)
    return first, place
