"""The direct path for numeric terms against formulaic itself."""

import warnings

import numpy as np
import pandas as pd
import pytest
from formulaic import ModelSpec as Recipe
from formulaic.errors import DataMismatchWarning

from mixedmodels.data import Column
from mixedmodels.design.expand import expand_formulaic, expand_plain, is_plain, recipe_of
from mixedmodels.design.variables import Variables
from mixedmodels.formula import parse

RANDOM = np.random.default_rng(27)
VALUES = {
    "a": RANDOM.normal(size=9),
    "b": RANDOM.integers(0, 5, 9),
    "c": RANDOM.normal(size=9) > 0,
    "d.d": RANDOM.normal(size=9),
}
VARIABLES = Variables(
    {name: Column.of_numbers(name, values) for name, values in VALUES.items()}, 9, {}
)
PLAIN = [
    "1",
    "a",
    "0 + a",
    "a + b + c",
    "a*b*c",
    "b:a + c",
    "(a + b)^2 - 1",
    "`d.d`:a",
    "a + a",
    "0",
]


def described(recipe: Recipe):
    """Everything that a trained recipe records."""
    rows = [
        (str(row.term), [(str(s), s.scale) for s in row.scoped_terms], list(row.columns))
        for row in recipe.structure
    ]
    state = {name: kind for name, (kind, _) in recipe.encoder_state.items()}
    return rows, state, recipe.transform_state, tuple(recipe.column_names), recipe.term_slices


@pytest.mark.parametrize("text", PLAIN)
def test_the_direct_path_makes_the_same_columns_and_recipe(text):
    direct = expand_plain(recipe_of(parse("y ~ " + text).fixed_sum), VARIABLES)
    theirs = expand_formulaic(recipe_of(parse("y ~ " + text).fixed_sum), VARIABLES)
    assert is_plain(recipe_of(parse("y ~ " + text).fixed_sum), VARIABLES)
    np.testing.assert_array_equal(direct.matrix, theirs.matrix)
    assert direct.names == theirs.names
    assert described(direct.recipe) == described(theirs.recipe)


@pytest.mark.parametrize("text", [text for text in PLAIN if text != "0"])
def test_formulaic_accepts_the_recipe_for_other_data(text):
    direct = expand_plain(recipe_of(parse("y ~ " + text).fixed_sum), VARIABLES)
    table = pd.DataFrame(VALUES)[2:5]
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataMismatchWarning)
        again = direct.recipe.get_model_matrix(table)
    np.testing.assert_array_equal(np.asarray(again, dtype=float), direct.matrix[2:5])


@pytest.mark.parametrize("text", ["log(a)", "2:a", "a + I(b**2)"])
def test_other_terms_are_left_to_formulaic(text):
    assert not is_plain(recipe_of(parse("y ~ " + text).fixed_sum), VARIABLES)
