"""What must hold for any formula."""

from hypothesis import given
from hypothesis import strategies as st

from mixedmodels.errors import FormulaError
from mixedmodels.formula import parse, update
from mixedmodels.formula.tokens import quote

# A column called 1 is the intercept to formulaic and is refused.
names = st.one_of(
    st.from_regex(r"[a-zA-Z][a-zA-Z0-9_.]{0,8}", fullmatch=True),
    st.text(st.characters(codec="utf-8", exclude_characters="`"), min_size=1, max_size=8).filter(
        lambda name: name != "1"
    ),
).map(quote)
addends = st.one_of(
    names,
    st.tuples(names, names).map(lambda pair: f"{pair[0]}:{pair[1]}"),
    st.tuples(names, names).map(lambda pair: f"{pair[0]} * {pair[1]}"),
    names.map(lambda name: f"I({name}**2)"),
    st.sampled_from(["0", "1"]),
)
groups = st.lists(names, min_size=1, max_size=3, unique=True).map(":".join)
bars = st.builds("({} {} {})".format, addends, st.sampled_from(["|", "||"]), groups)


@st.composite
def formulas(draw):
    fixed = draw(st.lists(addends, min_size=1, max_size=4))
    random = draw(st.lists(bars, max_size=3, unique=True))
    return f"{draw(names)} ~ {' + '.join(draw(st.permutations(fixed + random)))}"


def parts(formula):
    return (
        formula.response,
        formula.fixed,
        formula.fixed_terms,
        [(term.lhs, term.group, term.structure) for term in formula.random],
    )


@given(formulas())
def test_str_reads_back_to_the_same_parts(text):
    formula = parse(text)
    assert parts(parse(str(formula))) == parts(formula)


@given(formulas())
def test_a_dot_for_everything_changes_no_random_term(text):
    formula = parse(text)
    assert parts(update(formula, ". ~ ."))[3] == parts(formula)[3]


@given(formulas(), st.sampled_from(["", " ", "\n", "\t  "]))
def test_white_space_has_no_meaning(text, space):
    spaced = text.replace(" ~ ", f"{space}~{space}").replace(" + ", f"{space}+{space}")
    assert parts(parse(spaced)) == parts(parse(text))


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text):
    try:
        formula = parse(text)
    except FormulaError as error:
        assert error.position is None or 0 <= error.position <= len(text)
    else:
        assert parse(str(formula)).response == formula.response
