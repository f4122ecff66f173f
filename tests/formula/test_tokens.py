import pytest

from mixedmodels.errors import FormulaError
from mixedmodels.formula.tokens import closing, quote, render, tokenize


def test_tokens_keep_their_place():
    text = "log(total.fruits + 1) ~ `a b`"
    for token in tokenize(text):
        assert text[token.start : token.stop] == token.text


def test_kinds():
    kinds = [token.kind for token in tokenize("f(x.y, 'z') || `a b` 1.5e-3")]
    assert kinds == [
        "name", "open", "name", "operator", "string", "close", "operator", "quoted", "number",
    ]  # fmt: skip


def test_a_quoted_name_is_known_without_its_backticks():
    (token,) = tokenize("`a b`")
    assert token.name == "a b"


@pytest.mark.parametrize(
    ("source", "canonical"),
    [
        ("y~x+z", "y ~ x + z"),
        ("a : b*c", "a:b * c"),
        ("-1+x", "-1 + x"),
        ("bs( x,df = 4 )", "bs(x, df=4)"),
        ("(a+b)^2", "(a + b)^2"),
        ("I(x ** 2)", "I(x**2)"),
        ("f(-x, +y)", "f(-x, +y)"),
        ("{x if y else z}", "{x if y else z}"),
    ],
)
def test_render_has_one_spacing(source, canonical):
    assert render(tokenize(source)) == canonical
    assert render(tokenize(canonical)) == canonical


@pytest.mark.parametrize(
    ("text", "position"),
    [("(a", 0), ("a)", 1), ("f([a)", 4), ("'a", 0), ("a + `b", 4), ("a $ b", 2), ("a # b", 2)],
)
def test_what_cannot_be_read_is_pointed_at(text, position):
    with pytest.raises(FormulaError) as caught:
        tokenize(text)
    assert caught.value.position == position


def test_closing_finds_the_partner():
    tokens = tokenize("f(a, (b), c) + d")
    assert tokens[closing(tokens, 1)].start == 11


@pytest.mark.parametrize(
    ("name", "written"), [("x.y", "x.y"), ("größe", "größe"), ("a b", "`a b`")]
)
def test_quote_only_where_needed(name, written):
    assert quote(name) == written
