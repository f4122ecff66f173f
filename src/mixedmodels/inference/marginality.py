"""Which hypotheses the rows of an analysis of variance test, written in the columns of X.

Everything is derived from the model with indicators for every level of every factor, X_o, which
spans the same space as X. With X = QR and X_o = Q B the functions that the data can estimate are
w'B for w in R^p, and w'B beta_o = w'R beta: a hypothesis is a set of directions w, and does not
depend on the coding of the data. Satterthwaite's joint degrees of freedom also depend on the rows
that a hypothesis is written in. They are those of treatment coding, whatever the coding of the
data: what each column adds to those before it (the rows of Doolittle's elimination) for type 1,
and for type 2 of a term that others contain; the differences from the first level otherwise. These
are the rows that lmerTest's published values rest on.

Of generalised models the inner products are those of the information about beta, not of the columns
of X over the rows: what a term adds to others is then what a likelihood ratio of the two models
tests, to second order, and a Wald statistic of type 1 or 2 is close to that ratio. (In a linear
model X'X is what lmerTest and SAS take.) Type 3 does not depend on this.

The constant comes before all terms wherever factors among them span it, also where the formula
leaves it out: no type tests that a mean is zero, only that means differ, and `0 + a` has the table
of `a`.

A term is contained in another one if both have the same covariates and the other has all its
factors and more (Goodnight 1978, SAS Technical Report R-101; SAS/STAT, "The Four Types of Estimable
Functions").
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from formulaic import SimpleFormula
from formulaic.parser.types import Factor, Term
from numpy.typing import NDArray

from mixedmodels.design import is_intercept, term_label, without_origin
from mixedmodels.design.expand import train
from mixedmodels.design.rank import independent_columns
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.once import once
from mixedmodels.inference.space import Space, columns_and_space
from mixedmodels.vocabulary import SumOfSquares

Vector = NDArray[np.float64]

RANK = 1e-8
"""Singular value, relative to the largest, below which a direction is spanned by the others."""

SAME = 1e-7
"""Part of an indicator column, relative to its length, that X may leave unexplained."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One row of the table.

    Attributes
    ----------
    term : str
        The term.
    L : array (k, p)
        With k = 0 if nothing can be tested.
    words : str
        What it says: that means do not differ, that slopes are zero, ….
    within : array (p, r)
        A basis of the beta of the model in which it is tested: of all, or for types 1 and 2 of
        those of the term and of the terms that it is added to.
    """

    term: str
    L: Vector
    words: str
    within: Vector


@dataclass(frozen=True, slots=True)
class Indicators:
    """The overparametrised model in the coordinates of X.

    Attributes
    ----------
    terms
        The terms of the fixed part, the intercept included.
    blocks
        B of every term, (p, columns of the term).
    covariates, factors
        Per term, the numeric and the categorical parts.
    treatment
        The same blocks with the columns of treatment coding alone.
    R : array (p, p)
        Takes a direction w to the row w'R of L.
    whole, reduced : tuple of arrays (rows, columns of the term)
        The columns behind `blocks` and `treatment`.
    space : Space
        What takes those to these.
    """

    terms: tuple[Term, ...]
    blocks: tuple[Vector, ...]
    treatment: tuple[Vector, ...]
    covariates: tuple[frozenset[str], ...]
    factors: tuple[frozenset[str], ...]
    R: Vector
    whole: tuple[Vector, ...]
    reduced: tuple[Vector, ...]
    space: Space

    def contains(self, outer: int, inner: int) -> bool:
        """Whether term `inner` is contained in term `outer`."""
        same = self.covariates[outer] == self.covariates[inner]
        return same and self.factors[inner] < self.factors[outer]

    def beside(self, term: int) -> list[int]:
        """The other terms that do not contain this one."""
        return [i for i in range(len(self.terms)) if i != term and not self.contains(i, term)]

    def stacked(self, which: Sequence[int]) -> Vector:
        """B of several terms, side by side."""
        return np.hstack([np.zeros((len(self.R), 0)), *(self.blocks[i] for i in which)])

    def without_origin(self, others: Sequence[int]) -> "Indicators":
        """The model with columns that are far from zero less multiples of coarse columns of terms
        that a hypothesis leaves free, on which it therefore does not depend.

        Raises
        ------
        DataError
            If columns that these do not bring near zero look dependent from there.
        """
        if not others:
            return self
        base = np.hstack([self.whole[i] for i in others])
        whole = tuple(without_origin(columns, base) for columns in self.whole)
        reduced = tuple(without_origin(columns, base) for columns in self.reduced)
        near = replace(
            self,
            blocks=tuple(self.space.coordinates(columns) for columns in whole),
            treatment=tuple(self.space.coordinates(columns) for columns in reduced),
        )
        if _basis(near.stacked(others))[1] < len(independent_columns(base)):
            raise DataError(
                "A hypothesis is about a covariate at zero, so far from the data that a term and "
                "its interaction cannot be told apart there.\n"
                "Do:   centre the covariate; the model is the same, and the hypothesis is about "
                "its mean."
            )
        return near


@once
def hypotheses(fit: Fit, kind: SumOfSquares) -> list[Hypothesis]:
    """L of every term but the intercept, for an analysis of variance of type 1, 2 or 3."""
    if not len(fit.beta):
        return []
    model = indicators(fit)
    # The types differ only where there are other terms.
    alone = sum(not is_intercept(term) for term in model.terms) == 1
    directions = sequential if alone else {1: sequential, 2: partial, 3: marginal}[kind]
    found = []
    for i, term in enumerate(model.terms):
        if not is_intercept(term):
            free = range(i) if directions is sequential else model.beside(i)
            near = model.without_origin(free) if fit.matrices.coordinates.steps else model
            w = directions(near, i)
            inner = near.stacked([*free, i]) if kind != 3 else np.eye(len(w))
            within: Vector = np.asarray(np.linalg.solve(model.R, _span(inner)), dtype=np.float64)
            words = in_words(model, i, kind)
            found.append(Hypothesis(term_label(term), w.T @ model.R, words, within))
    return found


def _span(columns: Vector) -> Vector:
    """An orthonormal basis (p, r) of the columns."""
    left, rank = _basis(columns)
    return left[:, :rank]


def in_words(model: Indicators, term: int, kind: SumOfSquares) -> str:
    """What the hypothesis of a term says."""
    if kind == 1:
        return "adds nothing to earlier terms"
    if kind == 2:
        return "adds nothing to terms without it"
    others = [i for i, other in enumerate(model.terms) if not is_intercept(other)]
    if model.covariates[term]:
        if any(model.contains(term, i) for i in others):
            return "slopes do not differ"
        return "slopes are zero" if model.factors[term] else "slope is zero"
    inner = any(model.contains(term, i) for i in others)
    return "no interaction" if inner else "means do not differ"


def sequential(model: Indicators, term: int) -> Vector:
    """Type 1: what the term adds to those before it."""
    return added(model.stacked(range(term)), model.treatment[term])


def partial(model: Indicators, term: int) -> Vector:
    """Type 2: what the term adds to all that do not contain it."""
    directions = added(model.stacked(model.beside(term)), model.treatment[term])
    if any(model.contains(i, term) for i in range(len(model.terms))):
        return directions
    return _as_differences(directions, model.treatment[term])


def marginal(model: Indicators, term: int) -> Vector:
    """Type 3: functions of the term and those that contain it, orthogonal to the latter's own."""
    own = _free(model, term)
    above = [i for i in range(len(model.terms)) if model.contains(i, term)]
    if not above:
        return _as_differences(own, model.treatment[term])
    B = model.stacked(range(len(model.terms)))
    inner = np.hstack([_free(model, i) for i in above])
    taken = own.T @ B @ B.T @ inner
    left, values, _ = np.linalg.svd(taken)
    rank = int(np.sum(values > RANK * max(values[:1].sum(), 1e-300)))
    return _as_differences(own @ left[:, rank:], model.treatment[term])


def _as_differences(directions: Vector, columns: Vector) -> Vector:
    """The same space by rows that have a one at one column of treatment coding, zero at the rest.

    Where cells are empty there are fewer directions than columns, and they stay as they are.
    """
    own = directions.T @ columns
    if own.shape[0] != own.shape[1] or np.linalg.cond(own) > 1 / RANK:
        return directions
    rows: Vector = np.asarray(np.linalg.solve(own, directions.T), dtype=np.float64)
    return rows.T


def _free(model: Indicators, term: int) -> Vector:
    """Directions whose functions have no coefficient outside the term and those containing it."""
    left, rank = _basis(model.stacked(model.beside(term)))
    return left[:, rank:]


def added(before: Vector, block: Vector) -> Vector:
    """Directions (p, k) in which the columns of `block`, one by one, leave the span before them.

    Orthogonal; each has a product of one with its own column.
    """
    left, rank = _basis(before)
    known: list[Vector] = [left[:, :rank]]
    directions = [np.zeros((len(block), 0))]
    for column in block.T:
        rest: Vector = column.reshape(-1, 1)
        for _ in range(2):  # once more, for the digits that the first pass lost
            for part in known:
                rest = np.subtract(rest, part @ (part.T @ rest))
        length = float(np.linalg.norm(rest))
        if length > RANK * np.linalg.norm(column):
            known.append(rest / length)
            directions.append(rest / length**2)
    return np.hstack(directions)


def _basis(columns: Vector) -> tuple[Vector, int]:
    """An orthonormal basis of the whole space whose first `rank` vectors span the columns."""
    length = np.linalg.norm(columns, axis=0)
    columns = columns[:, length > 0] / length[length > 0]
    if not columns.shape[1]:
        return np.eye(len(columns)), 0
    left, values, _ = np.linalg.svd(columns, full_matrices=True)
    return left, int(np.sum(values > RANK * values[0]))


def indicators(fit: Fit) -> Indicators:
    """The overparametrised model of a fit.

    Raises
    ------
    DataError
        If the coding of a factor leaves out contrasts between its levels.
    """
    spec = fit.spec
    variables, space = columns_and_space(fit)
    kinds = {expr: kind for expr, (kind, _) in spec.fixed.encoder_state.items()}
    categorical = {e for e, kind in kinds.items() if kind is Factor.Kind.CATEGORICAL}
    terms = _with_constant(tuple(spec.fixed.formula), categorical, space)
    sums, state = SimpleFormula(list(terms)), spec.fixed.transform_state
    expansion = train(sums, variables, full_rank=False, state=state)
    reduced = train(sums, replace(variables, codings={}), state=state)
    whole = expansion.matrix
    B = space.coordinates(whole)
    unexplained = np.linalg.norm(space.left(whole), axis=0)
    if np.any(unexplained > SAME * np.maximum(np.linalg.norm(whole, axis=0), 1e-300)):
        raise DataError(
            "A coding of the fixed part leaves out contrasts between levels, so that the terms "
            "have no hypotheses of their own.\n"
            "Do:   test the coefficients with wald_test, or use a complete coding."
        )
    slices, few = expansion.recipe.term_slices, reduced.recipe.term_slices
    T = space.coordinates(reduced.matrix)
    parts = [[f.expr for f in term.factors if f.expr != "1"] for term in terms]
    return Indicators(
        terms=terms,
        blocks=tuple(B[:, slices[term]] for term in terms),
        treatment=tuple(T[:, few[term]] for term in terms),
        covariates=tuple(frozenset(p) - categorical for p in parts),
        factors=tuple(frozenset(p) & categorical for p in parts),
        R=space.R,
        whole=tuple(whole[:, slices[term]] for term in terms),
        reduced=tuple(reduced.matrix[:, few[term]] for term in terms),
        space=space,
    )


def _with_constant(
    terms: tuple[Term, ...], categorical: Collection[str], space: Space
) -> tuple[Term, ...]:
    """The terms, behind an intercept if factors among them span the constant without one.

    `0 + a` is then the same model as `a`, and gets the same tests.
    """
    factors = any(all(f.expr in categorical for f in term.factors) for term in terms)
    rest = space.left(np.ones((len(space.back), 1)))
    missing = np.linalg.norm(rest) > SAME * np.sqrt(len(rest))
    if not factors or missing or any(map(is_intercept, terms)):
        return terms
    return (Term([Factor("1", eval_method="literal")]), *terms)
