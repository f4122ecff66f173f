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
