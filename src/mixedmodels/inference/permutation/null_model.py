"""The model under the null hypothesis, with the covariance that it estimates."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from formulaic.parser.types import Term
from numpy.typing import ArrayLike, NDArray

from mixedmodels.design import ORIGINAL, term_label
from mixedmodels.engine.arrays import without_offset
from mixedmodels.engine.route import linear, problem_like
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.iterated import depends_on_fitted
from mixedmodels.inference.contrast import independent_rows
from mixedmodels.inference.hypothesis import LinearHypothesis, read_hypothesis
from mixedmodels.inference.marginality import hypotheses
from mixedmodels.inference.maximum import caveats, search
from mixedmodels.inference.permutation.whitening import Whitening, whitening

Vector = NDArray[np.float64]
Tested = str | Sequence[str] | ArrayLike

linear_alone = partial(
    linear, what="A permutation test", instead="use drop1(), wald_test() or bootstrap()"
)
"""The problem of a linear model, or a refusal of a generalised one."""


@dataclass(frozen=True, slots=True)
class NullModel:
    """A model under a null hypothesis.

    Attributes
    ----------
    X : array (n, p_0)
        Its columns.
    y : array (n,)
        The response less the offset and what the hypothesis says of it.
    whitening : Whitening
        By its covariance.
    notes : tuple of str
        What is to be said of its fit.
    """

    X: Vector
    y: Vector
    whitening: Whitening
    notes: tuple[str, ...]


def null_model(fit: Fit, X: Vector, shift: Vector) -> NullModel:
    """Fit the columns `X` to the response less `shift` (n,), by the criterion of the fit.

    Raises
    ------
    DataError
        If the residual variance depends on the fitted values, which are those of the fit, or too
        many rows are dependent on each other.
    """
    m = fit.matrices
    if depends_on_fitted(m):
        raise DataError(
            "A permutation test is not available where sigma= depends on the fitted values.\n"
            "Do:   let the residual variance depend on covariates, or use wald_test().\n"
            "Why:  the null model would have other variances, and its fit those of its own values."
        )
    names = tuple(f"column {j}" for j in range(X.shape[1]))
    y = m.y - shift
    matrices = replace(m, X=np.asfortranarray(X), y=y, x_names=names, coordinates=ORIGINAL)
    problem = linear_alone(problem_like(fit.problem, matrices))
    found = search(problem, reml=fit.reml, control=fit.request.control)
    return NullModel(
        X, without_offset(m, y), whitening(problem, found.theta), tuple(caveats(found))
    )


def null_space(fit: Fit, hypothesis: LinearHypothesis) -> tuple[Vector, Vector]:
    """Columns (n, p - k) of the mean where L beta = 0, and a mean (n,) where L beta = c.

    Raises
    ------
    DataError
        If the hypothesis is empty, or contradicts itself.
    """
    L, rhs = independent_rows(hypothesis.L, hypothesis.rhs, fit)
    X = fit.matrices.X
    scale = np.linalg.norm(X, axis=0)
    rows = L / scale
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    right = np.linalg.svd(rows)[2][len(L) :].T
    some = np.linalg.lstsq(L / scale, rhs, rcond=None)[0]
    return (X / scale) @ right, (X / scale) @ some


def read_test(fit: Fit, test: Tested) -> tuple[str, LinearHypothesis]:
    """In words what is tested, and the hypothesis: that of a term, or of `wald_test`.

    Raises
    ------
    DataError
        If a name is that of no term or coefficient, or nothing is left to test of a term.
    """
    if not isinstance(test, str) or find_term(fit, test) is None:
        found = read_hypothesis(fit, test)
        return ", ".join(found.labels), found
    row = next(row for row in hypotheses(fit, 3) if _is_same(row.term, test))
    if not len(row.L):
        raise DataError(
            f"The term {test!r} has nothing to test: the other terms determine it.\n"
            "Do:   test another one, or leave a term out that repeats it."
        )
    words = f"{row.term} ({row.words})" if row.words else row.term
    return words, LinearHypothesis(row.L, np.zeros(len(row.L)), (words,))


def find_term(fit: Fit, name: str) -> Term | None:
    """The term of the fixed part of this name, whatever the order of its parts."""
    terms = fit.spec.fixed.formula
    return next((t for t in terms if t.degree and _is_same(term_label(t), name)), None)


def _is_same(label: str, name: str) -> bool:
    return sorted(label.split(":")) == sorted(part.strip() for part in name.split(":"))
