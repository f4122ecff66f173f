import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mixedmodels.covariance import UNSTRUCTURED
from mixedmodels.data import Frame
from mixedmodels.design import build
from mixedmodels.errors import DataError
from mixedmodels.formula import parse

N = 60
RANDOM = np.random.default_rng(20)
DATA = pd.DataFrame(
    {
        "y": RANDOM.normal(size=N),
        "x": RANDOM.normal(size=N),
        "z": RANDOM.normal(size=N),
        "total.fruits": RANDOM.integers(0, 9, N),
        "yield": RANDOM.uniform(1, 2, N),
        "µ": RANDOM.uniform(1, 2, N),
        "a b": RANDOM.uniform(1, 2, N),
        "f": np.tile(["u", "v", "w"], N // 3),
        "h": np.tile(np.arange(5), N // 5),
        "g": np.repeat(list("abcdef"), N // 6),
    }
)


def design(text, data=DATA, **options):
    return build(parse(text), Frame.of(data), **options)


def matrices(text, data=DATA, **options):
    return design(text, data, **options)[1]


def test_a_random_slope():
    m = matrices("y ~ x + (x | g)")
    np.testing.assert_array_equal(m.y, DATA["y"])
    assert m.x_names == ("Intercept", "x")
    np.testing.assert_array_equal(m.X, np.column_stack([np.ones(N), DATA["x"]]))
    (grouping,) = m.groupings
    (term,) = m.terms
    assert (grouping.name, grouping.columns, grouping.levels) == ("g", ("g",), tuple("abcdef"))
    assert grouping.codes.tolist() == np.repeat(np.arange(6), 10).tolist()
    assert (term.group, term.names, term.structure) == (0, ("Intercept", "x"), UNSTRUCTURED)
    np.testing.assert_array_equal(term.Z, m.X)
    assert m.kept.all()
    assert (m.n_missing, m.weights, m.offset) == (0, None, None)


def test_arrays_have_the_types_that_the_engine_takes():
    m = matrices("y ~ f*x + (f | g) + (1 | h)", weights=np.ones(N), offset="z")
    for matrix in (m.X, *(term.Z for term in m.terms)):
        assert matrix.dtype == np.float64
        assert matrix.flags.f_contiguous
    for vector in (m.y, m.weights, m.offset):
        assert vector.dtype == np.float64
        assert vector.flags.c_contiguous
    assert all(grouping.codes.dtype == np.int32 for grouping in m.groupings)


def test_the_matrices_do_not_share_memory_with_the_data():
    data = DATA.copy()
    m = matrices("y ~ x + (1 | h)", data, weights="yield", offset="z")
    for mine, column in [(m.y, "y"), (m.X, "x"), (m.weights, "yield"), (m.offset, "z")]:
        assert not np.shares_memory(mine, data[column].to_numpy())


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("y ~ f*x", ("Intercept", "f[T.v]", "f[T.w]", "x", "f[T.v]:x", "f[T.w]:x")),
        ("y ~ x:f + f", ("Intercept", "f[T.v]", "f[T.w]", "x:f[u]", "x:f[v]", "x:f[w]")),
        ("y ~ 0 + f", ("f[u]", "f[v]", "f[w]")),
        ("y ~ -1 + x", ("x",)),
        ("y ~ f/x", ("Intercept", "f[T.v]", "f[T.w]", "f[u]:x", "f[v]:x", "f[w]:x")),
        ("y ~ (x + z)^2", ("Intercept", "x", "z", "x:z")),
        ("y ~ factor(h)", ("Intercept", *(f"factor(h)[T.{i}]" for i in range(1, 5)))),
        ("y ~ C(f, contr.sum)", ("Intercept", "C(f, contr.sum)[S.u]", "C(f, contr.sum)[S.v]")),
        ("y ~ poly(x, 2)", ("Intercept", "poly(x, 2)[1]", "poly(x, 2)[2]")),
        ("y ~ I(x**2) + sin(2*pi*x)", ("Intercept", "I(x ** 2)", "sin(2 * pi * x)")),
        ("y ~ total.fruits*x", ("Intercept", "total.fruits", "x", "total.fruits:x")),
        ("y ~ log(total.fruits + 1)", ("Intercept", "log(total.fruits + 1)")),
        ("y ~ yield + log(yield)", ("Intercept", "yield", "log(yield)")),
        ("y ~ `a b` + log(`a b`)", ("Intercept", "a b", "log(a b)")),
        ("y ~ 0", ()),
    ],
)
def test_names_of_the_fixed_part(text, names):
    assert matrices(f"{text} + (1 | g)").x_names == names


@pytest.mark.parametrize(
    ("response", "values"),
    [
        ("log(total.fruits + 1)", np.log(DATA["total.fruits"] + 1)),
        ("np.sqrt(yield)", np.sqrt(DATA["yield"])),
        ("yield / µ", DATA["yield"] / DATA["µ"]),
        ("log2(yield + 5/60)", np.log2(DATA["yield"] + 5 / 60)),
        ("`a b`", DATA["a b"]),
        ("sqrt(µ)", np.sqrt(DATA["µ"])),
        ("abs(y)", DATA["y"].abs()),
    ],
)
def test_the_response_may_be_an_expression(response, values):
    np.testing.assert_array_equal(matrices(f"{response} ~ x + (1 | g)").y, values)


def test_dotted_and_quoted_names_in_bars():
    data = DATA.assign(**{"the.group": DATA["g"], "b b": DATA["h"]})
    m = matrices("y ~ x + (total.fruits | the.group) + (1 | `b b`)", data)
    assert [grouping.name for grouping in m.groupings] == ["the.group", "b b"]
    assert m.terms[0].names == ("Intercept", "total.fruits")


def test_groups_appear_once_in_order_of_the_formula():
    m = matrices("y ~ x + (1 | h) + (1 | g) + (0 + x | h) + (1 | g:h)")
    assert [grouping.name for grouping in m.groupings] == ["h", "g", "g:h"]
    assert [term.group for term in m.terms] == [0, 1, 0, 2]
    assert m.groupings[2].levels[:2] == ("a:0", "a:1")
    assert m.groupings[2].columns == ("g", "h")


def test_independent_effects_of_a_factor():
    (term,) = matrices("y ~ f + (f || g)").terms
    assert term.structure.is_independent
    assert term.names == ("Intercept", "f[T.v]", "f[T.w]")


def test_without_bars():
    m = matrices("y ~ x")
    assert (m.groupings, m.terms) == ((), ())


def test_unused_levels_are_dropped_in_both_parts():
    data = DATA.assign(
        f=pd.Categorical(DATA["f"], ["w", "unused", "v", "u"]),
        g=pd.Categorical(DATA["g"], ["x", *"fedcba"]),
    )
    m = matrices("y ~ f + (1 | g)", data)
    assert m.x_names == ("Intercept", "f[T.v]", "f[T.u]")
    assert m.groupings[0].levels == tuple("fedcba")


def test_ordered_factors_get_treatment_coding_unless_told_otherwise():
    data = DATA.assign(f=pd.Categorical(DATA["f"], ordered=True))
    assert matrices("y ~ f", data).x_names == ("Intercept", "f[T.v]", "f[T.w]")
    assert matrices("y ~ f", data, contrasts={"f": "poly"}).x_names[1:] == ("f[.L]", "f[.Q]")


MISSING = DATA.assign(
    x=DATA["x"].mask(DATA.index == 3),
    g=DATA["g"].mask(DATA.index == 5),
    h=DATA["h"].astype("Int64").mask(DATA.index == 7),
    unrelated=np.nan,
)


@pytest.mark.parametrize("library", [lambda d: d, pl.from_pandas, lambda d: d.to_dict("list")])
def test_rows_with_a_missing_value_are_dropped_and_counted(library):
    m = matrices("y ~ x + factor(h) + (1 | g)", library(MISSING))
    assert np.flatnonzero(~m.kept).tolist() == [3, 5, 7]
    assert m.n_missing == 3
    assert len(m.y) == len(m.X) == len(m.groupings[0].codes) == N - 3
    assert m.index.tolist() == [i for i in range(N) if i not in (3, 5, 7)]


def test_nullable_integers_stay_integers():
    assert matrices("y ~ factor(h)", MISSING).x_names[1] == "factor(h)[T.1]"


def test_a_level_that_only_incomplete_rows_have_is_dropped():
    data = DATA.assign(x=DATA["x"].mask(DATA["g"] == "c"))
    assert matrices("y ~ x + (1 | g)", data).groupings[0].levels == tuple("abdef")


def test_missing_values_can_be_an_error():
    with pytest.raises(DataError, match=r"2 rows have a missing value: x \(1\), g \(1\)"):
        design("y ~ x + (1 | g)", MISSING, missing="error")
    design("y ~ z + (1 | f)", MISSING, missing="error")


def test_rows_that_miss_the_offset_are_dropped():
    offset = np.where(np.arange(N) == 2, np.nan, 1.0)
    m = matrices("y ~ x", offset=offset)
    assert m.n_missing == 1
    assert m.offset.shape == (N - 1,)


def test_weights_follow_the_kept_rows():
    m = matrices("y ~ x + (1 | g)", MISSING, weights=np.arange(1.0, N + 1))
    np.testing.assert_array_equal(m.weights, np.arange(1.0, N + 1)[m.kept])


def test_a_missing_weight_of_a_dropped_row_does_not_matter():
    weights = np.where(np.arange(N) == 3, np.nan, 2.0)
    assert (matrices("y ~ x", MISSING, weights=weights).weights == 2).all()


def test_the_index_of_pandas_is_kept():
    data = DATA.set_index(pd.Index([f"row {i}" for i in range(N)]))
    assert matrices("y ~ x", data).index[1] == "row 1"


def test_aliased_columns_are_dropped_and_named():
    spec, m = design("y ~ x + x2 + z + (1 | g)", DATA.assign(x2=2 * DATA["x"] + 1))
    assert spec.aliased == ("x2",)
    assert m.x_names == spec.x_names == ("Intercept", "x", "z")
    assert m.X.shape == (N, 3)


def test_a_specification_and_matrices_can_be_pickled():
    made = design("log(yield) ~ f*poly(x, 2) + C(h, contr.sum) + (x | g)", contrasts={"f": "sum"})
    spec, m = pickle.loads(pickle.dumps(made))
    assert spec.x_names == made[0].x_names
    np.testing.assert_array_equal(m.X, made[1].X)


def test_the_specification_remembers_the_variables():
    spec, _ = design("y ~ f*x + (z | g)")
    assert set(spec.variables) == {"f", "x", "z"}
    assert spec.variables["f"].levels == ("u", "v", "w")
    assert spec.variables["x"].mean == pytest.approx(DATA["x"].mean())


def test_names_that_functions_have_too():
    data = DATA.assign(C=DATA["x"], exp=DATA["z"])
    assert matrices("y ~ C + exp + log(yield)", data).x_names[1:] == ("C", "exp", "log(yield)")


def test_functions_of_numpy():
    m = matrices("y ~ np.clip(x, 0, np.inf) + (1 | g)")
    np.testing.assert_array_equal(m.X[:, 1], DATA["x"].clip(0))


def test_names_of_any_length_and_script():
    long = "v" * 10_000
    data = DATA.rename(columns={"x": long, "f": "größe", "g": "群"})
    m = matrices(f"y ~ {long} + größe + (1 | 群)", data)
    assert m.x_names == ("Intercept", long, "größe[T.v]", "größe[T.w]")
