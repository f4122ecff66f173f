"""What functions in formulas give, and what they answer to arguments that make no sense."""

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import BSpline

import mixedmodels as mm
from mixedmodels.data import Frame
from mixedmodels.design import build, rebuild
from mixedmodels.errors import DataError, FormulaError
from mixedmodels.formula import parse

RANDOM = np.random.default_rng(19)
N = 90
DATA = pd.DataFrame(
    {
        "y": RANDOM.normal(size=N),
        "x": RANDOM.uniform(0, 10, N),
        "f": np.tile(["a", "b", "c"], N // 3),
        "n": np.tile([1, 2, 5], N // 3),
        "g": np.repeat(np.arange(9), 10),
    }
)


def made(text, data=DATA):
    return build(parse(f"y ~ {text}"), Frame.of(data))


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("I(f == 'b')", DATA.f == "b"),
        ("I('b' != f)", DATA.f != "b"),
        ("np.isin(f, ['a', 'c'])", DATA.f != "b"),
        ("I(n == 2)", DATA.n == 2),
        ("poly(x, 3, raw=True)[1]", DATA.x**2),
        ("I(2*poly(x, 2, raw=True)[1] - x)", 2 * DATA.x**2 - DATA.x),
        ("np.where(f == 'a', x, -x)", np.where(DATA.f == "a", DATA.x, -DATA.x)),
        ("np.clip(x, 2, 3)", np.clip(DATA.x, 2, 3)),
        ("round(x, 1)", np.round(DATA.x, 1)),
        ("I(x**(1/2) + np.pi)", np.sqrt(DATA.x) + np.pi),
        ("{x + n}", DATA.x + DATA.n),
    ],
)
def test_values(text, column):
    np.testing.assert_allclose(made(text)[1].X[:, -1], np.asarray(column, dtype=float), rtol=1e-14)


def test_one_column_of_several_is_that_of_its_name():
    several = made("bs(x, df=5)")[1]
    one = made("bs(x, df=5)[3] + cr(x, df=4)[2]")[1]
    where = several.x_names.index("bs(x, df=5)[3]")
    np.testing.assert_array_equal(one.X[:, 1], several.X[:, where])
    assert one.x_names[1:] == ("bs(x, df=5)[3]", "cr(x, df=4)[2]")


@pytest.mark.parametrize(
    "text",
    ["bs(x, df=5)", "bs(x, df=5, extrapolation='raise')", "0 + cr(x, df=4, extrapolation='raise')"],
)
@pytest.mark.parametrize("x", [-3.0, 11.0])
def test_a_spline_beyond_its_range_says_what_to_write(text, x):
    model = mm.lmm(f"y ~ {text} + (1 | g)", DATA)
    with pytest.raises(DataError) as caught:
        model.predict({"x": [5.0, x], "g": [0, 0]})
    message = str(caught.value)
    for part in (
        "outside of its range",
        f"{x:g}",
        f"{DATA.x.max():g}",
        "1 rows",
        "'extend'",
        "^^^^^^",
    ):
        assert part in message


def test_an_extended_spline_goes_on_with_its_polynomials():
    spec, _ = made("bs(x, df=5, extrapolation='extend')")
    new = np.array([-1.0, 4.0, 12.0])
    X = rebuild(spec, Frame.of({"x": new}), groups=[]).X
    inner = np.quantile(DATA.x, [1 / 3, 2 / 3])
    knots = np.concatenate([[DATA.x.min()] * 4, inner, [DATA.x.max()] * 4])
    polynomials = BSpline(knots, np.eye(6), 3, extrapolate=True)
    np.testing.assert_allclose(X[:, 1:], polynomials(new)[:, 1:], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("np.log()", "takes 1 argument"),
        ("np.log(x, x)", "takes 1 argument"),
        ("np.round(x, decimals=1)", "without names"),
        ("round(x, 0.5)", "one whole number"),
        ("poly(x, 2, raww=True)", "no argument 'raww'"),
        ("poly(x, 2, True, 3)", "at most 3"),
        ("poly(x, 2.5)", "whole number"),
        ("poly(x, n)", "written out"),
        ("poly(x, raw=1)", "True or False"),
        ("bs(x, df='4')", "whole number"),
        ("bs(x, knots='ab')", "list of numbers"),
        ("bs(x, df=4, extrapolation='on')", "extrapolation is one of"),
        ("scale(x, center='a')", "center is a number"),
        ("scale(3)", "needs a column"),
        ("hashed(f)", "needs levels"),
        ("C(f, 'sum')", "is no coding"),
        ("C(f, contr.sum(3, 4, 5))", "no coding"),
        ("contr.sum(f)", "belongs within C"),
        ("contr.sum", "no column"),
        ("I(np.log)", "needs"),
        ("I(3)", "uses no column"),
        ("I('a')", "uses no column"),
        ("I(x[0])", "picks no rows"),
        ("poly(x, 2)[3]", "no column 3 here, but 1, 2"),
        ("I(10**400*x)", "no finite number"),
        ("I(2**10**9*x)", "no finite number"),
    ],
)
def test_calls_that_make_no_sense_are_refused_where_they_stand(text, part):
    with pytest.raises(FormulaError, match=part) as caught:
        made(f"n + {text}")
    assert caught.value.position >= 8


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("log(f)", "f is categorical"),
        ("I(f + x)", "f is categorical"),
        ("I(f < 'b')", "no order"),
        ("I(f == 'zz')", "no level 'zz'"),
        ("np.isin(f, ['a', 'zz'])", "no level 'zz'"),
        ("I(x == 'a')", "'a' is no number"),
        ("I('a'*10**9)", "'a' is no number"),
        ("I(poly(x, 2)*2)", "several columns"),
        ("poly(n, 3)", "needs more than 3 different values"),
        ("bs(x, df=2)", "cannot be made"),
        ("bs(x, df=4, lower_bound=5)", "outside of its range"),
        ("C(n, levels=[1, 2])", "does not list: 5"),
        ("np.where(f == 'a', 'u', 'v')", "'u' is no number"),
    ],
)
def test_data_that_a_function_cannot_use_are_shown_with_its_place(text, part):
    with pytest.raises(DataError, match=part) as caught:
        made(f"n + {text}")
    _, shown, carets, *_ = str(caught.value).splitlines()
    assert shown[carets.index("^") : carets.rindex("^") + 1] == text


@pytest.mark.parametrize("reference", ["a", "b", "c"])
def test_a_reference_level_is_what_the_others_are_compared_with(reference):
    spec, matrices = build(
        parse("y ~ f*x + (f | g)"), Frame.of(DATA), contrasts={"f": ("treatment", reference)}
    )
    _, written = made(f"C(f, contr.treatment('{reference}'))*x")
    np.testing.assert_array_equal(matrices.X, written.X)
    others = [level for level in "abc" if level != reference]
    assert matrices.x_names[1:3] == tuple(f"f[T.{level}]" for level in others)
    again = rebuild(spec, Frame.of(DATA[:4]), groups=[])
    np.testing.assert_array_equal(again.X, matrices.X[:4])


@pytest.mark.parametrize(
    ("contrast", "part"),
    [
        (("treatment", "z"), "'z' of 'f' does not occur"),
        (("sum", "a"), "'sum' of 'f' has no reference level"),
        (("treatmnt", "a"), "has no reference level"),
    ],
)
def test_a_reference_level_that_makes_no_sense_is_refused(contrast, part):
    with pytest.raises(DataError, match=part):
        build(parse("y ~ f"), Frame.of(DATA), contrasts={"f": contrast})
