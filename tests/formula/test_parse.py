import pytest

from mixedmodels.formula import parse


def terms(text):
    return [(term.lhs, term.name, term.structure.word) for term in parse(text).random]


def test_the_parts_of_a_formula():
    formula = parse("Reaction ~ Days + (Days | Subject)")
    assert formula.response == "Reaction"
    assert formula.fixed == "Days"
    assert formula.fixed_terms == ("Days",)
    (term,) = formula.random
    assert (term.lhs, term.group, term.structure.word) == ("Days", ("Subject",), "us")
    assert formula.text[term.start : term.stop] == "(Days | Subject)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("y ~ (1 | a/b)", [("1", "a", "us"), ("1", "a:b", "us")]),
        (
            "y ~ (x | a/b/c)",
            [("x", g, "us") for g in ("a", "a:b", "a:b:c")],
        ),
        ("y ~ (1 | a:b/c)", [("1", "a:b", "us"), ("1", "a:b:c", "us")]),
        ("y ~ (1 | (a:b))", [("1", "a:b", "us")]),
        ("y ~ (x || g)", [("x", "g", "diag")]),
        ("y ~ diag(x | g)", [("x", "g", "diag")]),
        ("y ~ us(x | g)", [("x", "g", "us")]),
        ("y ~ (0 + x | g) + (1 | g)", [("0 + x", "g", "us"), ("1", "g", "us")]),
        ("y ~ (x + (1 | g))", [("1", "g", "us")]),
        ("y ~ (1 | `a b`)", [("1", "a b", "us")]),
        ("y ~ (1|g) + x + (1|h)", [("1", "g", "us"), ("1", "h", "us")]),
        ("y ~ (I((x > 1) | (x < 0)) | g)", [("I((x > 1) | (x < 0))", "g", "us")]),
    ],
)
def test_random_terms(text, expected):
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("y ~ (1 | g)", "1"),
        ("y ~ 0 + x + (1 | g)", "0 + x"),
        ("y ~ x - 1 + (1 | g)", "x - 1"),
        ("y ~ -1 + (1 | g) + x", "-1 + x"),
        ("y ~ a * b - a:b + (1 | g)", "a * b - a:b"),
        ("y ~ (a + b)^2", "(a + b)^2"),
        ("y ~ (x + (1 | g)) + z", "x + z"),
        ("y ~ I((a > 1) | (b > 1))", "I((a > 1) | (b > 1))"),
        ("y ~\n  x +\n  (1 | g)", "x"),
    ],
)
def test_fixed_part(text, fixed):
    assert parse(text).fixed == fixed


@pytest.mark.parametrize("response", ["log2(exercise + 5 / 60)", "np.log(y)", "a / b", "`a b`"])
def test_the_response_may_be_an_expression(response):
    assert parse(f"{response} ~ x").response == response


def test_subtracted_terms_are_marked():
    assert parse("y ~ a*b - a:b - 1").fixed_terms == ("a * b", "-a:b", "-1")


def test_names_of_any_length_and_script():
    long = "v" * 10_000
    formula = parse(f"größe ~ {long} + (1 | 群)")
    assert formula.fixed == long
    assert formula.random[0].group == ("群",)


@pytest.mark.parametrize(
    "text",
    [
        "y ~ x + (x | g)",
        "y~0+x+(0+x||a:b)+diag(z|`a b`)",
        "log(y+1) ~ a*b + (1|a/b)",
        "y ~ (1|g)",
    ],
)
def test_str_is_canonical_and_reads_back(text):
    formula = parse(text)
    again = parse(str(formula))
    assert str(again) == str(formula)
    assert (again.response, again.fixed) == (formula.response, formula.fixed)
    assert all(a.same_as(b) for a, b in zip(again.random, formula.random, strict=True))
