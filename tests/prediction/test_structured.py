"""Predictions and simulated responses of models whose covariances have structure, against dense
algebra over all rows.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError

ROUNDING = 1e-8  # of sums over the rows beside V^-1, at variances of order one


@dataclass(frozen=True)
class Case:
    """A model, the residual covariance of any rows at its estimates, and its random effects."""

    formula: str
    options: dict[str, object]
    residual: Callable[[mm.LinearMixedModel, pd.DataFrame], np.ndarray]
    effects: tuple[tuple[str, Callable[[pd.DataFrame], np.ndarray]], ...] = ()


def rows(seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"s": np.repeat(np.arange(14), 6), "t": np.tile(np.arange(6), 14)})
    n = len(data)
    data["x"], data["z"], data["w"] = (
        rng.normal(size=n),
        rng.uniform(1, 3, n),
        rng.uniform(0.5, 2, n),
    )
    data["arm"] = np.where(data["s"] % 2 == 0, "a", "b")
    data["item"] = rng.integers(0, 5, n)
    steps = np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    e = (rng.normal(size=(14, 6)) @ np.linalg.cholesky(0.6**steps).T).ravel()
    data["y"] = (
        1 + data["x"] + rng.normal(size=5)[data["item"]] + e * np.where(data["arm"] == "a", 1, 1.6)
    )
    return data


def natural(model: mm.LinearMixedModel) -> np.ndarray:
    return model.fit.problem.report(model.fit.theta).values


def same(data: pd.DataFrame, name: str) -> np.ndarray:
    return np.equal.outer(data[name].to_numpy(), data[name].to_numpy())


def ar1(model: mm.LinearMixedModel, data: pd.DataFrame) -> np.ndarray:
    lag = np.abs(np.subtract.outer(data["t"].to_numpy(), data["t"].to_numpy()))
    return same(data, "s") * natural(model)[-1] ** lag


def cs_by_arm(model: mm.LinearMixedModel, data: pd.DataFrame) -> np.ndarray:
    common, effect = natural(model)[-2:]
    C = np.where(np.eye(len(data), dtype=bool), 1.0, common) * same(data, "s")
    sd = np.exp(effect * (data["arm"] == "b").to_numpy())
    return C * np.outer(sd, sd)


def power(model: mm.LinearMixedModel, data: pd.DataFrame) -> np.ndarray:
    return np.diag(data["z"].to_numpy() ** (2 * natural(model)[-1]) / data["w"].to_numpy())


def heterogeneous(model: mm.LinearMixedModel, data: pd.DataFrame) -> np.ndarray:
    *sd, common = natural(model)[-7:]
    own = np.array(sd)[data["t"].to_numpy()]
    C = np.where(np.eye(len(data), dtype=bool), 1.0, common) * same(data, "s")
    return C * np.outer(own, own)


def one(data: pd.DataFrame) -> np.ndarray:
    return np.ones((len(data), 1))


def slope(data: pd.DataFrame) -> np.ndarray:
    return np.column_stack([np.ones(len(data)), data["x"]])


def unit(model: mm.LinearMixedModel, data: pd.DataFrame) -> np.ndarray:
    return np.eye(len(data))


CASES = {
    "crossed ar1": Case("y ~ x + (1 | item)", {"residual": "ar1(t | s)"}, ar1, (("item", one),)),
    "no random effects": Case(
        "y ~ x", {"residual": "cs(t | s, hom=True)", "sigma": "~ arm"}, cs_by_arm
    ),
    "power and weights": Case(
        "y ~ x + (1 | s) + (1 | item)",
        {"sigma": "power(z)", "weights": "w"},
        power,
        (("s", one), ("item", one)),
    ),
    "unequal variances": Case("y ~ x", {"residual": "cs(t | s)"}, heterogeneous),
    "structured term": Case("y ~ x + cs(1 + x | s)", {}, unit, (("s", slope),)),
}


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Case, mm.LinearMixedModel, pd.DataFrame]:
    chosen, data = CASES[request.param], rows()
    used = data.sample(frac=0.75, random_state=2).sort_index()
    return chosen, mm.lmm(chosen.formula, used, **chosen.options), data  # type: ignore[arg-type]


def joint(
    case: Case, model: mm.LinearMixedModel, data: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Of any rows Cov(Zb) and Cov(e) over sigma^2."""
    G = np.zeros((len(data), len(data)))
    for (name, columns), T in zip(case.effects, model.fit.T, strict=True):
        Z = columns(data)
        G += same(data, name) * (Z @ T @ T.T @ Z.T)
    return G, case.residual(model, data)


def test_best_linear_predictions_of_rows_that_were_left_out(case) -> None:
    """Both the estimate and its errors are those of the joint normal distribution of all rows."""
    chosen, model, data = case
    used, new = data.loc[model.fit.matrices.index], data.drop(model.fit.matrices.index)
    new = pd.concat([new, new.head(3).assign(s=99, arm="b")])
    whole = pd.concat([used, new]).reset_index(drop=True)
    n = len(used)
    G, R = joint(chosen, model, whole)
    V = (G + R)[:n, :n]
    X = np.column_stack([np.ones(len(whole)), whole["x"]])
    solve = np.linalg.inv(V)
    C = np.linalg.inv(X[:n].T @ solve @ X[:n])
    beta = C @ X[:n].T @ solve @ used["y"].to_numpy()
    c = (G + R)[n:, :n]
    found = model.predict(new, se=True, interval="prediction", ddf="normal", level=0.9)
    expected = X[n:] @ beta + c @ solve @ (used["y"].to_numpy() - X[:n] @ beta)
    assert found["estimate"].to_numpy() == pytest.approx(expected, abs=ROUNDING)
    u = X[n:] - c @ solve @ X[:n]
    total = np.diag((G + R)[n:, n:] - c @ solve @ c.T + u @ C @ u.T)
    half = (found["conf_high"] - found["conf_low"]).to_numpy() / 2 / 1.6448536269514722
    assert half == pytest.approx(model.sigma * np.sqrt(total), rel=ROUNDING)
    left = np.diag(R[n:, n:] - R[n:, :n] @ np.linalg.inv(R[:n, :n]) @ R[:n, n:])
    mean = model.sigma * np.sqrt(total - left)
    assert found["std_error"].to_numpy() == pytest.approx(mean, rel=1e-6)


def test_means_of_the_population_borrow_nothing(case) -> None:
    chosen, model, data = case
    new = data.drop(model.fit.matrices.index)
    X = np.column_stack([np.ones(len(new)), new["x"]])
    found = model.predict(new, re="none", se=True)
    assert found["estimate"].to_numpy() == pytest.approx(X @ model.params.to_numpy(), rel=1e-12)
    errors = np.sqrt(np.einsum("ni,ij,nj->n", X, model.cov_params().to_numpy(), X))
    assert found["std_error"].to_numpy() == pytest.approx(errors, rel=1e-10)
    G, R = joint(chosen, model, new)
    limits = model.predict(new, re="none", interval="prediction", ddf="normal", level=0.9)
    half = (limits["conf_high"] - limits["conf_low"]).to_numpy() / 2 / 1.6448536269514722
    total = model.sigma**2 * np.diag(G + R) + errors**2
    assert half == pytest.approx(np.sqrt(total), rel=1e-8)


def test_rows_of_the_fit_have_their_fitted_values(case) -> None:
    _, model, data = case
    used = data.loc[model.fit.matrices.index]
    assert model.predict(used).to_numpy() == pytest.approx(model.fittedvalues.to_numpy(), rel=1e-12)
    assert model.predict().to_numpy() == pytest.approx(model.fittedvalues.to_numpy(), rel=1e-12)


def test_normalized_residuals_are_free_of_the_covariance(case) -> None:
    """Their squares sum to e'R^-1 e / sigma^2, and standardized ones have the sd of the row."""
    chosen, model, data = case
    used = data.loc[model.fit.matrices.index]
    _, R = joint(chosen, model, used)
    e = model.resid.to_numpy()
    order = np.lexsort((used["t"], used["s"]))
    root = np.linalg.cholesky(R[np.ix_(order, order)])
    expected = np.linalg.solve(root, e[order]) / model.sigma
    found = model.residuals("normalized").to_numpy()
    assert found[order] == pytest.approx(expected, rel=1e-9, abs=1e-9)
    sd = np.sqrt(np.diag(R))
    assert model.residuals("pearson").to_numpy() == pytest.approx(e / sd, rel=1e-12)
    assert model.residuals("standardized").to_numpy() == pytest.approx(
        e / sd / model.sigma, rel=1e-12
    )


@pytest.mark.parametrize("new", [False, True])
def test_simulated_responses_have_the_covariance_of_the_model(case, new: bool) -> None:
    """The mean of r draws has z-scores like the normal's, and so has their covariance."""
    chosen, model, data = case
    where = data.loc[model.fit.matrices.index] if not new else data[data["s"] < 6]
    r = 4000
    y = model.simulate(r, seed=3, newdata=where if new else None)
    G, R = joint(chosen, model, where)
    V = model.sigma**2 * (G + R)
    mean = np.column_stack([np.ones(len(where)), where["x"]]) @ model.params.to_numpy()
    z = (y.mean(axis=1) - mean) / np.sqrt(np.diag(V) / r)
    assert np.abs(z).max() < 4.5
    S = np.cov(y)
    z = (S - V) / np.sqrt((np.outer(np.diag(V), np.diag(V)) + V**2) / r)
    assert np.abs(z).max() < 5.5
    assert np.std(z) == pytest.approx(1, abs=0.25)


def test_simulation_repeats_and_replicates_do_not_depend_on_their_number(case) -> None:
    _, model, _ = case
    assert model.simulate(3, seed=8)[:, :2] == pytest.approx(model.simulate(2, seed=8), abs=0)
    assert not np.allclose(model.simulate(1, seed=8), model.simulate(1, seed=9))


@pytest.mark.parametrize("shape", ["t", "skewed"])
def test_shapes_of_residuals_keep_the_covariance(case, shape) -> None:
    chosen, model, data = case
    used = data.loc[model.fit.matrices.index]
    y = model.simulate(4000, seed=3, re="fitted", residuals=shape)
    _, R = joint(chosen, model, used)
    assert y.mean(axis=1) == pytest.approx(model.fittedvalues.to_numpy(), abs=0.3)
    ratio = y.var(axis=1) / (model.sigma**2 * np.diag(R))
    assert ratio.mean() == pytest.approx(1, abs=0.05)


def test_rows_without_a_place_borrow_nothing() -> None:
    """Where the order of the rows is the place, that of other data says nothing."""
    data = rows()
    model = mm.lmm("y ~ x", data, residual="ar1(1 | s)")
    found = model.predict(data.head(4), interval="prediction", ddf="normal")
    assert found["estimate"].to_numpy() == pytest.approx(model.fittedvalues[:4], rel=1e-12)
    assert np.isfinite(found["conf_low"]).all()
    assert model.simulate(2, seed=1, newdata=data.head(9)).shape == (9, 2)


def test_new_data_need_the_places_of_their_rows() -> None:
    data = rows()
    model = mm.lmm("y ~ x", data, residual="ar1(t | s)")
    with pytest.raises(DataError, match="no column 't'"):
        model.predict(data[["x", "s"]])
    assert len(model.predict(data[["x"]], re="none")) == len(data)


def test_an_occasion_that_the_fit_has_not_seen_has_no_variance_of_its_own() -> None:
    data = rows()
    model = mm.lmm("y ~ x", data, residual="cs(t | s)")
    found = model.predict(data.head(1).assign(t=77), re="none", interval="prediction", ddf="normal")
    assert np.isnan(found["conf_low"].iloc[0])
    assert np.isfinite(found["std_error"].iloc[0])
