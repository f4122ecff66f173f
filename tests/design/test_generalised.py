"""Responses, trials, exposures and the parts beside the mean."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mixedmodels.data import Frame
from mixedmodels.design import build, rebuild
from mixedmodels.design.distribution import Distribution
from mixedmodels.errors import DataError, FormulaError
from mixedmodels.families import family_of
from mixedmodels.formula import parse

N = 60
RANDOM = np.random.default_rng(13)
SIZE = RANDOM.integers(3, 9, N)
SUCCESSES = RANDOM.binomial(SIZE, 0.4)
BINARY = RANDOM.binomial(1, 0.4, N)
GRADES = pd.Categorical.from_codes(
    np.tile([2, 0, 1, 1], N // 4), categories=["low", "mid", "high"], ordered=True
)
DATA = pd.DataFrame(
    {
        "successes": SUCCESSES,
        "size": SIZE,
        "failures": SIZE - SUCCESSES,
        "binary": BINARY,
        "passed": BINARY == 1,
        "answer": np.where(BINARY == 1, "yes", "no"),
        "sick": pd.Categorical.from_codes(BINARY, categories=["well", "ill"]),
        "grade": GRADES,
        "score": np.tile([1.5, 3.0, 2.0, 2.0], N // 4),
        "count": RANDOM.poisson(3, N),
        "hours": RANDOM.uniform(1, 5, N),
        "x": RANDOM.normal(size=N),
        "year": 2000.0 + RANDOM.integers(0, 9, N),
        "f": np.tile(["u", "v", "w"], N // 3),
        "g": np.repeat(list("abcdef"), N // 6),
        "row": np.arange(N),
    }
)


def design(text, family="binomial", data=DATA, *, zero_kind=(), weights=None, offset=None, **asked):
    distribution = Distribution(family_of(family, None, *zero_kind), **asked)
    frame = Frame.of(data)
    return build(parse(text), frame, weights=weights, offset=offset, distribution=distribution)


def in_polars(data):
    """With enumerations, whose levels have an order that polars' categories have not."""
    types = {"sick": pl.Enum(["well", "ill"]), "grade": pl.Enum(["low", "mid", "high"])}
    return pl.from_pandas(data).cast(types)


def matrices(text, family="binomial", data=DATA, **options):
    return design(text, family, data, **options)[1]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("successes / size ~ x + (1 | g)", {}),
        ("cbind(successes, failures) ~ x + (1 | g)", {}),
        ("cbind(successes, size - successes) ~ x + (1 | g)", {}),
        ("successes ~ x + (1 | g)", {"trials": "size"}),
        ("successes ~ x + (1 | g)", {"trials": SIZE}),
        ("successes / size ~ x + (1 | g)", {"trials": "size"}),
    ],
)
def test_successes_in_trials_in_any_words(text, options):
    m = matrices(text, **options)
    np.testing.assert_array_equal(m.y, SUCCESSES)
    np.testing.assert_array_equal(m.size, SIZE)


def test_a_number_of_trials_that_is_the_same_in_every_row():
    m = matrices("successes / 9 ~ x + (1 | g)")
    np.testing.assert_array_equal(m.y, SUCCESSES)
    np.testing.assert_array_equal(m.size, np.full(N, 9))
    for text in ("successes / 2.5 ~ x + (1 | g)", "successes / 'a' ~ x + (1 | g)"):
        with pytest.raises(DataError, match="no positive whole number"):
            matrices(text)


@pytest.mark.parametrize("name", ["binary", "passed", "answer", "sick"])
@pytest.mark.parametrize("convert", [pd.DataFrame, in_polars, lambda d: d.to_dict("list")])
def test_one_outcome_of_two_in_any_type_and_library(name, convert):
    data = convert(DATA)
    spec, m = design(f"{name} ~ x + (1 | g)", data=data)
    if name == "sick" and isinstance(data, dict):  # a list of text has the alphabet's order
        assert spec.response_levels == ("ill", "well")
        np.testing.assert_array_equal(m.y, 1 - BINARY)
        return
    np.testing.assert_array_equal(m.y, BINARY)
    assert m.size is None
    levels = {"answer": ("no", "yes"), "sick": ("well", "ill")}.get(name, ())
    assert spec.response_levels == levels


def test_the_order_of_the_levels_says_which_is_a_success():
    turned = DATA.assign(sick=DATA["sick"].cat.reorder_categories(["ill", "well"]))
    assert design("sick ~ x + (1 | g)", data=turned)[0].response_levels == ("ill", "well")
    np.testing.assert_array_equal(matrices("sick ~ x + (1 | g)", data=turned).y, 1 - BINARY)


@pytest.mark.parametrize(
    ("text", "levels"),
    [("grade ~ x + (1 | g)", ("low", "mid", "high")), ("score ~ x + (1 | g)", (1.5, 2.0, 3.0))],
)
def test_ordered_categories(text, levels):
    spec, m = design(text, "ordinal")
    assert spec.response_levels == levels
    np.testing.assert_array_equal(
        m.y, np.tile([2, 0, 1, 1] if levels[0] == "low" else [0, 2, 1, 1], N // 4)
    )
    (part,) = m.auxiliary
    assert part.kind == "thresholds"
    assert part.D.shape == (N, 0)
    assert len(part.names) == 2


def test_thresholds_stand_for_the_intercept():
    spec, m = design("grade ~ f + x + (1 | g)", "ordinal")
    assert m.x_names == ("f[T.v]", "f[T.w]", "x")
    assert "Intercept" not in spec.aliased
    new = rebuild(spec, Frame.of(DATA.iloc[[4, 9]]))
    np.testing.assert_array_equal(new.X, m.X[[4, 9]])
    with pytest.raises(FormulaError, match="thresholds of an ordinal model are its intercepts"):
        design("grade ~ 0 + f + (1 | g)", "ordinal")


def test_a_column_that_repeats_the_constant_is_dropped_beside_thresholds():
    spec, m = design("grade ~ x + I(x - x + 1) + (1 | g)", "ordinal")
    assert m.x_names == ("x",)
    assert len(spec.aliased) == 1


def test_a_covariate_far_from_the_origin_of_thresholds():
    data = DATA.assign(seconds=1.6e9 + DATA["x"])
    with pytest.raises(DataError, match=r"'seconds' is .* standard deviations away from zero"):
        design("grade ~ seconds + (1 | g)", "ordinal", data)
    assert matrices("grade ~ year + (1 | g)", "ordinal").x_names == ("year",)


def test_evenly_spaced_thresholds_have_two_parameters():
    (part,) = matrices("grade ~ x + (1 | g)", "ordinal", thresholds="equidistant").auxiliary
    assert part.names == ("low|mid", "spacing")
    assert part.threshold_names == ("low|mid", "mid|high")


def test_parts_have_columns_that_new_data_rebuild():
    asked = {"dispersion": "~ f", "zero": "~ x + scale(year)", "zero_kind": ("inflated",)}
    spec, m = design("count ~ x + (1 | g)", "negative_binomial", **asked)
    dispersion, zero = m.auxiliary
    assert (dispersion.kind, dispersion.names) == ("dispersion", ("Intercept", "f[T.v]", "f[T.w]"))
    assert (zero.kind, zero.names) == ("zero", ("Intercept", "x", "scale(year)"))
    rows = [3, 11, 40]
    new = rebuild(spec, Frame.of(DATA.iloc[rows]), need_auxiliary=True)
    for made, part in zip(new.auxiliary, m.auxiliary, strict=True):
        np.testing.assert_allclose(made, part.D[rows], rtol=1e-14)


def test_a_part_of_which_nothing_is_said_is_one_number():
    (part,) = matrices("count ~ x + (1 | g)", "negative_binomial").auxiliary
    assert (part.kind, part.names) == ("dispersion", ("Intercept",))
    np.testing.assert_array_equal(part.D, np.ones((N, 1)))


def test_columns_of_a_part_that_earlier_ones_span_are_dropped():
    spec, m = design("count ~ x + (1 | g)", "negative_binomial", dispersion="~ x + I(2 * x)")
    assert m.auxiliary[0].names == ("Intercept", "x")
    assert spec.auxiliary[0].aliased == ("dispersion: I(2 * x)",)


@pytest.mark.parametrize("name", ["f", "hours", "successes", "x", "size", "g"])
def test_a_missing_value_anywhere_drops_the_row(name):
    data = DATA.astype({"successes": float, "size": float, "f": object})
    data.loc[7, name] = None
    asked = {"trials": "size", "dispersion": "~ f", "exposure": "hours"}
    m = matrices("successes ~ x + (1 | g)", "beta_binomial", data, **asked)
    assert m.n_missing == 1
    assert len(m.y) == len(m.size) == len(m.offset) == len(m.auxiliary[0].D) == N - 1


def test_new_rows_with_a_missing_value_in_a_part():
    spec, _ = design("count ~ x + (1 | g)", "negative_binomial", dispersion="~ hours + f")
    data = DATA.iloc[:4].copy()
    data.loc[2, "hours"] = np.nan
    new = rebuild(spec, Frame.of(data), need_auxiliary=True)
    assert np.isnan(new.auxiliary[0]).all(axis=1).tolist() == [False, False, True, False]
    assert new.complete.all()
    with pytest.raises(DataError, match="no column 'hours'"):
        rebuild(spec, Frame.of(data.drop(columns="hours")), need_auxiliary=True)
    rebuild(spec, Frame.of(data.drop(columns="hours")))


@pytest.mark.parametrize("exposure", ["hours", DATA["hours"].to_numpy(), DATA["hours"]])
def test_exposure_is_an_offset_by_its_logarithm(exposure):
    m = matrices("count ~ x + (1 | g)", "poisson", exposure=exposure, offset="x")
    np.testing.assert_allclose(m.offset, DATA["x"] + np.log(DATA["hours"]), rtol=1e-15)
    m = matrices("count ~ x + (1 | g)", "poisson", exposure=exposure)
    np.testing.assert_allclose(m.offset, np.log(DATA["hours"]), rtol=1e-15)


def test_some_rows():
    asked = {"trials": "size", "dispersion": "~ x"}
    m = matrices("successes ~ x + (1 | g)", "beta_binomial", **asked)
    part = m.take(np.array([5, 2, 2]))
    assert part.size.tolist() == SIZE[[5, 2, 2]].tolist()
    np.testing.assert_array_equal(part.auxiliary[0].D, m.auxiliary[0].D[[5, 2, 2]])


@pytest.mark.parametrize(
    ("text", "family", "options", "message"),
    [
        ("f ~ x + (1 | g)", "binomial", {}, "'f' has 3 levels: u, v, w"),
        ("answer ~ x + (1 | g)", "binomial", {"trials": "size"}, "no number of successes"),
        ("f ~ x + (1 | g)", "ordinal", {}, "order would be the alphabet's"),
        ("x ~ f + (1 | g)", "ordinal", {}, r"a threshold|categor|ordered"),
        ("count ~ x + (1 | g)", "poisson", {"trials": "size"}, "the family poisson has none"),
        ("count ~ x + (1 | g)", "poisson", {"exposure": "x"}, "exposure .* zero, negative"),
        ("successes ~ x + (1 | g)", "binomial", {"trials": "x"}, "no positive whole number"),
        ("successes / x ~ f + (1 | g)", "binomial", {}, "no positive whole number"),
        ("successes / size ~ x + (1 | g)", "binomial", {"trials": "count"}, "trials"),
        ("cbind(successes, x) ~ f + (1 | g)", "binomial", {}, "failures .* negative"),
        ("size / successes ~ x + (1 | g)", "binomial", {}, "positive whole number|above|more"),
        ("answer ~ x + (1 | g)", "poisson", {}, "one number per row"),
    ],
)
def test_refusals(text, family, options, message):
    data = DATA.assign(x=DATA["x"] + np.arange(N) / 1000)
    if "ordinal" in family and text.startswith("x"):
        data = pd.concat([data] * 2, ignore_index=True).assign(x=np.arange(2.0 * N))
    with pytest.raises(DataError, match=message):
        design(text, family, data, **options)


def test_an_effect_for_every_row_is_the_overdispersion_of_counts():
    assert matrices("count ~ x + (1 | g) + (1 | row)", "poisson").terms[1].names == ("Intercept",)
    spec, _ = design("successes / size ~ x + (1 | row)")
    assert spec.identification.n_lost == 0


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("binary ~ x + (1 | g) + (1 | row)", "binomial"),
        ("grade ~ x + (1 | row)", "ordinal"),
        ("x ~ f + (1 | g) + (1 | row)", "gaussian"),
    ],
)
def test_an_effect_for_every_row_that_no_data_can_tell(text, family):
    with pytest.raises(DataError, match=r"\(1 \| row\) has"):
        design(text, family)


def test_terms_that_say_the_same_are_refused_as_in_linear_models():
    data = DATA.assign(h=DATA["g"].str.upper())
    with pytest.raises(DataError, match="repeats what"):
        design("binary ~ x + (1 | g) + (1 | h)", data=data)
    with pytest.raises(DataError, match="has one level"):
        design("binary ~ x + (1 | one)", data=DATA.assign(one="a"))


def test_effects_that_the_fixed_part_takes_up_have_a_variance_all_the_same():
    spec, _ = design("binary ~ g + (1 | g)")
    assert spec.identification.n_lost == 0


@pytest.mark.parametrize("word", ["cs(0 + k | g)", "ar1(0 + k | g)", "mm(1 | g + f)", "(x || g)"])
def test_every_structure_is_there(word):
    data = DATA.assign(k=pd.Categorical(np.tile([1, 2, 3, 4], N // 4)))
    assert len(matrices(f"binary ~ x + {word}", data=data).terms) == 1


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("successes / size ~ x", {}),
        ("cbind(successes, failures) ~ x", {}),
        ("successes ~ x", {"trials": "size"}),
    ],
)
def test_trials_do_not_count_twice(text, options):
    with pytest.raises(DataError, match="trials of the response"):
        design(text, weights="size", **options)
    half = DATA.assign(half=DATA["size"] / 2)
    assert design(text, data=half, weights="half", **options)[1].weights is not None
    assert design("binary ~ x", data=DATA.assign(one=1.0), weights="one")[1].size is None
    ones = DATA.assign(one=1.0, hit=np.arange(len(DATA)) % 2)
    assert design("hit / one ~ x", data=ones, weights="one")[1].weights is not None
