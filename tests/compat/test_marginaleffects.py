"""The adapter for the Python package marginaleffects, by itself and with the released package."""

from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.compat.marginaleffects import MarginalEffectsModel, as_marginaleffects
from mixedmodels.errors import DataError

NUMERICAL = 1e-5
"""Relative error of the package's own differences, where each coefficient is moved by one."""

has_package = pytest.mark.skipif(
    find_spec("marginaleffects") is None,
    reason="needs the extra marginaleffects, which .ci/run installs for this file",
)


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    frame = mm.datasets.load("orthodont")
    frame["site"] = pd.Categorical(np.where(np.arange(len(frame)) % 3 > 0, "n", "s"))
    frame["late"] = frame.age > 10
    frame["shift"] = np.arange(len(frame)) % 4 / 2
    frame["dose"] = np.arange(len(frame)) // 3 % 3
    frame.loc[3, "distance"] = np.nan
    return frame


@pytest.fixture(scope="module")
def model(data: pd.DataFrame) -> mm.LinearMixedModel:
    formula = "distance ~ age * Sex + np.log(age) + (age | Subject)"
    return mm.lmm(formula, data, offset="shift")


def test_predictions_are_those_of_the_population(
    model: mm.LinearMixedModel, data: pd.DataFrame
) -> None:
    adapted = MarginalEffectsModel(model.fit, np.inf)
    for rows in (adapted.get_modeldata(), adapted.get_exog(adapted.get_modeldata())):
        found = adapted.get_predict(adapted.get_coef(), rows)
        np.testing.assert_allclose(found["estimate"], model.predict(re="none"), rtol=1e-10)
    moved = adapted.get_predict(adapted.get_coef() + 1.0, adapted.get_modeldata())
    assert moved["rowid"].to_list() == list(range(model.nobs))
    assert (moved["estimate"].to_numpy() != found["estimate"].to_numpy()).all()


def test_coefficients(model: mm.LinearMixedModel) -> None:
    adapted = MarginalEffectsModel(model.fit, np.inf)
    assert adapted.get_coefnames().tolist() == model.params.index.tolist()
    np.testing.assert_array_equal(adapted.get_coef(), model.params)
    np.testing.assert_array_equal(adapted.get_vcov(), model.cov_params())
    assert adapted.get_vcov(False) is None
    with pytest.raises(DataError, match="vcov = 'HC3' is not one"):
        adapted.get_vcov("HC3")


def test_columns(data: pd.DataFrame) -> None:
    fitted = mm.lmm("distance ~ age + late + C(dose) + Sex + (1 | Subject)", data)
    adapted = MarginalEffectsModel(fitted.fit, np.inf)
    assert adapted.get_variable_type() == {
        "age": "integer",
        "late": "boolean",
        "dose": "character",
        "Sex": "character",
    }
    assert adapted.get_variable_type("age") == "integer"
    assert adapted.find_variables() == ["distance", "age", "late", "dose", "Sex"]
    rows = adapted.get_modeldata()
    assert rows.columns == list(data.columns)
    assert rows.height == fitted.nobs == len(data) - 1
    assert rows["Sex"].dtype.categories.to_list() == ["Male", "Female"]


@pytest.mark.skipif(find_spec("marginaleffects") is not None, reason="the package is there")
def test_without_the_package(model: mm.LinearMixedModel) -> None:
    with pytest.raises(DataError, match="The package marginaleffects is not installed"):
        as_marginaleffects(model)


@has_package
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("by", [None, "Sex", "site"])
def test_released_package(model: mm.LinearMixedModel, by: str | None) -> None:
    me: Any = __import__("marginaleffects")
    adapted = as_marginaleffects(model)
    options = {"by": by or True, "eps_vcov": 1.0}
    for found, own in (
        (me.avg_predictions(adapted, **options), model.predictions(by)),
        (me.avg_comparisons(adapted, variables="Sex", **options), model.comparisons("Sex", by)),
        (me.avg_comparisons(adapted, variables={"age": 2}, **options), by),
        (me.avg_slopes(adapted, variables="age", **options), model.slopes("age", by)),
    ):
        wanted = model.comparisons("age", by, step=2) if own is by else own
        table = wanted.table()
        frame = found.data if hasattr(found, "data") else found
        order = np.argsort(frame["estimate"].to_numpy())
        ours = table.sort_values("estimate")
        for name in ("estimate", "std_error"):
            np.testing.assert_allclose(frame[name].to_numpy()[order], ours[name], rtol=NUMERICAL)


@has_package
@pytest.mark.filterwarnings("default")
def test_released_package_tests_and_grids(model: mm.LinearMixedModel) -> None:
    me: Any = __import__("marginaleffects")
    adapted = as_marginaleffects(model, df=25)
    hypotheses = me.hypotheses(adapted, hypothesis="age = 0", eps_vcov=1.0)
    frame = hypotheses.data if hasattr(hypotheses, "data") else hypotheses
    assert frame["statistic"][0] == pytest.approx(model.tvalues["age"], rel=1e-6)
    grid = me.predictions(adapted, newdata=me.datagrid(model=adapted, age=[8, 9]))
    assert len(grid) == 2


def test_degrees_of_freedom_are_positive(
    model: mm.LinearMixedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mixedmodels.compat.marginaleffects.find_spec", lambda name: name)
    with pytest.raises(DataError, match="df = 0 is not a positive number"):
        as_marginaleffects(model, df=0)
