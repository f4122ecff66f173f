"""Estimates of the levels of a group with no pooling, complete pooling and the multilevel model.

Gelman & Hill (2007, chapter 12): classical regression either ignores the group (complete pooling)
or has coefficients of their own for each of its levels (no pooling); the model is between the two.
With r = y - offset - other groups' random effects and the columns Z of the group's random effects

    complete   r = X beta + e
    none       r = X beta + Z gamma_j + e,  gamma_j of every level j without a distribution

by weighted least squares. In the second, Z gamma_j is eliminated level by level: with
A_j = Z_j^+ X_j

    beta-hat = least squares of (r_j - Z_j Z_j^+ r_j) on (X_j - Z_j A_j),
    gamma-hat_j = Z_j^+ (r_j - X_j beta-hat),

and a mean x'beta + z'gamma_j is estimated by (x - A_j'z)'beta-hat + z'Z_j^+ r_j, whose two parts
are uncorrelated, so that its variance is

    sigma^2 [(x - A_j'z)' (X'X less Z)^+ (x - A_j'z) + z'(Z_j'Z_j)^+ z].

It is told by the data if z is in the row space of Z_j, and x - A_j'z in that of the rest of X.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import NewTerm
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import terms_of_group
from mixedmodels.fit.linear_predictor import add_random_effects
from mixedmodels.prediction.predict import predicted_rows, relative_errors
from mixedmodels.prediction.rows import Rows, fitted_rows

Vector = NDArray[np.float64]
Int = NDArray[np.int64]

RANK = 1e-7
"""Singular value, relative to the largest, below which a direction is not there."""


@dataclass(frozen=True, slots=True)
class Level:
    """What the rows of one level tell, weighted.

    Attributes
    ----------
    A : array (q, p)
        Z_j^+ X_j.
    own : array (q,)
        Z_j^+ r_j.
    inner : array (q, q)
        (Z_j'Z_j)^+.
    space : array (q, q)
        Projector onto the rows of Z_j.
    """

    A: Vector
    own: Vector
    inner: Vector
    space: Vector


@dataclass(frozen=True, slots=True)
class LevelMeans:
    """Estimates of means (k,) and their standard errors; nan where the data do not tell them."""

    estimate: Vector
    std_error: Vector


@dataclass(frozen=True, slots=True)
class PartialPooling:
    """The three estimates of one group of a fit.

    Attributes
    ----------
    fit : Fit
        The model.
    group : int
        The grouping factor.
    Z : array (n, q)
        Columns of all its random effects, in working coordinates.
    rest : array (n,)
        Offset and other groups' random effects, which are taken as they are.
    beta, cov, space
        Of the regression without pooling: beta-hat (p,), its covariance over sigma^2 and the
        projector onto what it is told of (p, p).
    sigma : float
        Its residual standard deviation, nan where no degree of freedom is left.
    levels : tuple of Level
        Those of the group.
    complete, cov_complete
        beta-hat (p,) with complete pooling and its covariance.
    """

    fit: Fit
    group: int
    Z: Vector
    rest: Vector
    beta: Vector
    cov: Vector
    space: Vector
    sigma: float
    levels: tuple[Level, ...]
    complete: Vector
    cov_complete: Vector

    def with_complete_pooling(self, X: Vector) -> LevelMeans:
        """Means of rows X (k, p)."""
        variance = np.einsum("ij,jk,ik->i", X, self.cov_complete, X)
        return LevelMeans(X @ self.complete, np.sqrt(variance))

    def without_pooling(self, X: Vector, Z: Vector, level: int) -> LevelMeans:
        """Means of rows X (k, p), Z (k, q) of a level."""
        found = self.levels[level]
        x = X - Z @ found.A
        lost = np.linalg.norm(Z - Z @ found.space, axis=1) > RANK * np.linalg.norm(Z, axis=1)
        lost |= np.linalg.norm(x - x @ self.space, axis=1) > RANK * np.linalg.norm(X, axis=1)
        variance = np.einsum("ij,jk,ik->i", x, self.cov, x)
        variance += np.einsum("ij,jk,ik->i", Z, found.inner, Z)
        estimate = np.where(lost, np.nan, x @ self.beta + Z @ found.own)
        return LevelMeans(estimate, np.where(lost, np.nan, self.sigma * np.sqrt(variance)))

    def with_the_model(self, X: Vector, Z: Vector, levels: Int) -> LevelMeans:
        """Means of rows X (k, p), Z (k, q), each of one of the `levels` (k,), by the model: its
        errors are those of the mean of this level, whose random effects are estimated.
        """
        rows = self._rows(X, Z, levels)
        terms = self.fit.matrices.terms
        chosen = [np.full(len(t.names), t.group == self.group) for t in terms]
        of = predicted_rows(self.fit, rows, chosen)
        errors = relative_errors(self.fit, of, theta=self.fit.theta, C=self.fit.cov_beta_unscaled)
        return LevelMeans(of.estimate, self.fit.sigma * np.sqrt(errors.mean))

    def _rows(self, X: Vector, Z: Vector, levels: Int) -> Rows:
        terms, start = [], 0
        for term in self.fit.matrices.terms:
            width = len(term.names)
            if term.group != self.group:
                codes, part = np.full(len(X), -1, dtype=np.int32), np.zeros((len(X), width))
            else:
                codes, part = levels.astype(np.int32), Z[:, start : start + width]
                start += width
            terms.append(NewTerm(term.group, codes, term.names, part))
        return replace(
            fitted_rows(self.fit), X=X, terms=tuple(terms), offset=None, weights=None, is_new=True
        )


def pooled_partially(fit: Fit, g: int) -> PartialPooling:
    """The regressions with and without pooling of grouping factor `g` of a linear model.

    Raises
    ------
    DataError
        If the model is generalised, or rows belong to several levels of the group.
    """
    m = fit.matrices
    terms = terms_of_group(m, g)
    _require_levels(fit, terms, g)
    rest = np.zeros(len(m.y)) if m.offset is None else m.offset.copy()
    for k, term in enumerate(m.terms):
        if k not in terms:
            codes = m.groupings[term.group].codes
            add_random_effects(rest, codes, term.Z, fit.b[k], term.members)
    Z = np.hstack([m.terms[k].Z for k in terms])
    root = np.ones(len(m.y)) if m.weights is None else np.sqrt(m.weights)
    X, r, Zw = m.X * root[:, None], (m.y - rest) * root, Z * root[:, None]
    left_X, left_r, levels, rank = X.copy(), r.copy(), [], 0
    for rows in m.groupings[g].rows():
        Z_j = Zw[rows]
        inverse, space = _inverse(Z_j)
        level = Level(inverse @ X[rows], inverse @ r[rows], inverse @ inverse.T, space)
        left_X[rows] -= Z_j @ level.A
        left_r[rows] -= Z_j @ level.own
        rank += round(float(np.trace(space)))
        levels.append(level)
    beta, cov, space, sigma = _least_squares(left_X, left_r, X, taken=rank)
    complete, cov_c, _, sigma_c = _least_squares(X, r, X, taken=0)
    return PartialPooling(
        fit, g, Z, rest, beta, cov, space, sigma, tuple(levels), complete, sigma_c**2 * cov_c
    )


def _require_levels(fit: Fit, terms: Sequence[int], g: int) -> None:
    name = fit.matrices.groupings[g].name
    if fit.generalised is not None:
        raise DataError(
            "Partial pooling is drawn of linear models.\n"
            "Do:   draw plot.shrinkage() of a generalised one.\n"
            "Why:  levels without a success, or with nothing else, have no estimate without "
            "pooling."
        )
    if any(fit.matrices.terms[k].members is not None for k in terms):
        raise DataError(
            f"Rows belong to several levels of {name}, which have no estimates of their own.\n"
            "Do:   draw plot.caterpillar()."
        )


def _inverse(Z: Vector) -> tuple[Vector, Vector]:
    """Z^+ (q, n), and the projector (q, q) onto the rows of Z."""
    U, sizes, V = np.linalg.svd(Z, full_matrices=False)
    kept = sizes > RANK * max(sizes.max(initial=0.0), np.finfo(np.float64).tiny)
    inverse = (V[kept].T / sizes[kept]) @ U[:, kept].T
    return inverse, V[kept].T @ V[kept]


def _least_squares(
    left: Vector, r: Vector, whole: Vector, *, taken: int
) -> tuple[Vector, Vector, Vector, float]:
    """Estimates, covariance over sigma^2, what they are told of, and sigma, where `taken` degrees
    of freedom went before. A column of which next to nothing is left is in those that went.
    """
    length = np.linalg.norm(whole, axis=0)
    length[length == 0] = 1.0
    U, sizes, V = np.linalg.svd(left / length, full_matrices=False)
    kept = sizes > RANK
    half = V[kept].T / length[:, None]
    beta = half @ ((U[:, kept].T @ r) / sizes[kept])
    cov = (half / sizes[kept] ** 2) @ half.T
    basis = np.linalg.qr(V[kept].T * length[:, None])[0]
    free = len(r) - taken - int(np.count_nonzero(kept))
    residual = r - left @ beta
    sigma = float(np.sqrt(residual @ residual / free)) if free > 0 else float("nan")
    return beta, cov, basis @ basis.T, sigma
