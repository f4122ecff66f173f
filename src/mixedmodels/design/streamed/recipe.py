"""The recipe by which every batch becomes numbers: terms, codings, states, working coordinates.

It is made of a few rows (a survey's: the first ones, and one for each level), which decide the form
of columns but no number in a result. Working coordinates are chosen by them too: any will do, as
long as the columns are near zero and well apart in them, and all batches share them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from formulaic import ModelSpec as Recipe
from formulaic import SimpleFormula

from mixedmodels.covariance import UNSTRUCTURED, Structure
from mixedmodels.data import Column, Completeness
from mixedmodels.data.dictionary import LevelKind
from mixedmodels.design.build import covariates_of, require_different_names
from mixedmodels.design.coordinates import ORIGINAL, Coordinates, Step, coordinates_of
from mixedmodels.design.expand import evaluate, expand, train
from mixedmodels.design.expansion import Expansion
from mixedmodels.design.grouping import calculated_with, check_group_name
from mixedmodels.design.matrices import Matrix
from mixedmodels.design.names import used_columns
from mixedmodels.design.rank import independent_columns
from mixedmodels.design.reading import KeptData, nothing_left
from mixedmodels.design.sizes import Part
from mixedmodels.design.streamed.question import Question
from mixedmodels.design.streamed.survey import Learned
from mixedmodels.design.structures import structure_of_term
from mixedmodels.design.terms import no_columns
from mixedmodels.design.variables import Variable, Variables
from mixedmodels.formula import RandomTerm
from mixedmodels.shortening import brief


@dataclass(frozen=True, slots=True)
class Made:
    """Columns that every batch gets.

    Attributes
    ----------
    recipe
        formulaic's.
    names
        Of the columns of the formula.
    coordinates
        From these to the columns that are summed.
    """

    recipe: Recipe
    names: tuple[str, ...]
    coordinates: Coordinates

    __repr__ = brief

    def columns(self, variables: Variables) -> Matrix:
        """The columns (n, k) of a batch, Fortran order."""
        return np.asfortranarray(self.coordinates.columns(expand(self.recipe, variables).matrix))


@dataclass(frozen=True, slots=True)
class RandomPart:
    """A random term."""

    term: RandomTerm
    structure: Structure
    made: Made


@dataclass(frozen=True, slots=True)
class BatchRecipe:
    """All that makes the numbers of a batch.

    Attributes
    ----------
    question
        What was asked.
    learned
        What passes over the data told.
    variables
        The covariates as the survey knows them; means are not known yet.
    example
        The covariates on the survey's rows, with the codings of the caller's choice.
    fixed
        All columns of the fixed part, those that others span included.
    random
        The random terms in formula order.
    groups
        The columns of every grouping factor, in order of first appearance.
    constant
        The column of the fixed part that is one in every row; None without one.
    origin
        A value of the response from which the others are counted, where there is a constant.
    cell_columns
        The columns of the fixed part that are factors, by themselves or in the formula.
    """

    question: Question
    learned: Learned
    variables: Mapping[str, Variable]
    example: Variables
    fixed: Made
    random: tuple[RandomPart, ...]
    groups: tuple[tuple[str, ...], ...]
    constant: int | None
    origin: float
    cell_columns: tuple[str, ...]

    __repr__ = brief

    @property
    def kinds(self) -> Mapping[str, LevelKind]:
        """What the covariates hold."""
        return self.learned.survey.kinds

    def group_of(self, part: RandomPart) -> int:
        """The index of the grouping factor of a term."""
        return self.groups.index(part.term.group)


def recipe_of_batches(question: Question, learned: Learned) -> BatchRecipe:
    """Make the recipe of what passes over the data told.

    Raises
    ------
    FormulaError, DataError
        If a column cannot be made.
    """
    survey, roles = learned.survey, question.roles
    if not survey.nrows:
        raise nothing_left(survey.missing, survey.n_missing)
    columns = {name: survey.column(name) for name in roles.covariates}
    nrows = survey.nrows
    data = KeptData(columns, None, None, Completeness(None, {}), nrows)
    example = covariates_of(roles, data, question.contrasts, question.functions)
    fixed, expansion = _made(question.formula.fixed_sum, example, learned, "fixed", moves=True)
    require_different_names(expansion, "The fixed part")
    random = tuple(
        _random_part(term, question, example, learned) for term in question.formula.random
    )
    for term in question.formula.random:
        check_group_name(term)
    constant = next((s.start for t, s in fixed.recipe.term_slices.items() if str(t) == "1"), None)
    return BatchRecipe(
        question=question,
        learned=learned,
        variables=example.summary(roles.covariates),
        example=example,
        fixed=fixed,
        random=random,
        groups=tuple(dict.fromkeys(term.group for term in question.formula.random)),
        constant=constant,
        origin=0.0 if constant is None else _origin(question, learned),
        cell_columns=tuple(_cell_columns(question, learned)),
    )


def _cell_columns(question: Question, learned: Learned) -> Iterator[str]:
    kinds, text = learned.survey.kinds, question.formula.fixed
    made = set(kinds) - calculated_with(text, kinds)
    for name in used_columns(text, kinds):
        if kinds[name] != "numbers" or name in made:
            yield name


def _origin(question: Question, learned: Learned) -> float:
    """The mean of the response, less the offset, over the survey's rows."""
    survey = learned.survey
    columns = {n: Column.of_numbers(n, survey.rows[n]) for n in question.roles.response}
    variables = Variables(columns, survey.nrows, {}, question.functions)
    y = evaluate(question.formula.response_factor, variables, learned.state_copy())
    mean = float(np.mean(y - survey.offset)) if survey.nrows else 0.0
    return mean if np.isfinite(mean) else 0.0


def _random_part(
    term: RandomTerm, question: Question, example: Variables, learned: Learned
) -> RandomPart:
    structure = structure_of_term(term.structure, question.formula.text)
    if not len(term.sum):
        raise no_columns(term, question.formula.text)
    moves = structure == UNSTRUCTURED
    made, expansion = _made(term.sum, example, learned, "random", moves=moves)
    if not expansion.names:
        raise no_columns(term, question.formula.text)
    require_different_names(expansion, str(term))
    return RandomPart(term, structure, made)


def _made(
    terms: SimpleFormula, example: Variables, learned: Learned, part: Part, *, moves: bool
) -> tuple[Made, Expansion]:
    expansion = train(terms, example, part, state=learned.state)
    coordinates = working_coordinates(expansion.matrix) if moves else ORIGINAL
    return Made(expansion.recipe, expansion.names, coordinates), expansion


def working_coordinates(X: Matrix) -> Coordinates:
    """Coordinates in which columns like those of `X` (n, p) are near zero and well apart.

    Columns that these rows cannot tell from others, since they do not vary in them, are moved to
    their value there, which is near zero where they do vary; the sources of all steps are columns
    that no other rows can make dependent.
    """
    kept = independent_columns(X).tolist()
    found = coordinates_of(np.asfortranarray(X[:, kept])) if kept else ORIGINAL
    steps = [
        Step(kept[s.column], tuple(kept[k] for k in s.sources), s.factors) for s in found.steps
    ]
    if kept and _is_one(X[:, kept[0]]):
        for j in sorted(set(range(X.shape[1])) - set(kept)):
            value = float(X[0, j])
            if abs(value) > FAR and np.all(X[:, j] == value):
                steps.append(Step(j, (kept[0],), (value,)))
    return Coordinates(tuple(steps))


FAR = 100.0
"""Value of a column that does not vary from which it is taken out: of dates, not of codings."""


def _is_one(column: Matrix) -> bool:
    return bool(np.all(column == 1.0))
