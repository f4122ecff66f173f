"""The same columns for other data."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mixedmodels.data import Frame
from mixedmodels.design import build, rebuild
from mixedmodels.errors import DataError
from mixedmodels.formula import parse

N = 48
RANDOM = np.random.default_rng(26)
DATA = pd.DataFrame(
    {
        "y": RANDOM.uniform(1, 2, N),
        "x": RANDOM.normal(size=N),
        "z.z": RANDOM.uniform(1, 2, N),
        "truth": RANDOM.normal(size=N) > 0,
        "f": np.tile(["u", "v", "w"], N // 3),
        "h": np.tile([10, 20, 30, 40], N // 4),
        "g": np.repeat(np.arange(6), N // 6),
    }
)
FORMULAS = [
    "y ~ x + (x | g)",
    "log(y) ~ f*x + z.z + (f | g) + (1 | g:f)",
    "scale(y) ~ poly(x, 2) + bs(z.z, df=4) + (poly(x, 2) | g)",
    "y ~ C(h, contr.helmert) + scale(x):f + (1 | f/g)",
    "y / z.z ~ center(x) + log(z.z) + truth + factor(h) + (0 + truth || g)",
    "y ~ 0 + f + (1 | g)",
    "y ~ x + I(2*x) + f + (1 | g)",
    "y ~ x",
]


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("library", [lambda d: d, pl.from_pandas])
def test_rows_of_the_data_give_their_own_columns(text, library):
    spec, m = build(parse(text), Frame.of(DATA))
    rows = np.array([30, 2, 17, 3])
    new = rebuild(spec, Frame.of(library(DATA.iloc[rows])), need_response=True)
    np.testing.assert_array_equal(new.X, m.X[rows])
    np.testing.assert_array_equal(new.y, m.y[rows])
    assert new.complete.all()
    for term, fitted in zip(new.terms, m.terms, strict=True):
        assert term.names == fitted.names
        assert term.group == fitted.group
        np.testing.assert_array_equal(term.Z, fitted.Z[rows])
        np.testing.assert_array_equal(term.codes, m.groupings[term.group].codes[rows])


def test_missing_values_give_nan_rows():
    spec, m = build(parse("y ~ f*x + (x | g)"), Frame.of(DATA))
    data = DATA[:4].assign(x=[0.5, np.nan, 1, 2], f=["u", "v", None, "w"])
    new = rebuild(spec, Frame.of(data), need_response=True)
    assert new.complete.tolist() == [True, False, False, True]
    assert np.isnan(new.X[1:3]).all()
    assert np.isnan(new.terms[0].Z[1:3]).all()
    assert np.isfinite(new.X[[0, 3]]).all()
    np.testing.assert_array_equal(new.y, m.y[:4])


def test_data_without_a_complete_row():
    spec, _ = build(parse("y ~ f*poly(x, 2) + (1 | g)"), Frame.of(DATA))
    new = rebuild(spec, Frame.of(DATA[:2].assign(x=np.nan)))
    assert np.isnan(new.X).all()
    assert new.X.shape == (2, 9)


def test_new_and_missing_groups_have_no_code():
    spec, _ = build(parse("y ~ x + (1 | g) + (1 | g:f)"), Frame.of(DATA))
    data = DATA[:4].assign(g=pd.array([1, 99, pd.NA, 5], dtype="Int64"))
    new = rebuild(spec, Frame.of(data))
    assert new.terms[0].codes.tolist() == [1, -1, -1, 5]
    assert (new.terms[1].codes >= 0).tolist() == [True, False, False, True]
    assert new.complete.all()


def test_levels_are_matched_across_types():
    spec, m = build(parse("y ~ factor(h) + (1 | g)"), Frame.of(DATA))
    text = DATA.assign(g=pd.Categorical(DATA["g"].astype(str)))
    np.testing.assert_array_equal(
        rebuild(spec, Frame.of(text)).terms[0].codes, m.groupings[0].codes
    )
    floats = DATA.assign(g=DATA["g"].astype(float))
    np.testing.assert_array_equal(
        rebuild(spec, Frame.of(floats)).terms[0].codes, m.groupings[0].codes
    )


def test_a_group_that_is_not_wanted_need_not_be_there():
    spec, _ = build(parse("y ~ x + (1 | g) + (1 | f)"), Frame.of(DATA))
    new = rebuild(spec, Frame.of(DATA.drop(columns="g")), groups=["f"])
    assert [term.group for term in new.terms] == [0, 1]
    assert (new.terms[0].codes == -1).all()
    assert (new.terms[1].codes >= 0).all()


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (DATA.assign(f="other"), "levels that the model does not know: other.\nDo:.*u, v, w"),
        (DATA.drop(columns="x"), "no column 'x', which the model needs"),
        (DATA.drop(columns="x").assign(X=1), "Did you mean 'X'"),
        (DATA.drop(columns="g"), "no column 'g'"),
        (DATA.assign(x="a"), "was numeric in the fit"),
        (DATA.assign(x=np.inf), "'x' is infinite"),
    ],
)
def test_data_that_do_not_fit_are_refused(data, part):
    spec, _ = build(parse("y ~ f + x + (1 | g)"), Frame.of(DATA))
    with pytest.raises(DataError, match=part):
        rebuild(spec, Frame.of(data))


def test_an_unknown_level_inside_a_transform_is_refused():
    spec, _ = build(parse("y ~ factor(h)"), Frame.of(DATA))
    with pytest.raises(DataError, match="outside of the nominated levels"):
        rebuild(spec, Frame.of(DATA[:3].assign(h=50)))


def test_the_response_is_needed_only_on_request():
    spec, _ = build(parse("y ~ x + (1 | g)"), Frame.of(DATA))
    data = Frame.of(DATA.drop(columns="y"))
    assert rebuild(spec, data).y is None
    with pytest.raises(DataError, match="no column 'y'"):
        rebuild(spec, data, need_response=True)


def test_the_fixed_part_needs_its_own_columns_alone():
    data = DATA.assign(z=np.arange(len(DATA)) % 5.0)
    spec, _ = build(parse("y ~ x + f + (z | g) + (x | h)"), Frame.of(data))
    fixed = Frame.of(data[["x", "f"]])
    new = rebuild(spec, fixed, groups=[], left_out=False)
    np.testing.assert_array_equal(new.X, rebuild(spec, Frame.of(data)).X)
    assert all(np.isnan(term.Z).all() for term in new.terms)
    with_h = rebuild(spec, Frame.of(data[["x", "f", "h"]]), groups=["h"], left_out=False)
    assert with_h.complete.all()
    with pytest.raises(DataError, match="no column 'z'"):
        rebuild(spec, fixed, groups=[])
