import pytest

from mixedmodels.errors import FormulaError
from mixedmodels.formula import parse, update

OLD = parse("y ~ a + b*c + (1 | g) + (x || h)")


@pytest.mark.parametrize(
    ("change", "result"),
    [
        (". ~ .", "y ~ a + b * c + (1 | g) + (x || h)"),
        ("~ .", "y ~ a + b * c + (1 | g) + (x || h)"),
        (". ~ . + z", "y ~ a + b * c + z + (1 | g) + (x || h)"),
        (". ~ . - a", "y ~ b * c + (1 | g) + (x || h)"),
        (". ~ . - b:c", "y ~ a + b * c - b:c + (1 | g) + (x || h)"),
        (". ~ . - 1", "y ~ a + b * c - 1 + (1 | g) + (x || h)"),
        (". ~ . - (1 | g)", "y ~ a + b * c + (x || h)"),
        (". ~ . - (x || h) + (1 | k)", "y ~ a + b * c + (1 | g) + (1 | k)"),
        (". ~ . + (1 | g)", "y ~ a + b * c + (1 | g) + (x || h)"),
        (". ~ . + (1 | k/l)", "y ~ a + b * c + (1 | g) + (x || h) + (1 | k) + (1 | k:l)"),
        ("log(.) ~ .", "log(y) ~ a + b * c + (1 | g) + (x || h)"),
        (". ~ .:z", "y ~ (a + b * c):z + (1 | g) + (x || h)"),
        ("w ~ z + (1 | g)", "w ~ z + (1 | g)"),
        ("~ 1", "y ~ 1"),
    ],
)
def test_dots_stand_for_the_old_parts(change, result):
    assert str(update(OLD, change)) == result


def test_nothing_left_is_an_intercept():
    assert str(update(parse("y ~ a + (1 | g)"), ". ~ . - a")) == "y ~ 1 + (1 | g)"


def test_only_present_bar_terms_can_be_removed():
    with pytest.raises(FormulaError, match=r"no term \(1 \| k\)") as caught:
        update(OLD, ". ~ . - (1 | k)")
    assert "(x || h)" in caught.value.message


@pytest.mark.parametrize(
    ("old", "change", "result"),
    [
        ("y ~ a + (x || g)", ". ~ . - (0 + x | g)", "y ~ a + (1 | g)"),
        ("y ~ a + (x || g)", ". ~ . - (1 | g)", "y ~ a + (0 + x || g)"),
        ("y ~ a + (x + z || g)", ". ~ . - (0 + z | g)", "y ~ a + (1 + x || g)"),
        ("y ~ a + (x + z || g)", ". ~ . - (x || g)", "y ~ a + (0 + z || g)"),
        ("y ~ a + diag(x:z | g)", ". ~ . - (0 + z:x | g)", "y ~ a + (1 | g)"),
        ("y ~ (poly(x, 2) || g)", ". ~ . - (1 | g)", "y ~ 1 + (0 + poly(x, 2) || g)"),
        (
            "y ~ (0 + `a b` + x || g:`h i`)",
            ". ~ . - (0 + x | g:`h i`)",
            "y ~ 1 + (0 + `a b` || g:`h i`)",
        ),
        ("y ~ a + (1 + x | g)", ". ~ . - (x | g)", "y ~ a"),
        ("y ~ a + (x | g)", ". ~ . + (x + 1 | g)", "y ~ a + (x | g)"),
        ("y ~ a + (x || g)", ". ~ . + (0 + x | g)", "y ~ a + (x || g)"),
    ],
)
def test_random_terms_are_known_by_what_they_are(old, change, result):
    assert str(update(parse(old), change)) == result


@pytest.mark.parametrize(
    ("old", "change", "gone"),
    [
        ("y ~ a * b", ". ~ . - b:a", {"a:b"}),
        ("y ~ a * b", ". ~ . - a", {"a"}),
        ("y ~ (a + b + c)^2", ". ~ . - c:b", {"b:c"}),
        ("y ~ I(x**2) + z", ". ~ . - I( x ** 2 )", {"I(x ** 2)"}),
        ("y ~ a / b", ". ~ . - (b:a + a)", {"a", "a:b"}),
    ],
)
def test_fixed_terms_are_known_by_what_they_are(old, change, gone):
    before, after = (
        {str(t) for t in f.fixed_sum} for f in (parse(old), update(parse(old), change))
    )
    assert before - after == gone
    assert after < before


def test_a_fixed_term_that_is_not_there_cannot_be_removed():
    with pytest.raises(FormulaError, match="no term z to remove") as caught:
        update(parse("y ~ a * b"), ". ~ . - z")
    assert "a:b" in caught.value.message


def test_one_of_correlated_effects_cannot_be_removed():
    with pytest.raises(FormulaError, match="no term"):
        update(parse("y ~ (x | g)"), ". ~ . - (0 + x | g)")
