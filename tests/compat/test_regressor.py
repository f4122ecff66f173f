"""The regressor keeps the promises of scikit-learn's estimators, and is `lmm` and `glmm` inside."""

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import mixedmodels as mm
from mixedmodels.errors import DataError, EstimatorError, FormulaError

EXACT = "a model that fits the response exactly has no likelihood, and is refused; "
NOT_FOR_US = {
    "check_sample_weights_shape": EXACT + "its response is a function of its two columns",
    "check_sample_weights_not_overwritten": EXACT + "its response is a function of its two columns",
    "check_sample_weight_equivalence_on_dense_data": EXACT + "it has 30 columns for 15 rows",
    "check_regressors_no_decision_function": EXACT + "its response is one of its columns",
}
"""Checks of scikit-learn that do not apply, with the reason."""

SLEEP = mm.datasets.load("sleepstudy")
X, Y = SLEEP[["Days", "Subject"]], SLEEP["Reaction"]
SLOPES = "~ Days + (Days | Subject)"


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    [mm.MixedModelRegressor()],
    expected_failed_checks=lambda _: NOT_FOR_US,
)
def test_check_of_scikit_learn(estimator, check) -> None:
    check(estimator)


def test_each_check_that_does_not_apply_fails_for_its_reason() -> None:
    random = np.random.default_rng(0)
    wide, short = random.normal(size=(15, 30)), random.normal(size=15)
    for rows, y in ((wide, short), (wide[:, :2], wide[:, 0])):
        with (
            warnings.catch_warnings(),
            pytest.raises(DataError, match=r"fits the response exactly|rows for"),
        ):
            warnings.simplefilter("ignore")
            mm.MixedModelRegressor().fit(rows, y)


def test_a_formula_gives_the_model_of_lmm() -> None:
    found = mm.MixedModelRegressor(SLOPES).fit(X, Y)
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", SLEEP)
    assert np.array_equal(found.predict(X), model.predict().to_numpy())
    assert np.array_equal(found.model_.params, model.params)
    assert found.n_features_in_ == 2
    assert found.feature_names_in_.tolist() == ["Days", "Subject"]
    assert found.formula_ == "y ~ Days + (Days | Subject)"


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_rows_go_by_place_in_every_library(library: str) -> None:
    data = mm.datasets.load("sleepstudy", backend=library)  # type: ignore[call-overload]
    found = mm.MixedModelRegressor(SLOPES).fit(data, Y.to_numpy())
    assert np.allclose(found.predict(data), mm.MixedModelRegressor(SLOPES).fit(X, Y).predict(X))


def test_labels_of_pandas_play_no_part() -> None:
    there = mm.MixedModelRegressor(SLOPES).fit(X, Y)
    odd = X.set_index(np.repeat([3, 1], 90))
    shuffled = Y.set_axis(np.random.default_rng(1).permutation(180))
    assert np.array_equal(
        mm.MixedModelRegressor(SLOPES).fit(odd, shuffled).predict(odd), there.predict(X)
    )


def test_arrays_and_groups() -> None:
    days = X[["Days"]].to_numpy()
    groups = X["Subject"].to_numpy()
    found = mm.MixedModelRegressor().fit(days, Y, groups=groups)
    model = mm.lmm("Reaction ~ Days + (1 | Subject)", SLEEP)
    assert np.array_equal(found.predict(days, groups=groups), model.predict())
    assert np.array_equal(found.predict(days), model.predict(re="none"))
    unseen = np.full(180, "somebody new")
    assert np.array_equal(found.predict(days, groups=unseen), model.predict(re="none"))
    slopes = mm.MixedModelRegressor(random="(1 + x0 | group)").fit(days, Y, groups=groups)
    assert np.array_equal(
        slopes.predict(days, groups=groups), mm.MixedModelRegressor(SLOPES).fit(X, Y).predict(X)
    )


def test_random_terms_of_a_table_leave_its_other_columns_fixed() -> None:
    data = mm.datasets.load("cake")
    rows = data[["recipe", "temp", "replicate"]]
    found = mm.MixedModelRegressor(random="(1 | recipe:replicate)").fit(rows, data["angle"])
    assert found.formula_ == "y ~ 1 + temp + (1 | recipe:replicate)"
    nested = rows.assign(plot=rows["recipe"].astype(str) + rows["replicate"].astype(str))
    found = mm.MixedModelRegressor(random="(1 | plot)").fit(
        nested.drop(columns="replicate"), data["angle"]
    )
    model = mm.lmm("angle ~ recipe + temp + (1 | recipe:replicate)", data)
    assert np.allclose(found.predict(nested.drop(columns="replicate")), model.predict())


def test_several_factors_come_as_a_table() -> None:
    data = mm.datasets.load("penicillin")
    ones = np.zeros((len(data), 1))
    factors = data[["plate", "sample"]]
    with pytest.warns(mm.errors.DroppedColumnsWarning):
        found = mm.MixedModelRegressor().fit(ones, data["diameter"], groups=factors)
    model = mm.lmm("diameter ~ 1 + (1 | plate) + (1 | sample)", data)
    assert np.allclose(found.predict(ones, groups=factors), model.predict())


def test_without_groups_it_is_least_squares() -> None:
    random = np.random.default_rng(2)
    rows = random.normal(size=(40, 3))
    y = rows @ [1.0, -2.0, 0.5] + random.normal(size=40)
    weights = random.integers(0, 4, size=40).astype(float)
    for w in (None, weights):
        theirs = LinearRegression().fit(rows, y, sample_weight=w).predict(rows)
        ours = mm.MixedModelRegressor().fit(rows, y, sample_weight=w).predict(rows)
        assert np.allclose(ours, theirs, atol=1e-10)


def test_the_spread_is_that_of_a_new_observation() -> None:
    found = mm.MixedModelRegressor(SLOPES).fit(X, Y)
    new = pd.DataFrame({"Days": [3.0, 9.0], "Subject": ["308", "somebody new"]})
    mean, spread = found.predict(new, return_std=True)
    table = found.model_.predict(new, interval="prediction", ddf="normal")
    assert np.allclose(mean, table["estimate"])
    assert np.allclose(spread, (table["conf_high"] - table["conf_low"]) / 2 / 1.959963984540054)


def test_families_predict_means() -> None:
    data = mm.datasets.load("grouseticks")
    formula = "TICKS ~ cHEIGHT + (1 | LOCATION)"
    found = mm.MixedModelRegressor(formula, family="poisson").fit(data, data["TICKS"])
    assert np.allclose(found.predict(data), mm.glmm(formula, data, "poisson").predict())
    with pytest.raises(EstimatorError, match="no meaning for the family poisson"):
        found.predict(data, return_std=True)
    with pytest.raises(EstimatorError, match="predicts one number"):
        mm.MixedModelRegressor(formula, family="ordinal").fit(data, data["TICKS"])


def test_a_search_over_formulas_with_whole_groups_left_out() -> None:
    formulas = ["~ 1 + (1 | Subject)", SLOPES]
    search = GridSearchCV(
        mm.MixedModelRegressor("~ 1"),
        {"formula": formulas},
        cv=GroupKFold(6),
        scoring="neg_root_mean_squared_error",
    ).fit(X, Y, groups=X["Subject"])
    assert search.best_params_ == {"formula": SLOPES}
    by_hand = []
    for train, test in GroupKFold(6).split(X, Y, X["Subject"]):
        model = mm.lmm("Reaction ~ Days + (Days | Subject)", SLEEP.iloc[train])
        error = Y.iloc[test] - model.predict(SLEEP.iloc[test], re="none")
        by_hand.append(-np.sqrt(np.mean(error**2)))
    assert np.isclose(search.best_score_, np.mean(by_hand))


def test_groups_are_routed_to_fits_and_scores() -> None:
    days, groups = X[["Days"]], X["Subject"].to_numpy()
    folds = KFold(5, shuffle=True, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        model = mm.MixedModelRegressor().set_fit_request(groups=True).set_score_request(groups=True)
        found = cross_val_score(model, days, Y, cv=folds, params={"groups": groups})
    known = mm.MixedModelRegressor("~ Days + (1 | Subject)")
    assert np.allclose(found, cross_val_score(known, X, Y, cv=folds))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_pipeline_of_tables(library: str) -> None:
    scaled = ColumnTransformer(
        [("z", StandardScaler(), ["Days"]), ("as_is", "passthrough", ["Subject"])],
        verbose_feature_names_out=False,
    ).set_output(transform=library)
    rows = X if library == "pandas" else pl.from_pandas(X)
    pipeline = make_pipeline(scaled, mm.MixedModelRegressor(SLOPES)).fit(rows, Y)
    assert np.allclose(
        pipeline.predict(rows), mm.MixedModelRegressor(SLOPES).fit(X, Y).predict(X), atol=1e-3
    )


def test_what_is_cloned_pickled_and_sent_to_workers_is_the_same() -> None:
    model = mm.MixedModelRegressor(SLOPES, control=mm.Control(max_evaluations=100)).fit(X, Y)
    assert clone(model).get_params() == model.get_params()
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict(X), model.predict(X))
    assert again.model_.summary().to_markdown() == model.model_.summary().to_markdown()


def test_missing_values() -> None:
    holes = X.assign(Days=X["Days"].where(X.index != 4))
    with pytest.raises(DataError, match="missing"):
        mm.MixedModelRegressor(SLOPES).fit(holes, Y)
    found = mm.MixedModelRegressor(SLOPES, missing="drop").fit(holes, Y)
    assert np.flatnonzero(np.isnan(found.predict(holes))).tolist() == [4]
    complete = mm.MixedModelRegressor(SLOPES).fit(X, Y)
    with pytest.raises(EstimatorError, match="1 rows have no prediction; the first is row 4"):
        complete.predict(holes)


@pytest.mark.parametrize(
    ("settings", "arguments", "error", "message"),
    [
        ({"formula": "log(y) ~ Days"}, {}, FormulaError, "left side is the name of y"),
        ({"formula": 3}, {}, FormulaError, "A formula is a string"),
        ({"formula": "~ Days", "random": "(1 | Subject)"}, {}, EstimatorError, "both given"),
        ({"random": "Days + (1 | Subject)"}, {}, EstimatorError, "without a bar"),
        (
            {"random": "(1 | Subject)"},
            {"X": X.assign(z=1.0).rename(columns={"z": 3})},
            EstimatorError,
            "no text: 3",
        ),
        ({"random": 3}, {}, EstimatorError, "of type int"),
        ({"formula": "~ days"}, {}, FormulaError, "Did you mean 'Days'"),
        ({"formula": "~ Days", "family": "poison"}, {}, DataError, "poison"),
        ({"formula": "~ Days"}, {"groups": [1, 2]}, EstimatorError, "180 rows"),
        ({"formula": "~ Days"}, {"groups": X[["Subject"]]}, EstimatorError, "one of that name"),
        ({"formula": "~ Days"}, {"sample_weight": [-1.0] * 180}, EstimatorError, "zero or more"),
        ({"formula": "~ Days"}, {"y": None}, ValueError, "requires y"),
        ({"formula": "~ Days"}, {"y": ["a"] * 180}, ValueError, "could not convert"),
        ({"formula": "~ Days"}, {"y": [1.0]}, ValueError, "inconsistent numbers of samples"),
        ({"formula": "~ x0"}, {"X": sparse.eye_array(180)}, TypeError, "Sparse data"),
    ],
)
def test_refusals(settings, arguments, error, message) -> None:
    given = {"X": X, "y": Y} | arguments
    with pytest.raises(error, match=message):
        mm.MixedModelRegressor(**settings).fit(**given)


def test_predictions_need_what_the_fit_had() -> None:
    model = mm.MixedModelRegressor(SLOPES)
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.fit(X, Y)
    with pytest.raises(EstimatorError, match="was fitted to a table"):
        model.predict(X[["Days"]].to_numpy())
    with pytest.raises(DataError, match="Subject"):
        model.predict(X[["Days"]])
    with pytest.raises(EstimatorError, match="the fit had no groups"):
        model.predict(X, groups=np.ones(180))


WITHOUT = """
import sys
sys.modules["sklearn"] = None
import mixedmodels as mm
assert set(mm.__all__) <= set(dir(mm)) and mm.MixedModelRegressor.__doc__
try:
    mm.MixedModelRegressor("y ~ x")
except mm.errors.DataError as error:
    sys.stdout.write(str(error))
"""


def test_without_scikit_learn_there_is_one_clear_error() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert 'pip install "mixedmodels[sklearn]"' in done.stdout, done.stderr
