"""The direct path for products of columns against formulaic itself."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from formulaic import ModelSpec as Recipe
from formulaic.errors import DataMismatchWarning
from formulaic.transforms.contrasts import SumContrasts

from mixedmodels.data import Codes, Column, Frame
from mixedmodels.design.direct import expand_direct, is_direct, knows, train_direct
from mixedmodels.design.expand import _untrained as untrained
from mixedmodels.design.expand import expand, expand_formulaic, train
from mixedmodels.design.variables import Variables
from mixedmodels.errors import DataError
from mixedmodels.formula import parse

N = 40
RANDOM = np.random.default_rng(27)
NUMBERS = {
    "a": RANDOM.normal(size=N),
    "b": RANDOM.integers(-3, 5, N),
    "c": RANDOM.normal(size=N) > 0,
    "d.d": RANDOM.normal(size=N),
}
LEVELS = {
    "f": ("low", "mid", "high"),
    "g": (2, 10),
    "h": ("x:y", "__b", "Zürich {0}", "T.1"),
    "k k": (True, 1.5, "z"),
}
CODES = {name: RANDOM.permutation(np.arange(N) % len(v)) for name, v in LEVELS.items()}
VARIABLES = Variables(
    {
        **{name: Column.of_numbers(name, values) for name, values in NUMBERS.items()},
        **{
            name: Column.of_codes(name, Codes(CODES[name].astype(np.int32), values))
            for name, values in LEVELS.items()
        },
    },
    N,
    {},
)
OF_NUMBERS = [
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
OF_FACTORS = [
    "f",
    "0 + f",
    "f + g",
    "0 + f + g + h",
    "f*g",
    "0 + f:g",
    "f:g",
    "a*f",
    "a:f",
    "0 + a:f + f",
    "f:a:b",
    "g:a:b:f + c",
    "(f + g + h)^3",
    "h/f",
    "f %in% g + a",
    "g:h:a*b",
    "`k k`*f - f",
    "`k k`:g - 1",
    "c:f + f:c:g",
    "f*g*h*`k k`*a",
]


def described(recipe: Recipe):
    """Everything that a trained recipe records."""
    rows = [
        (str(row.term), [(str(s), s.scale) for s in row.scoped_terms], list(row.columns))
        for row in recipe.structure
    ]
    states = {
        name: (kind, state.get("categories"), str(state.get("contrasts")))
        for name, (kind, state) in recipe.encoder_state.items()
    }
    used = [(term, sorted(map(str, v))) for term, v in recipe.term_variables.items()]
    kept = recipe.transform_state, recipe.ensure_full_rank, tuple(recipe.column_names)
    return rows, states, list(states), used, kept, recipe.term_slices


def same_bits(first, second):
    assert first.shape == second.shape
    np.testing.assert_array_equal(first.view(np.int64), second.view(np.int64))


@pytest.mark.parametrize("full_rank", [True, False])
@pytest.mark.parametrize("text", OF_NUMBERS + OF_FACTORS)
def test_the_direct_path_makes_the_same_columns_and_recipe(text, full_rank):
    terms = parse("y ~ " + text).fixed_sum
    assert is_direct(terms, VARIABLES)
    theirs = expand_formulaic(untrained(terms, full_rank=full_rank), VARIABLES)
    for _ in range(2):  # the second time from what was laid out
        direct = train_direct(terms, VARIABLES, "fixed", full_rank=full_rank)
        same_bits(direct.matrix, theirs.matrix)
        assert direct.names == theirs.names
        assert described(direct.recipe) == described(theirs.recipe)


@pytest.mark.parametrize("text", OF_NUMBERS + OF_FACTORS)
def test_either_path_reads_the_recipe_of_the_other(text):
    terms = parse("y ~ " + text).fixed_sum
    rows = np.arange(3, 9)
    some = Variables({k: c.take(rows) for k, c in VARIABLES.columns.items()}, len(rows), {})
    direct = train_direct(terms, VARIABLES, "fixed", full_rank=True)
    theirs = expand_formulaic(untrained(terms), VARIABLES)
    for recipe in (direct.recipe, theirs.recipe):
        assert knows(recipe, some)
        same_bits(expand_direct(recipe, some).matrix, np.asfortranarray(direct.matrix[rows]))
    if text != "0":
        same_bits(
            expand_formulaic(direct.recipe, some).matrix, np.asfortranarray(direct.matrix[rows])
        )
    assert expand_direct(theirs.recipe, some).names == theirs.names


@pytest.mark.parametrize("text", [text for text in OF_NUMBERS if text != "0"])
def test_formulaic_accepts_the_recipe_for_other_data(text):
    direct = train(parse("y ~ " + text).fixed_sum, VARIABLES)
    table = pd.DataFrame(NUMBERS)[2:5]
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataMismatchWarning)
        again = direct.recipe.get_model_matrix(table)
    np.testing.assert_array_equal(np.asarray(again, dtype=float), direct.matrix[2:5])


@pytest.mark.parametrize("text", ["log(a)", "2:a", "a + I(b**2)", "C(f)", "f + C(g)", "none + a"])
def test_other_terms_are_left_to_formulaic(text):
    assert not is_direct(parse("y ~ " + text).fixed_sum, VARIABLES)


def test_factors_of_a_chosen_coding_are_left_to_formulaic():
    chosen = replace(VARIABLES, codings={"f": SumContrasts()})
    assert not is_direct(parse("y ~ f + g").fixed_sum, chosen)
    assert is_direct(parse("y ~ g + a").fixed_sum, chosen)


def test_a_recipe_knows_only_its_own_kinds_and_levels():
    recipe = train(parse("y ~ a*f").fixed_sum, VARIABLES).recipe
    codes = VARIABLES.columns["f"].codes
    others = {
        "f": Column.of_codes("f", Codes(codes.codes, ("low", "mid", "new"))),
        "a": VARIABLES.columns["g"],
    }
    for name, column in others.items():
        other = replace(VARIABLES, columns={**VARIABLES.columns, name: column})
        assert not knows(recipe, other)
    with pytest.raises(DataError):
        expand(recipe, replace(VARIABLES, columns={**VARIABLES.columns, "f": others["f"]}))
    with pytest.raises(DataError):
        expand(recipe, replace(VARIABLES, columns={**VARIABLES.columns, "a": others["a"]}))
    assert recipe.encoder_state["a"][0].value == "numerical"
    assert recipe.encoder_state["f"][1]["categories"] == ["low", "mid", "high"]


def test_terms_laid_out_for_one_table_serve_another():
    terms = parse("y ~ f*a").fixed_sum
    train(terms, VARIABLES)
    table = Frame.of({"f": [1.5, 2.5, 1.5, 3.5], "a": ["u", "v", "u", "v"]})
    swapped = Variables({name: table.column(name) for name in ("f", "a")}, 4, {})
    theirs = expand_formulaic(untrained(terms), swapped)
    direct = train(terms, swapped)
    assert direct.names == theirs.names == ("Intercept", "f", "a[T.v]", "f:a[T.v]")
    same_bits(direct.matrix, theirs.matrix)


@pytest.mark.parametrize("text", ["h", "0 + h", "C(h)", "0 + C(h)", "C(h, contr.sum)", "h:log(d)"])
def test_levels_that_begin_with_underscores_are_levels(text):
    codes = CODES["h"].astype(np.int32)

    def matrix(levels):
        h = Column.of_codes("h", Codes(codes, levels))
        d = Column.of_numbers("d", np.exp(NUMBERS["a"]))
        return train(parse("y ~ " + text).fixed_sum, Variables({"h": h, "d": d}, N, {})).matrix

    plain = matrix(("p", "q", "r", "s"))
    for levels in (("p", "__q", "r", "s"), ("__p", "q", "r", "__s")):
        np.testing.assert_array_equal(matrix(levels), plain)
