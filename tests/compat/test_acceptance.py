"""What each slide of "Linear Mixed Models in Python" must give: R 4.2.2, lme4 and lmerTest."""

import pickle
import warnings
from textwrap import dedent as log_of_one

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mixedmodels as mm
from mixedmodels.errors import CompatibilityWarning, DataError, FormulaError

NEAR = {"rel": 1e-3}

NAMES = ["Intercept", "treatment[T.treatment]", "time"]


def first_frame(seed: int = 0) -> pd.DataFrame:
    np.random.seed(seed)
    return pd.DataFrame(
        {
            "subject": np.repeat(["A", "B", "C", "D"], 5),
            "time": np.tile(range(5), 4),
            "treatment": np.repeat(["control", "treatment"], 10),
            "response": np.random.normal(0, 1, 20),
        }
    )


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return first_frame()


@pytest.fixture(scope="module")
def crossed() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Slide 7's frame, and slide 8's: 100 draws of rows lose their response."""
    np.random.seed(42)
    frame = pd.DataFrame(
        {
            "subject": np.repeat(range(50), 30),
            "item": np.tile(range(30), 50),
            "condition": np.random.choice(["A", "B"], 1500),
            "response": np.random.normal(0, 1, 1500),
        }
    )
    holes = frame.copy()
    holes.loc[np.random.choice(holes.index, 100), "response"] = np.nan
    return frame, holes


def basic(data, **options):
    return mm.mixedlm("response ~ time + treatment", data, groups="subject", **options)


def numbers(values) -> list[float]:
    return np.asarray(values, dtype=float).tolist()


def test_slide_1_basic_model(data):
    results = basic(data).fit()
    assert numbers(results.fe_params[NAMES]) == pytest.approx([0.7640, -0.3374, -0.0130], abs=6e-5)
    assert results.cov_re.iloc[0, 0] == pytest.approx(0.4284, **NEAR)
    assert results.scale == pytest.approx(0.5645, **NEAR)
    assert results.llf == pytest.approx(-24.97598, abs=1e-5)
    table = results.summary().tables[1]
    assert numbers(table.loc[NAMES, "df"]) == pytest.approx([2.904, 2.000, 15.000], **NEAR)
    assert numbers(results.pvalues[NAMES]) == pytest.approx([0.2766, 0.6916, 0.9144], **NEAR)
    assert "0.692" in str(results.summary())


def test_slide_2_fixed_or_random(data):
    reml, ml = basic(data).fit(), basic(data, re_formula="~1").fit(reml=False)
    assert reml.aic == pytest.approx(59.95196, abs=1e-4)
    assert (ml.aic, ml.bic) == pytest.approx((57.78579, 62.76445), abs=1e-4)
    alone = mm.lmm("response ~ time + treatment", data, reml=False)
    assert (alone.llf, alone.aic) == pytest.approx((-24.72619, 57.45239), abs=1e-4)


@pytest.mark.parametrize("dtype", [bool, float])
def test_slide_3_matrices(data, dtype):
    X = data[["time", "treatment"]].copy()
    X.insert(0, "const", 1.0)
    Z = pd.get_dummies(data["subject"]).astype(dtype)
    with pytest.warns(CompatibilityWarning, match="read as a random intercept"):
        model = mm.MixedLM(data["response"], X, groups=data["subject"], exog_re=Z)
    results = model.fit()
    assert results.llf == pytest.approx(-24.975982, abs=1e-5)
    assert results.cov_re.iloc[0, 0] == pytest.approx(0.428388, **NEAR)
    assert results.scale == pytest.approx(0.564498, **NEAR)
    assert results.fe_params.index.tolist() == ["const", "time", "treatment[T.treatment]"]


def test_slide_4_variance_components(data):
    results = basic(data, re_formula="~time").fit()
    found = [results.cov_re.iloc[0, 0], results.cov_re.iloc[1, 1], results.scale]
    assert found == pytest.approx([0.203752, 0.018566, 0.526849], **NEAR)
    assert results.llf >= -24.817391
    assert results.lmm.is_singular
    text = str(results.summary())
    assert "singular" in text
    assert results.lmm.variance_components["sdcor"].iloc[2] == pytest.approx(1.0, abs=1e-6)


def test_slide_5_diagnostics(data):
    shifted = data.set_index(np.arange(100, 120))
    results = basic(shifted, re_formula="~time").fit()
    assert results.fittedvalues.index.equals(shifted.index)
    assert results.resid.index.equals(shifted.index)
    assert (results.aic, results.bic) == pytest.approx((63.6348, 70.6049), abs=2e-4)
    assert "REML" in str(results.summary())


def test_slide_6_intercepts_or_slopes(data):
    for reml, expected in ((True, (59.9520, 63.6348)), (False, (57.7858, 61.5288))):
        found = [basic(data, re_formula=f).fit(reml=reml).aic for f in ("~1", "~time")]
        assert found == pytest.approx(expected, abs=2e-4)
    one, two = (basic(data, re_formula=f).fit().lmm for f in ("~1", "~time"))
    assert "boundary" in mm.compare(one, two)["note"].iloc[1]


@pytest.mark.parametrize("text", [False, True])
def test_slide_7_crossed(crossed, text):
    frame = crossed[0]
    if text:
        frame = frame.assign(item="item " + frame["item"].astype(str))
    with pytest.warns(CompatibilityWarning, match=r"\(1 \| subject\) \+ \(1 \| item\)"):
        model = mm.mixedlm("response ~ condition", frame, groups="subject", re_formula="~1|item")
    results = model.fit()
    assert numbers(results.fe_params) == pytest.approx([0.064164, -0.003617], abs=1e-6)
    assert numbers(results.bse_fe) == pytest.approx([0.039901, 0.051147], **NEAR)
    assert results.cov_re.iloc[0, 0] <= 1e-6
    assert results.vcomp[0] == pytest.approx(0.008789, **NEAR)
    assert results.scale == pytest.approx(0.975572, **NEAR)
    assert results.llf == pytest.approx(-2119.055632, abs=1e-5)
    assert results.lmm.is_singular
    assert "Note:" in str(results.summary())


def test_slide_8_missing_data(crossed):
    with pytest.warns(CompatibilityWarning) as notes:
        model = mm.mixedlm(
            "response ~ condition", crossed[1], groups="subject", re_formula="~1|item"
        )
    assert any("97 of 1500 rows have missing values" in str(note.message) for note in notes)
    results = model.fit()
    assert results.nobs == 1403
    assert numbers(results.fe_params) == pytest.approx([0.073022, -0.005279], abs=1e-6)
    assert results.cov_re.iloc[0, 0] == pytest.approx(0.001883, rel=2e-3)
    assert results.vcomp[0] == pytest.approx(0.012315, **NEAR)
    assert results.scale == pytest.approx(0.960750, **NEAR)
    assert results.llf == pytest.approx(-1974.55233, abs=1e-5)
    assert results.resid.index.equals(crossed[1].dropna().index)


@pytest.mark.parametrize("formula", ["time + treatment + time_treatment", "time * treatment"])
def test_slide_9_interaction(data, formula):
    frame = data.assign(time_treatment=data["time"] * (data["treatment"] == "treatment"))
    results = mm.mixedlm(f"response ~ {formula}", frame, groups="subject", re_formula="~1").fit()
    found = results.fe_params.sort_values().to_numpy()
    assert found == pytest.approx(sorted([0.361004, 0.188510, 0.468593, -0.402985]), **NEAR)
    errors = np.sort(results.bse_fe.to_numpy())
    assert errors == pytest.approx(sorted([0.606967, 0.156336, 0.858381, 0.221093]), **NEAR)
    name = results.fe_params.index[-1]
    assert results.pvalues[name] == pytest.approx(0.08977, **NEAR)
    assert results.summary().tables[1].loc[name, "df"] == pytest.approx(14, **NEAR)


def test_slide_10_comparison(data):
    frame = data.assign(time_treatment=data["time"] * (data["treatment"] == "treatment"))
    formulas = ("time + treatment", "time + treatment + time_treatment")
    models = [
        mm.mixedlm(f"response ~ {f}", frame, groups="subject", re_formula="~1").fit().lmm
        for f in formulas
    ]
    table = mm.compare(*models)
    assert table["statistic"].iloc[1] == pytest.approx(3.40692, **NEAR)
    assert table["df"].iloc[1] == 1
    assert table["p_value"].iloc[1] == pytest.approx(0.064924, **NEAR)
    assert numbers(table["aic"]) == pytest.approx([57.7858, 56.3789], abs=2e-4)
    assert "refitted by ML" in table["note"].iloc[1]
    small, large = (
        mm.mixedlm(f"response ~ {f}", frame, groups="subject", re_formula="~1").fit(reml=False)
        for f in formulas
    )
    ratio = -2 * (small.llf - large.llf)
    assert stats.chi2.sf(ratio, large.df_modelwc - small.df_modelwc) == pytest.approx(
        0.064924, **NEAR
    )


def test_slide_11_power():
    def simulate(n_subjects, n_obs, effect, sd):
        subjects = np.repeat(range(n_subjects), n_obs)
        x = np.random.normal(0, 1, n_subjects * n_obs)
        b = np.random.normal(0, sd, n_subjects)
        y = effect * x + np.repeat(b, n_obs) + np.random.normal(0, 1, n_subjects * n_obs)
        return pd.DataFrame({"subject": subjects, "X": x, "y": y})

    np.random.seed(0)
    hits = [
        mm.mixedlm("y ~ X", simulate(20, 5, 0.3, 0.5), groups="subject").fit().pvalues["X"] < 0.05
        for _ in range(200)
    ]
    assert np.mean(hits) == pytest.approx(0.76, abs=0.1)
    study = mm.planning.design({"subject": 20}, covariates={"X": "row"}, repeats=5)
    plan = mm.planning.plan(
        study, "y ~ X + (1 | subject)", fixed={"X": 0.3}, sd={"subject": 0.5}, sigma=1
    )
    assert mm.power(plan, "X", n=1000, seed=1).power == pytest.approx(0.76, abs=0.12)


def test_slide_12_assumptions(data):
    results = basic(data).fit()
    assert stats.shapiro(results.resid).pvalue == pytest.approx(0.80788, abs=1e-4)


def test_slide_13_interpretation(data):
    results = basic(data, re_formula="~time").fit()
    assert numbers(results.bse_fe[NAMES]) == pytest.approx([0.503197, 0.702083, 0.133465], **NEAR)
    assert list(results.random_effects[:3]) == ["A", "B", "C"]
    assert results.random_effects["A"].index.tolist() == ["subject", "time"]
    limits = results.conf_int()
    assert limits.index.tolist()[3:] == ["subject Var", "subject x time Cov", "time Var"]
    sd = results.lmm.conf_int(method="profile", which="variance")
    for row, name in ((0, "subject Var"), (1, "time Var")):
        expected = [sd["conf_low"].iloc[row] ** 2, sd["conf_high"].iloc[row] ** 2]
        assert numbers(limits.loc[name]) == pytest.approx(expected)
    plain = basic(data).fit()
    low, high = plain.conf_int().loc["subject Var"]
    assert 0 < low < plain.cov_re.iloc[0, 0] < high


@pytest.mark.parametrize("seed", range(200))
def test_the_boundary_over_200_seeds(seed):
    frame = first_frame(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = basic(frame, re_formula="~time").fit()
    for values in (results.fe_params, results.bse_fe, results.cov_re, results.pvalues[:3]):
        assert np.isfinite(np.asarray(values)).all()
    assert np.isfinite([results.llf, results.aic, results.bic, results.scale]).all()
    plain = basic(frame).fit()
    assert results.llf >= plain.llf - 1e-7


def test_pastes_by_variance_components():
    data = mm.datasets.load("pastes")
    model = mm.mixedlm(
        "strength ~ 1", data, groups="batch", re_formula="1", vc_formula={"cask": "0 + cask"}
    )
    results = model.fit()
    lmm = mm.lmm("strength ~ 1 + (1 | batch/cask)", data)
    assert results.llf == pytest.approx(lmm.llf)
    assert results.vcomp[0] == pytest.approx(lmm.variance_components["vcov"].iloc[1], rel=1e-4)
    effects = results.random_effects["A"]
    assert effects.index.tolist() == ["batch", "cask[a]", "cask[b]", "cask[c]"] or len(effects) == 4
    assert results.random_effects_cov["A"].shape == (4, 4)


@pytest.mark.parametrize("backend", ["polars", "pyarrow"])
def test_other_frame_libraries(backend):
    tables = [mm.datasets.load("cake", backend=b) for b in ("pandas", backend)]
    plain, other = (mm.mixedlm("angle ~ recipe", t, groups="replicate").fit() for t in tables)
    pd.testing.assert_series_equal(plain.params, other.params)


def test_results_have_what_scripts_use(data):
    results = basic(data).fit(method="lbfgs", maxiter=50)
    assert results.params.index.tolist() == [
        "Intercept", "treatment[T.treatment]", "time", "subject Var",
    ] or results.params.index.tolist()[-1] == "subject Var"  # fmt: skip
    assert results.cov_params().shape == (4, 4)
    assert results.k_fe == 3
    assert results.df_modelwc == 4
    assert results.df_resid == 17
    assert results.converged
    assert results.method == "REML"
    assert results.t_test("time = 0").pvalue[0] == pytest.approx(results.pvalues["time"])
    assert results.wald_test("time = 0").pvalue == pytest.approx(results.pvalues["time"])
    assert results.predict(data.head(2)).shape == (2,)
    results.remove_data()
    again = pickle.loads(pickle.dumps(results))
    pd.testing.assert_series_equal(again.params, results.params)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: mm.MixedLM(d["response"], d[["time"]], groups=[1, 2]), "groups has shape"),
        (
            lambda d: basic(d.assign(response=np.nan)),
            "All 20 rows have a missing value",
        ),
        (
            lambda d: mm.MixedLM(
                d["response"].to_numpy(), d[["treatment"]].to_numpy(), groups=d["subject"]
            ),
            "exog has the type",
        ),
        (lambda d: basic(d).fit(method="magic"), "method = 'magic' is not known"),
        (lambda d: basic(d, colour="red"), "argument 'colour' is not known"),
        (lambda d: basic(d).fit(colour="red"), "argument 'colour' is not known"),
        (lambda d: mm.mixedlm("response ~ time", d, groups="group"), "is no column of the data"),
        (lambda d: basic(d, missing="ignore"), "missing = 'ignore' is not known"),
        (lambda d: basic(d).fit().t_test(np.eye(5)), "should have 3 columns"),
    ],
)
def test_bad_input_is_one_clear_error(data, call, message):
    with pytest.raises(DataError, match=message):
        call(data)


def doubled(x):
    """A function of this module, which formulas find."""
    return 2 * x


def test_functions_of_the_callers_module_are_found():
    data = mm.datasets.load("sleepstudy")
    own = mm.mixedlm("Reaction ~ doubled(Days)", data, groups="Subject").fit()
    plain = mm.mixedlm("Reaction ~ Days", data, groups="Subject").fit()
    assert own.params["doubled(Days)"] == pytest.approx(plain.params["Days"] / 2, rel=1e-8)
    with pytest.raises(FormulaError, match="no function 'doubled'"):
        mm.mixedlm("Reaction ~ doubled(Days)", data, groups="Subject", eval_env=-1).fit()


def test_what_the_caller_imported_is_not_within_reach():
    data = mm.datasets.load("sleepstudy")
    assert callable(log_of_one)
    with pytest.raises(FormulaError, match="no function 'log_of_one'"):
        mm.mixedlm("Reaction ~ log_of_one(Days)", data, groups="Subject").fit()


def test_arrays_with_row_labels_go_by_them(data):
    data = data.assign(one=1.0)[["response", "one", "time", "subject"]]
    data.index = [f"r{i}" for i in range(len(data))]
    parts = (data["response"], data[["one", "time"]], data["subject"])
    expected = mm.MixedLM(*parts).fit().llf
    shuffled = [part.sample(frac=1, random_state=i) for i, part in enumerate(parts)]
    assert mm.MixedLM(*shuffled).fit().llf == pytest.approx(expected, abs=1e-7)
    with pytest.raises(DataError, match="exog has other row labels"):
        mm.MixedLM(parts[0], parts[1].reset_index(drop=True), parts[2])
    for groups in (parts[2].sample(frac=1, random_state=3), parts[2].to_numpy()):
        model = mm.mixedlm("response ~ time", data, groups=groups)
        assert model.fit().llf == pytest.approx(expected, abs=1e-7)
