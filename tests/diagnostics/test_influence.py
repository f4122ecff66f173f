"""Deletion, against fits without the rows: lme4's, dense algebra's and our own."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.diagnostics import deletion
from mixedmodels.errors import DataError
from tests.diagnostics.test_leverage import dense_V
from tests.reference.load import models, reference

EXACT = 1e-8
"""In standard errors; the reference data sets are balanced, so that theta does not matter."""

DENSE = 1e-9

COOK = 1e-5

ONE_STEP = 0.25
"""How far one step of theta may be from a full refit, as a share of what a fixed theta misses."""

GROUPS = [name for name in models() if "influence_group" in reference(name).raw]


def least_squares(model: mm.LinearMixedModel, rows: np.ndarray) -> np.ndarray:
    """beta of some rows at the theta of all, from V."""
    m = model.fit.matrices
    inverse = np.linalg.inv(dense_V(m, model.fit.theta)[np.ix_(rows, rows)])
    X = m.X[rows]
    return np.linalg.solve(X.T @ inverse @ X, X.T @ inverse @ m.y[rows])


@pytest.mark.parametrize("theta", ["fixed", "one-step"])
@pytest.mark.parametrize("name", GROUPS)
def test_lme4(name: str, theta: str) -> None:
    ref = reference(name)
    model = mm.lmm(ref.python_formula, ref.data(), **ref.fit_arguments())
    stored = ref.raw["influence_group"]
    rows = stored["fixef_without"]["rows"]
    found = model.influence(stored["group"], theta=theta)
    ours = found.params_without.set_axis([str(level) for level in found.labels]).loc[rows]
    theirs = np.array(stored["fixef_without"]["values"])
    np.testing.assert_allclose(
        ours / model.bse.to_numpy(), theirs / model.bse.to_numpy(), atol=EXACT
    )
    # lme4 divides by p m / (m - p) where we divide by p, m the number of levels
    m, p = theirs.shape
    cook = found.cooks_distance.set_axis([str(level) for level in found.labels])
    np.testing.assert_allclose(cook.loc[rows] * (m - p) / m, stored["cooks"]["d"], rtol=COOK)


def test_rows_against_dense(model: mm.LinearMixedModel) -> None:
    found = model.influence().without
    for row in (0, 7, model.nobs - 1):
        expected = least_squares(model, np.arange(model.nobs) != row)
        np.testing.assert_allclose(found[row], expected, rtol=DENSE, atol=DENSE)


@pytest.mark.parametrize("group", ["a", "b"])
@pytest.mark.parametrize("way", ["_by_rows", "_again"])
def test_crossed_groups_against_dense(
    uneven: Callable[..., pd.DataFrame], way: str, group: str
) -> None:
    model = mm.lmm("y ~ x + (x | a) + (1 | b)", uneven(), weights="w")
    g = model.groups.index(group)
    found = getattr(deletion, way)(model.fit, g)
    codes = model.fit.matrices.groupings[g].codes
    for level in range(len(found)):
        expected = least_squares(model, codes != level)
        np.testing.assert_allclose(found[level], expected, rtol=DENSE, atol=DENSE)


def test_nested_groups_against_rows() -> None:
    model = mm.lmm(
        "score ~ Machine + (1 | Worker) + (1 | Worker:Machine)", mm.datasets.load("machines")
    )
    assert deletion.is_nested(model.fit.matrices, 0)
    assert not deletion.is_nested(model.fit.matrices, 1)
    codes = model.fit.matrices.groupings[0].codes
    found = model.influence("Worker").without
    for level in range(len(found)):
        expected = least_squares(model, codes != level)
        np.testing.assert_allclose(found[level], expected, rtol=DENSE)


@pytest.mark.parametrize("formula", ["y ~ x + (x | a)", "y ~ x + (x || a) + (1 | b)"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_step_is_near_a_refit(
    uneven: Callable[..., pd.DataFrame], seed: int, formula: str
) -> None:
    data = uneven(n=90, seed=seed)
    model = mm.lmm(formula, data)
    levels = list(model.fit.matrices.groupings[0].levels)
    refits = np.array([mm.lmm(formula, data[data["a"] != level]).params for level in levels])
    fixed = np.abs(model.influence("a").without - refits)
    moved = np.abs(model.influence("a", theta="one-step").without - refits)
    assert moved.sum() < ONE_STEP * fixed.sum()


def test_what_cannot_be_estimated_is_nan() -> None:
    data = mm.datasets.load("sleepstudy").assign(special=lambda d: (d["Subject"] == "308") * 1.0)
    model = mm.lmm("Reaction ~ Days + special + (1 | Subject)", data)
    found = model.influence("Subject")
    assert found.params_without.loc["308"].isna().all()
    assert found.params_without.notna().all(axis=1).sum() == 17
    assert np.isnan(model.influence("Subject", theta="one-step").without[0]).all()
    assert "could not be estimated" in str(model.check())


def test_table_of_levels() -> None:
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
    table = model.influence("Subject").table()
    assert list(table.columns) == [
        "group", "level", "cooks_distance", "largest_dfbetas", "term", "Intercept", "Days",
    ]  # fmt: skip
    assert table.loc[table["cooks_distance"].idxmax(), "level"] == "309"
    assert table["largest_dfbetas"].abs().tolist() == pytest.approx(
        table[["Intercept", "Days"]].abs().max(axis=1).tolist()
    )


def test_table_of_rows_goes_back_to_the_users_library() -> None:
    data = mm.datasets.load("sleepstudy", backend="polars")
    table = mm.lmm("Reaction ~ Days + (Days | Subject)", data).influence().table()
    assert type(table).__module__.startswith("polars")
    assert table.columns[:3] == ["row", "leverage", "cooks_distance"]


def test_dfbetas_are_in_standard_errors(model: mm.LinearMixedModel) -> None:
    found = model.influence()
    np.testing.assert_allclose(found.dfbetas * model.bse, found.dfbeta)
    np.testing.assert_allclose(found.params_without + found.dfbeta, [model.params] * model.nobs)


def test_too_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    model = mm.lmm("diameter ~ 1 + (1 | plate) + (1 | sample)", mm.datasets.load("penicillin"))
    monkeypatch.setattr("mixedmodels.diagnostics.deletion.AFFORDABLE", 1.0)
    with pytest.raises(DataError, match="too long"):
        model.influence("sample")
    monkeypatch.setattr("mixedmodels.diagnostics.one_step.WORK", 1.0)
    with pytest.raises(DataError, match='Do:   use theta="fixed"'):
        model.influence("sample", theta="one-step")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": "Subjct"}, "Did you mean 'Subject'"),
        ({"theta": "free"}, "theta = 'free' is not known"),
        ({"theta": "one-step"}, "for the levels of a group"),
    ],
)
def test_mistakes(arguments: dict[str, str], message: str) -> None:
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
    with pytest.raises(DataError, match=message):
        model.influence(**arguments)


def test_no_fixed_effects() -> None:
    model = mm.lmm("Yield ~ 0 + (1 | Batch)", mm.datasets.load("dyestuff"))
    with pytest.raises(DataError, match="no fixed effects"):
        model.influence()
    assert model.check().table() is not None
