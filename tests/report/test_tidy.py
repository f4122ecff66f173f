"""`tidy`, `glance` and `augment` say what the model's other tables say, in the caller's library."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.fit import streamed

SLEEP = "Reaction ~ Days + (Days | Subject)"

LIBRARIES = {
    "pandas": (lambda table: table, pd.DataFrame),
    "polars": (pl.from_pandas, pl.DataFrame),
    "pyarrow": (lambda table: pa.Table.from_pandas(table, preserve_index=False), pa.Table),
}


def as_pandas(table) -> pd.DataFrame:
    return table.to_pandas() if not isinstance(table, pd.DataFrame) else table


@pytest.fixture(scope="module")
def sleep():
    return mm.lmm(SLEEP, mm.datasets.load("sleepstudy"))


@pytest.fixture(scope="module")
def herds():
    return mm.glmm("incidence / size ~ period + (1 | herd)", mm.datasets.load("cbpp"))


MODELS = {
    "linear": lambda: mm.lmm(SLEEP, mm.datasets.load("sleepstudy")),
    "generalised": lambda: mm.glmm(
        "incidence / size ~ period + (1 | herd)", mm.datasets.load("cbpp")
    ),
    "structured": lambda: mm.lmm(
        "distance ~ age + (1 | Sex:Subject)", mm.datasets.load("orthodont"),
        residual="ar1(age | Subject)",
    ),
    "ordinary": lambda: mm.lmm("distance ~ age * Sex", mm.datasets.load("orthodont")),
    "no fixed effects": lambda: mm.lmm("Yield ~ 0 + (1 | Batch)", mm.datasets.load("dyestuff")),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.NotIdentifiedWarning")
@pytest.mark.parametrize("name", MODELS)
def test_parts_are_the_tables_of_the_model(name):
    model = MODELS[name]()
    whole = model.tidy(["fixed", "ran_pars", "ran_vals"], level=0.9)
    tables = {
        "fixed": model.coef_table(level=0.9),
        "ran_pars": model.covariance_parameters(0.9).drop(columns="parameter"),
        "ran_vals": model.ranef_table(level=0.9),
    }
    for effect, expected in tables.items():
        found = whole[whole.effect == effect].reset_index(drop=True)
        assert len(found) == len(expected)
        for column in expected:
            assert found[column].to_list() == pytest.approx(expected[column].to_list(), nan_ok=True)
        others = set(whole.columns) - set(expected.columns) - {"effect"}
        assert found[list(others)].isna().all(axis=None)


def test_all_is_what_was_estimated_without_single_levels(sleep):
    table = sleep.tidy()
    assert table.effect.tolist() == ["fixed"] * 2 + ["ran_pars"] * 4
    assert "level" not in table and "level" in sleep.tidy("ran_vals")
    assert not {"conf_low", "conf_high"} & set(sleep.tidy(conf_int=False))
    pd.testing.assert_frame_equal(sleep.tidy(["all", "fixed"]), table)


def test_degrees_of_freedom_and_ratios(sleep, herds):
    table = sleep.tidy("fixed", ddf="kenward-roger")
    expected = sleep.coef_table("kenward-roger")
    pd.testing.assert_frame_equal(table[list(expected)], expected)
    ratios, plain = herds.tidy("fixed", exponentiate=True), herds.tidy("fixed")
    assert ratios.estimate.to_numpy() == pytest.approx(np.exp(plain.estimate.to_numpy()))
    assert ratios.p_value.tolist() == plain.p_value.tolist()
    with pytest.raises(DataError, match="no ratios"):
        sleep.tidy(exponentiate=True)


@pytest.mark.parametrize("library", LIBRARIES)
def test_library_of_the_data(library):
    made, kind = LIBRARIES[library]
    data = mm.datasets.load("sleepstudy")
    data.loc[[3, 179], "Reaction"] = np.nan
    data["note"] = "as it was"
    model = mm.lmm(SLEEP, made(data))
    tables = [model.tidy(), model.tidy("ran_vals"), model.glance(), model.augment(made(data))]
    assert all(isinstance(table, kind) for table in tables)
    whole, used = as_pandas(tables[-1]), as_pandas(model.augment())
    assert whole.columns.tolist()[:4] == [*data.columns]
    assert whole.index[whole.fitted.isna()].tolist() == [3, 179]
    assert whole.resid.isna().sum() == 2 == as_pandas(model.glance()).n_missing[0]
    assert used.fitted.tolist() == model.fittedvalues.tolist()
    assert whole.drop([3, 179]).resid.tolist() == model.resid.tolist()


def test_index_and_order_of_the_rows():
    data = mm.datasets.load("sleepstudy").sample(frac=1, random_state=1)
    data.index = [f"row {i}" for i in data.index]
    data.iloc[5, 0] = np.nan
    model = mm.lmm(SLEEP, data)
    assert model.augment(data).index.equals(data.index)
    assert model.augment().index.equals(model.fittedvalues.index)
    assert model.augment(data).loc[model.resid.index, "resid"].equals(model.resid.rename("resid"))


def test_other_rows_are_predicted(sleep, herds):
    new = pd.DataFrame({"Days": [1, 12], "Subject": [308, 999]}, index=["a", "b"])
    found = sleep.augment(new)
    assert found.columns.tolist() == [*new, "fitted", "fitted_population"]
    assert found.fitted.tolist() == sleep.predict(new).tolist()
    assert found.fitted_population.tolist() == sleep.predict(new, re="none").tolist()
    part = mm.datasets.load("cbpp").head(4)
    whole = herds.augment()
    assert herds.augment(part).fitted.to_numpy() == pytest.approx(whole.fitted[:4].to_numpy())


def test_a_changed_value_makes_other_rows(sleep):
    data = mm.datasets.load("sleepstudy")
    data.loc[0, "Days"] = 5
    found = sleep.augment(data)
    assert "resid" not in found
    assert found.fitted[0] == pytest.approx(found.fitted[5])


def test_influence(sleep):
    found, expected = sleep.augment(influence=True), sleep.influence()
    assert found.hat.tolist() == sleep.hat_values().tolist()
    assert found.cooks_distance.tolist() == expected.cooks_distance.tolist()
    with pytest.raises(DataError, match="rows of the fit"):
        sleep.augment(pd.DataFrame({"Days": [1], "Subject": [308]}), influence=True)


def test_ordered_categories_count_from_one():
    random = np.random.default_rng(1)
    data = pd.DataFrame({"x": random.normal(size=120), "g": np.arange(120) % 12})
    score = data.x + random.logistic(size=120) + random.normal(size=12)[data.g]
    data["y"] = pd.Categorical.from_codes(
        (score > 0).astype(int) + (score > 1), ["no", "perhaps", "yes"], ordered=True
    )
    model = mm.glmm("y ~ x + (1 | g)", data, family="ordinal")
    found = model.augment()
    assert found.columns.tolist() == [*data, "fitted", "fitted_population"]
    assert found.fitted.to_numpy() == pytest.approx(model.predict(type="expected").to_numpy())
    assert model.augment(data.head(7)).fitted.to_numpy() == pytest.approx(found.fitted[:7])


def test_glance_is_one_row_of_the_models_own_numbers(sleep, herds):
    for model in (sleep, herds):
        row = model.glance().iloc[0]
        for name in ("nobs", "npar", "llf", "aic", "aicc", "bic", "objective", "reml"):
            assert row[name] == getattr(model, name)
        assert row.df_residual == model.nobs - model.npar
        assert row.converged and not row.is_singular
    assert sleep.glance().sigma[0] == sleep.sigma
    assert np.isnan(herds.glance().sigma[0])
    assert (herds.glance()[["family", "link"]].iloc[0] == ["binomial", "logit"]).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.tidy("random"), "effects = 'random' is not known"),
        (lambda m: m.tidy(["fixed", 3]), "effects = 3 is not known"),
        (lambda m: m.tidy(conf_int="yes"), "conf_int"),
        (lambda m: m.tidy(level=95), "level = 95 is not a probability"),
        (lambda m: m.augment(mm.datasets.load("sleepstudy").assign(fitted=1.0)), "named 'fitted'"),
        (lambda m: m.augment(pd.DataFrame({"Subject": [308]})), "Days"),
        (lambda m: m.augment(3), "not a table"),
    ],
)
def test_refusals(sleep, call, message):
    with pytest.raises(DataError, match=message):
        call(sleep)


def test_a_model_of_batches_has_tables_and_no_rows(monkeypatch):
    monkeypatch.setattr(streamed, "COLLECTED", 0)
    data = mm.datasets.load("sleepstudy")
    whole, batches = mm.lmm(SLEEP, data), mm.lmm(SLEEP, pl.from_pandas(data).lazy())
    for name in ("estimate", "std_error"):
        assert batches.tidy()[name].to_list() == pytest.approx(whole.tidy()[name].to_list())
    assert batches.glance()["aic"].to_list() == pytest.approx([whole.aic])
    with pytest.raises(DataError, match="needs the rows"):
        batches.augment()
    expected = whole.fittedvalues.tolist()
    assert batches.augment(data).fitted.tolist() == pytest.approx(expected)


def test_the_response_is_called_as_its_column_is():
    table = mm.datasets.load("sleepstudy").rename(columns={"Reaction": "time in ms"})
    model = mm.lmm("`time in ms` ~ Days + (1 | Subject)", table)
    assert model.glance()["response"].tolist() == ["time in ms"]
    assert model.__maketables_depvar__ == "time in ms"
    pooled = mm.pool([model, mm.lmm(model.formula, table.head(150))])
    for shown in (mm.table(model), mm.table(pooled), mm.table(model, model)):
        assert "time in ms" in shown.text() and "`" not in shown.text()
    assert "`" not in str(model.equation())
    assert set(model.draws(2, seed=1).to_arviz()["observed_data"]) == {"time in ms"}
