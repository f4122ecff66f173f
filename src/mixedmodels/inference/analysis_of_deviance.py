"""Likelihood ratios of the terms of the fixed part: the models with and without each are fitted.

The hypotheses are those of the analysis of variance. Of types 1 and 2 both models leave out the
terms that a term is not added to, so that in a sequence the ratios add up; of type 3 the larger
model is the whole one, and the smaller one satisfies L beta = 0 whatever the coding of the data.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import ORIGINAL
from mixedmodels.engine.route import problem_like
from mixedmodels.fit.criteria import n_parameters
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.likelihood_ratio import NAN, differences
from mixedmodels.inference.marginality import Hypothesis, hypotheses
from mixedmodels.inference.maximum import (
    FREES_VARIANCES,
    Maximum,
    caveats,
    frees_variances,
    maximum_of,
    search,
)
from mixedmodels.inference.mixture import NOTHING, chi_square_tail
from mixedmodels.vocabulary import SumOfSquares

Vector = NDArray[np.float64]

SAME = 1e-9
"""Sine of the angle between two spaces of coefficients below which they are one."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """The likelihood ratio of one term; nan where there is no test."""

    statistic: float
    df: float
    p_value: float
    notes: tuple[str, ...]


@dataclass
class Submodels:
    """Models whose coefficients are confined to a space, each fitted once.

    Attributes
    ----------
    fit
        The whole model.
    known
        Orthonormal bases (p, r) of spaces, at unit length of the columns of X, with the optima.
    """

    fit: Fit
    known: list[tuple[Vector, Maximum]] = field(default_factory=list)

    def at(self, basis: Vector) -> Maximum:
        """The optimum with beta in the span of the columns of `basis` (p, r)."""
        lengths = np.linalg.norm(self.fit.matrices.X, axis=0)
        span = np.linalg.qr(lengths[:, None] * basis)[0]
        for other, found in self.known:
            same = other.shape == span.shape
            if same and np.all(np.abs(span - other @ (other.T @ span)) < SAME):
                return found
        found = self._searched(span / lengths[:, None])
        self.known.append((span, found))
        return found

    def _searched(self, basis: Vector) -> Maximum:
        if basis.shape[1] == len(self.fit.beta):
            return maximum_of(self.fit, reml=False)
        X = self.fit.matrices.X @ basis
        names = tuple(f"column {j}" for j in range(X.shape[1]))
        m = replace(self.fit.matrices, X=np.asfortranarray(X), x_names=names, coordinates=ORIGINAL)
        problem = problem_like(self.fit.problem, m)
        return search(problem, reml=False, control=self.fit.request.control)


def analysis_of_deviance(fit: Fit, kind: SumOfSquares) -> object:
    """Table `term, df, note, hypothesis, statistic, p_value` of likelihood ratios (ML)."""
    submodels = Submodels(fit)
    rows = hypotheses(fit, kind)
    ratios = [_ratio(submodels, row) for row in rows]
    refitted = ["refitted by ML"] if fit.reml else []
    return fit.frame.table(
        {
            "term": [row.term for row in rows],
            "df": np.array([ratio.df for ratio in ratios], dtype=np.float64),
            "note": ["; ".join([*refitted, *ratio.notes]) for ratio in ratios],
            "hypothesis": [row.words for row in rows],
            "statistic": np.array([ratio.statistic for ratio in ratios], dtype=np.float64),
            "p_value": np.array([ratio.p_value for ratio in ratios], dtype=np.float64),
        }
    )


def _ratio(submodels: Submodels, row: Hypothesis) -> Ratio:
    if not len(row.L):
        return Ratio(NAN, 0.0, NAN, ())
    large = submodels.at(row.within)
    small = submodels.at(row.within @ _confined(row.L @ row.within))
    if frees_variances(small, large):
        return Ratio(NAN, NAN, NAN, (FREES_VARIANCES,))
    change = small.objective - large.objective
    statistic = change if change > NOTHING else 0.0
    df = n_parameters(large) - n_parameters(small)
    notes = [*differences(small, large), *caveats(small)]
    return Ratio(statistic, float(df), chi_square_tail(statistic, df), tuple(notes))


def _confined(L: Vector) -> Vector:
    """An orthonormal basis (r, r - k) of what satisfies L c = 0, L (k, r) being of full rank."""
    basis: Vector = np.linalg.qr(L.T, mode="complete")[0][:, len(L) :]
    return basis
