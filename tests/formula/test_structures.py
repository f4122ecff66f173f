"""Structures in bar terms and the texts of residual covariances: what they read as, and errors."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixedmodels.covariance import WORDS
from mixedmodels.errors import FormulaError
from mixedmodels.formula import parse, update
from mixedmodels.formula.residual import parse_residual
from mixedmodels.formula.scale import parse_scale
from mixedmodels.formula.tokens import quote
from mixedmodels.vocabulary import StructureWord


def test_every_word_has_a_structure():
    assert set(get_args(StructureWord)) == set(WORDS)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("ar1(0+f|g,hom=False)", "ar1(0 + f | g, hom=False)"),
        ("us(x|g)", "(x | g)"),
        ("diag(x | g)", "(x || g)"),
        ("diag(x | g, hom=True)", "diag(x | g, hom=True)"),
        ("known(1+x|id,cov=K)", "known(1 + x | id, cov=K)"),
        ("mm(1 | `g 1`+g2, weights=w1+w2)", "mm(1 | `g 1` + g2, weights=w1 + w2)"),
        ("rr(0 + f | a:b, d=2)", "rr(0 + f | a:b, d=2)"),
        ("exp(0 + pos | g, by=arm)", "exp(0 + pos | g, by=arm)"),
    ],
)
def test_a_term_carries_its_word_and_options(text, written):
    (term,) = parse(f"y ~ {text}").random
    assert str(term) == written
    (again,) = parse(f"y ~ {written}").random
    assert again.same_as(term)
    assert again.structure == term.structure


def test_structures_of_one_group_are_different_terms():
    terms = parse("y ~ (1 | g) + ar1(1 | g) + ar1(1 | g, hom=False) + cs(1 | g)").random
    assert not any(a.same_as(b) for i, a in enumerate(terms) for b in terms[:i])


def test_values_of_options():
    (term,) = parse("y ~ matern(0 + t | g, nu=1.5, hom=True, rank=2, cov=K)").random
    assert [option.value for option in term.structure.options] == [1.5, True, 2, "K"]


def test_update_removes_a_structure_by_its_text():
    old = parse("y ~ x + ar1(0 + f | g) + (1 | g)")
    assert str(update(old, ". ~ . - ar1(0 + f|g)")) == "y ~ x + (1 | g)"
    assert str(update(old, ". ~ . + cs(0 + f | h)")) == f"{old} + cs(0 + f | h)"
    with pytest.raises(FormulaError, match="no term"):
        update(old, ". ~ . - ar1(0 + f | g, hom=False)")


def test_functions_with_the_name_of_a_structure_stay_functions():
    formula = parse("y ~ exp(x) + cs(x, df=4) + (exp(x) | g)")
    assert formula.fixed == "exp(x) + cs(x, df=4)"
    assert str(formula.random[0]) == "(exp(x) | g)"


RESIDUALS = [
    # text, canonical text, positions, group
    ("ar1(visit|subject)", "ar1(visit | subject)", ("visit",), ("subject",)),
    ("us(0 + visit | a/b)", "us(visit | a:b)", ("visit",), ("a", "b")),
    ("cs(1 | a:b, hom=True)", "cs(1 | a:b, hom=True)", (), ("a", "b")),
    ("arma(2, 1)(1 | mare)", "arma(1 | mare, p=2, q=1)", (), ("mare",)),
    ("expo(lat + lon, nugget=True)", "expo(lat + lon | 1, nugget=True)", ("lat", "lon"), ()),
    ("car1(`my time` | 1)", "car1(`my time` | 1)", ("my time",), ()),
    ("us(visit | s, by=arm)", "us(visit | s, by=arm)", ("visit",), ("s",)),
]


@pytest.mark.parametrize(("text", "written", "positions", "group"), RESIDUALS)
def test_a_residual_covariance_is_read(text, written, positions, group):
    term = parse_residual(text)
    assert (str(term), term.positions, term.group) == (written, positions, group)
    again = parse_residual(written)
    assert (str(again), again.structure) == (written, term.structure)


names = st.text(st.characters(codec="utf-8", exclude_characters="`"), min_size=1, max_size=6)


@given(
    st.sampled_from(sorted(WORDS)),
    st.lists(names, max_size=2, unique=True),
    st.lists(names, max_size=2, unique=True),
    st.sampled_from(["", ", hom=True", ", nu=0.5", ", by=`a b`"]),
)
def test_any_residual_covariance_reads_back(word, positions, group, option):
    left = " + ".join(map(quote, positions)) or "1"
    right = "/".join(map(quote, group)) or "1"
    term = parse_residual(f"{word}({left}|{right}{option})")
    again = parse_residual(str(term))
    assert (again.positions, again.group) == (tuple(positions), tuple(group))
    assert (again.structure, str(again)) == (term.structure, str(term))


@given(st.text(max_size=25))
def test_any_text_is_read_or_refused(text):
    for read in (parse_residual, parse_scale):
        try:
            found = read(text)
        except FormulaError as error:
            assert error.position is None or 0 <= error.position <= len(text)
        else:
            assert str(read(str(found))) == str(found)


RESIDUAL_MISTAKES = [
    ("frog(visit | s)", "frog", "no structure"),
    ("ar1", "ar1", "a structure and its columns"),
    ("", "", "empty"),
    ("ar1(visit | s) + 1", "+", "Nothing can follow"),
    ("ar1(visit || s)", "||", "one bar"),
    ("ar1(visit | s | t)", "|", "one bar"),
    ("ar1(| s)", "|", "where in its group"),
    ("ar1(visit |)", "|", "no group"),
    ("ar1(log(x) | s)", "log(x)", "given by columns"),
    ("ar1(a * b | s)", "a", "given by columns"),
    ("ar1(a + a | s)", "a", "twice"),
    ("ar1(visit | s + t)", "s", "two terms"),
    ("ar1(visit | s, 2)", "2", "no option"),
    ("arma(1)(1 | s)", "1", "p=1, q=1"),
]


@pytest.mark.parametrize(("text", "place", "part"), RESIDUAL_MISTAKES)
def test_a_mistake_in_a_residual_covariance_is_shown(text, place, part):
    with pytest.raises(FormulaError) as caught:
        parse_residual(text)
    assert part in caught.value.message
    assert text[caught.value.position :].startswith(place[:1])


@pytest.mark.parametrize(
    ("text", "linear", "powers"),
    [
        ("~ arm", "arm", []),
        ("~ a * b - a", "a * b - a", []),
        ("power(time)", "", ["power(time)"]),
        ("~ year + constpower(time, by=year)", "year", ["constpower(time, by=year)"]),
        ("power(fitted)", "", ["power(fitted)"]),
        ("power(`fitted`)", "", ["power(`fitted`)"]),
    ],
)
def test_a_standard_deviation_is_read(text, linear, powers):
    scale = parse_scale(text)
    assert (scale.linear, [str(power) for power in scale.powers]) == (linear, powers)
    assert parse_scale(str(scale)).powers == scale.powers


def test_fitted_values_and_a_column_of_that_name():
    assert parse_scale("power(fitted)").powers[0].column is None
    assert parse_scale("power(`fitted`)").powers[0].column == "fitted"


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("~ 0 + x", "0", "sigma itself"),
        ("~ x - 1", "1", "sigma itself"),
        ("arm", "arm", "'~' before"),
        ("~", "~", "No term"),
        ("~ power(x) * 2", "power", "only be added"),
        ("~ x:power(z)", "power", "term of its own"),
        ("power(x, hom=True)", "hom", "only by="),
        ("power(log(x))", "power", "one column"),
        ("power(x, y)", "y", "no option"),
    ],
)
def test_a_mistake_in_a_standard_deviation_is_shown(text, place, part):
    with pytest.raises(FormulaError) as caught:
        parse_scale(text)
    assert part in caught.value.message
    assert text[caught.value.position :].startswith(place[:1])
