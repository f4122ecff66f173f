"""Pooled models as a user meets them: tables, means, comparisons, and what is refused."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import t as student

import mixedmodels as mm
from mixedmodels.errors import DataError, PoolingWarning
from tests.pooling.imputed import some_frames

FORMULA = "y ~ x + f + (1 | g)"


@pytest.fixture(scope="module")
def frames():
    return [pd.DataFrame(frame) for frame in some_frames()]


@pytest.fixture(scope="module")
def pooled(frames):
    return mm.lmm(FORMULA, frames)


def test_a_list_is_what_pool_makes_of_the_fits(frames, pooled) -> None:
    by_hand = mm.pool(mm.lmm(FORMULA, frame) for frame in frames)
    pd.testing.assert_frame_equal(by_hand.coef_table(), pooled.coef_table())
    by_name = mm.pool({i: mm.lmm(FORMULA, frame) for i, frame in enumerate(frames)})
    pd.testing.assert_frame_equal(by_name.coef_table(), pooled.coef_table())
    assert by_hand.m == pooled.m == len(pooled.models) == 4
    assert pooled.formula == pooled.models[0].formula


@pytest.mark.parametrize("as_given", [pl.from_pandas, lambda f: f.to_dict("list"), lambda f: f])
def test_tables_of_any_library(frames, pooled, as_given) -> None:
    found = mm.lmm(FORMULA, tuple(as_given(frame) for frame in frames))
    np.testing.assert_array_equal(found.params, pooled.params)
    wanted = type(as_given(frames[0])) if as_given is pl.from_pandas else pd.DataFrame
    assert isinstance(found.coef_table(), wanted)
    assert isinstance(found.variance_components, wanted)


def test_a_long_table_with_the_incomplete_data_as_number_zero(frames, pooled) -> None:
    holes = frames[0].assign(y=frames[0]["y"].where(np.arange(60) % 5 > 0))
    parts = [holes, *frames]
    long = pd.concat([part.assign(**{".imp": i}) for i, part in enumerate(parts)])
    found = mm.lmm(FORMULA, long, imp=".imp")
    pd.testing.assert_frame_equal(found.coef_table(), pooled.coef_table())
    assert "0" in found.notes[0]
    from_zero = pd.concat([part.assign(**{".imp": i}) for i, part in enumerate(frames)])
    same = mm.lmm(FORMULA, from_zero, imp=".imp")
    assert same.m == 4
    assert same.notes == ()
    with pytest.raises(DataError, match="no column 'imputation'"):
        mm.lmm(FORMULA, long, imp="imputation")
    with pytest.raises(DataError, match="at least two"):
        mm.lmm(FORMULA, frames[0].assign(k=1), imp="k")


def test_one_imputation_several_times_is_one_fit(frames) -> None:
    model, pooled = mm.lmm(FORMULA, frames[0]), mm.lmm(FORMULA, [frames[0]] * 3)
    np.testing.assert_allclose(pooled.params, model.params, rtol=1e-13)
    np.testing.assert_allclose(pooled.bse, model.bse, rtol=1e-13)
    assert (pooled.coef_table()["riv"] == 0).all()
    normal = pooled.coef_table("normal")
    assert np.isinf(normal["df"]).all()
    np.testing.assert_allclose(normal["p_value"], model.coef_table("normal")["p_value"], rtol=1e-9)


def test_intervals_of_variances_are_pooled_on_the_log_scale(frames, pooled) -> None:
    table = pooled.conf_int(which="all")
    row = table[(table["group"] == "g")].iloc[0]
    logs, spreads = [], []
    for model in pooled.models:
        value = model.covariance_parameters().iloc[0]
        logs.append(np.log(value["estimate"]))
        spreads.append((value["std_error"] / value["estimate"]) ** 2)
    between = np.var(logs, ddof=1)
    total = np.mean(spreads) + 1.25 * between
    df = 3 * (total / (1.25 * between)) ** 2
    half = student.ppf(0.975, df) * np.sqrt(total)
    assert row["conf_low"] == pytest.approx(np.exp(np.mean(logs) - half), rel=1e-9)
    assert row["conf_high"] == pytest.approx(np.exp(np.mean(logs) + half), rel=1e-9)
    assert len(pooled.conf_int()) == 3
    assert len(pooled.conf_int(which="variance")) == len(pooled.covariance_parameters()) == 2


def test_tests_of_one_coefficient_agree(pooled) -> None:
    row = pooled.coef_table().iloc[1]
    found = pooled.t_test("x = 0").iloc[0]
    for name in ("estimate", "std_error", "df", "p_value"):
        assert found[name] == row[name]
    joint = pooled.wald_test("x = 0", ddf="normal").iloc[0]
    assert joint["statistic"] == pytest.approx(row["statistic"] ** 2)
    smaller = mm.lmm("y ~ f + (1 | g)", [m.fit.frame.native for m in pooled.models])
    dropped = pooled.compare(smaller, method="D1", ddf="normal").iloc[0]
    assert dropped["p_value"] == pytest.approx(joint["p_value"], rel=1e-9)
    assert smaller.compare(pooled, method="D1").iloc[0]["model"] == pooled.formula


def test_hypotheses_that_repeat_or_contradict_themselves(pooled) -> None:
    once = pooled.wald_test("x = 0, f[T.b] = 0")
    twice = pooled.wald_test("x = 0, f[T.b] = 0, x + f[T.b] = 0")
    assert twice["num_df"][0] == 2
    assert twice["statistic"][0] == pytest.approx(once["statistic"][0], rel=1e-9)
    with pytest.raises(DataError, match="contradict"):
        pooled.wald_test("x = 0, x = 1")


def test_means_are_pooled_row_by_row(pooled) -> None:
    at = {"x": 50}
    found = pooled.emmeans("f", at=at).table()
    each = [m.emmeans("f", at=at).table() for m in pooled.models]
    np.testing.assert_allclose(
        found["estimate"], np.mean([t["estimate"] for t in each], axis=0), rtol=1e-12
    )
    within = np.mean([t["std_error"] ** 2 for t in each], axis=0)
    between = np.var([t["estimate"] for t in each], axis=0, ddof=1)
    np.testing.assert_allclose(found["std_error"], np.sqrt(within + 1.25 * between), rtol=1e-10)
    pair = pooled.emmeans("f", at=at).pairs()
    row = pooled.t_test("- f[T.b] = 0").iloc[0]
    assert pair.table()["p_value"][0] == pytest.approx(row["p_value"], rel=1e-9)
    joint = pair.test(joint=True)
    assert joint["statistic"][0] == pytest.approx(row["statistic"] ** 2, rel=1e-9)
    assert pooled.emtrends("f", "x").table()["estimate"][0] == pytest.approx(pooled.params["x"])
    assert "pooled over 4 imputations" in str(pair).lower()
    with pytest.raises(DataError, match="other values of 'x'"):
        pooled.emmeans("x", cov_reduce=False)


def test_means_of_a_number_of_degrees_of_freedom(pooled) -> None:
    some = pooled.emmeans("f", ddf=20).table()
    many = pooled.emmeans("f", ddf="normal").table()
    assert (some["df"] < 20).all()
    assert (many["df"] > some["df"]).all()
    np.testing.assert_allclose(some["std_error"], many["std_error"])


def test_an_imputation_that_cannot_be_fitted_is_told_of_and_left_out(frames) -> None:
    broken = [*frames, frames[0].assign(y=1.0)]
    with pytest.warns(PoolingWarning, match="1 of 5 imputations cannot be fitted"):
        found = mm.lmm(FORMULA, broken)
    assert found.m == 4
    assert found.failures["imputation"].tolist() == [5]
    assert "without imputation 5" in found.notes[0]
    assert "without imputation 5" in str(found)


def test_an_error_that_all_share_is_that_error(frames) -> None:
    with pytest.raises(mm.errors.FormulaError, match="nothing"):
        mm.lmm("y ~ nothing + (1 | g)", frames)
    with pytest.raises(DataError, match="2 of 3 imputations cannot be fitted"):
        mm.lmm(FORMULA, [frames[0], frames[1].assign(y=1.0), frames[2].assign(y=np.nan)])


def test_what_several_fits_warn_of_is_said_once(frames) -> None:
    twins = [frame.assign(z=frame["x"]) for frame in frames]
    with pytest.warns(mm.errors.DroppedColumnsWarning) as caught:
        mm.lmm("y ~ x + z + (1 | g)", twins)
    assert len(caught) == 1


def test_singular_imputations_have_a_note(frames) -> None:
    flat = [f.assign(y=f["y"] - f.groupby("g")["y"].transform("mean")) for f in frames]
    found = mm.lmm(FORMULA, flat)
    assert "singular in imputations 1, 2, 3 and 4" in found.notes[0]
    assert found.conf_int(which="variance")["conf_low"].isna()[0]
    assert found.coef_table().notna().all(axis=None)


def test_rows_that_differ_have_a_note(frames) -> None:
    short = [frames[0].iloc[1:], *frames[1:]]
    assert "different numbers of rows, 59 to 60" in mm.lmm(FORMULA, short).notes[0]
    fewer = [frames[0][frames[0]["g"] > 0], *frames[1:]]
    assert any("levels of g differ" in note for note in mm.lmm(FORMULA, fewer).notes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: mm.lmm("y ~ x + (1 | g)", f[0]), "the formula"),
        (lambda f: mm.lmm(FORMULA, f[0], reml=False), "the criterion"),
        (lambda f: mm.lmm(FORMULA, f[0].replace({"f": {"b": "c"}})), "their coefficients"),
    ],
)
def test_other_models_are_not_pooled(frames, change, message) -> None:
    with pytest.raises(DataError, match=f"differ in {message}"):
        mm.pool([mm.lmm(FORMULA, frames[0]), change(frames)])


def test_what_is_no_set_of_models(frames) -> None:
    with pytest.raises(DataError, match="at least two"):
        mm.pool([mm.lmm(FORMULA, frames[0])])
    with pytest.raises(DataError, match="at least two"):
        mm.lmm(FORMULA, [frames[0]])
    for thing in (frames, 3, [mm.lmm(FORMULA, frames[0]), None]):
        with pytest.raises(DataError, match="fitted model"):
            mm.pool(thing)


def test_comparisons_that_have_no_meaning(frames, pooled) -> None:
    no_effect = mm.lmm("y ~ x + f", frames)
    with pytest.raises(DataError, match="Wald tests are of coefficients"):
        pooled.compare(no_effect, method="D1")
    with pytest.raises(DataError, match="not nested"):
        pooled.compare(mm.lmm("y ~ np.log(x) + (1 | g)", frames))
    with pytest.raises(DataError, match="4 and 3 imputations"):
        pooled.compare(mm.lmm("y ~ f + (1 | g)", frames[:3]))
    with pytest.raises(DataError, match="imputation 1"):
        pooled.compare(mm.lmm("y ~ f + (1 | g)", frames[::-1]))
    with pytest.raises(DataError, match="D5"):
        pooled.compare(no_effect, method="D5")
    with pytest.raises(DataError, match="ddf"):
        pooled.compare(no_effect, ddf=4)
    with pytest.raises(DataError, match="ddf"):
        pooled.coef_table(ddf=-1)
    with pytest.raises(DataError, match="given an object of type LinearMixedModel"):
        pooled.compare(no_effect.models[0])
    note = pooled.compare(no_effect, method="D4")["note"][0]
    assert note == "a variance is tested at zero: the p-value is too large"


def test_generalised_models(frames) -> None:
    counts = [f.assign(c=np.round(np.abs(f["y"])).astype(int)) for f in frames]
    found = mm.glmm("c ~ f + x + (1 | g)", counts, "poisson")
    smaller = mm.glmm("c ~ x + (1 | g)", counts, "poisson")
    tests = [found.compare(smaller, method=d)["statistic"][0] for d in ("D1", "D2", "D3", "D4")]
    assert np.ptp(tests) < 0.2
    assert np.isfinite(found.emmeans("f").pairs().table()["p_value"]).all()


def test_repeated_measures() -> None:
    frames = [pd.DataFrame(f | {"t": np.tile(np.arange(6), 10)}) for f in some_frames()]
    found = mm.mmrm("y ~ x", frames, subject="g", visit="t", covariance="ar1")
    assert found.m == 4
    smaller = mm.mmrm("y ~ 1", frames, subject="g", visit="t", covariance="ar1")
    tests = [found.compare(smaller, method=d)["statistic"][0] for d in ("D2", "D3", "D4")]
    assert np.ptp(tests) < 0.2 * max(tests)


def test_a_list_of_one_table_and_iterators_of_batches_keep_their_meaning(frames) -> None:
    whole = mm.lmm(FORMULA, iter([frames[0].iloc[:30], frames[0].iloc[30:]]))
    assert isinstance(whole, mm.LinearMixedModel)
    np.testing.assert_allclose(whole.params, mm.lmm(FORMULA, frames[0]).params, rtol=1e-8)


@pytest.mark.parametrize("fit", [mm.lmm, lambda f, d: mm.glmm(f, d, family="gaussian")])
def test_a_long_table_fitted_as_one_is_said_to_be_one(frames, fit) -> None:
    long = pd.concat([frame.assign(**{".imp": i}) for i, frame in enumerate(frames, 1)])
    with pytest.warns(PoolingWarning, match='imp=".imp"'):
        fit(FORMULA, long)
    fit(FORMULA, long[long[".imp"] == 1])
    fit(FORMULA + " + `.imp`", long)


@pytest.mark.parametrize("order", [range(5), range(4, -1, -1)])
def test_the_incomplete_data_are_number_zero_wherever_that_stands(frames, pooled, order) -> None:
    holes = frames[0].assign(y=frames[0]["y"].where(np.arange(60) % 5 > 0))
    long = pd.concat([part.assign(**{".imp": i}) for i, part in enumerate([holes, *frames])])
    long[".imp"] = pd.Categorical(long[".imp"], categories=list(order))
    found = mm.lmm(FORMULA, long, imp=".imp")
    np.testing.assert_allclose(found.params, pooled.params, rtol=1e-12)
    assert found.m == 4


def test_what_is_no_sequence_of_tables_is_said_to_be_none(frames) -> None:
    with pytest.raises(DataError, match="list of rows"):
        mm.lmm(FORMULA, frames[0].to_dict("records"))
    long = pd.concat([frame.assign(k=i) for i, frame in enumerate(frames)])
    for wrong in (long["k"], 3, ["k"]):
        with pytest.raises(DataError, match="no name of a column"):
            mm.lmm(FORMULA, long, imp=wrong)
