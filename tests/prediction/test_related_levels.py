"""Predictions and simulated responses where levels are related or rows have several, against dense
algebra over all rows.
"""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError

Z90 = 1.6448536269514722

IDS = [f"a{i:02d}" for i in range(14)]


def kinship() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    half = rng.normal(size=(14, 20))
    K = half @ half.T / 20 + 0.3 * np.eye(14)
    return pd.DataFrame(K, index=IDS, columns=IDS)


def animals() -> pd.DataFrame:
    """Rows of ten of the fourteen levels."""
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"id": rng.choice(IDS[:10], 70), "x": rng.normal(size=70)})
    b = np.linalg.cholesky(kinship().to_numpy()) @ rng.normal(size=(14, 2)) @ np.diag([1.2, 0.6])
    at = np.array([IDS.index(name) for name in data["id"]])
    data["y"] = 2 + data["x"] + b[at, 0] + b[at, 1] * data["x"] + rng.normal(size=70)
    return data


def pupils() -> pd.DataFrame:
    """Rows of one or two of nine schools."""
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"g1": rng.integers(0, 9, 90), "g2": rng.integers(0, 9, 90)})
    data["x"], data["w1"] = rng.normal(size=90), rng.uniform(0.2, 0.8, 90)
    data["w2"] = 1 - data["w1"]
    b = 1.5 * rng.normal(size=9)
    data["y"] = (
        data["x"] + data["w1"] * b[data["g1"]] + data["w2"] * b[data["g2"]] + rng.normal(size=90)
    )
    return data


def shares(data: pd.DataFrame) -> np.ndarray:
    A = np.zeros((len(data), 9))
    np.add.at(A, (np.arange(len(data)), data["g1"]), data["w1"])
    np.add.at(A, (np.arange(len(data)), data["g2"]), data["w2"])
    return A


@pytest.fixture(scope="module", params=["intercept", "slope", "members"])
def case(request: pytest.FixtureRequest):
    """A model, its data, new rows, and Cov(Zb) over sigma^2 of any rows."""
    if request.param == "members":
        data = pupils()
        model = mm.lmm("y ~ x + mm(1 | g1 + g2, weights=w1 + w2)", data.iloc[:70])

        def joint(rows: pd.DataFrame) -> np.ndarray:
            A = shares(rows)
            return A @ A.T * float(model.fit.T[0][0, 0]) ** 2

        return model, data.iloc[:70], data.iloc[70:], joint
    left = "1" if request.param == "intercept" else "1 + x"
    data, K = animals(), kinship()
    model = mm.lmm(f"y ~ x + known({left} | id, cov=K)", data, known={"K": K})
    new = pd.DataFrame({"id": ["a00", "a11", "a13", "a11"], "x": [0.5, -1.0, 1.0, 2.0]})

    def joint(rows: pd.DataFrame) -> np.ndarray:
        Z = np.column_stack([np.ones(len(rows)), rows["x"]])[:, : 1 if left == "1" else 2]
        T = model.fit.T[0]
        return K.loc[rows["id"], rows["id"]].to_numpy() * (Z @ T @ T.T @ Z.T)

    return model, data, new, joint


def test_best_linear_predictions(case) -> None:
    model, used, new, joint = case
    whole, n = pd.concat([used, new]).reset_index(drop=True), len(used)
    G = joint(whole)
    V = G[:n, :n] + np.eye(n)
    X = np.column_stack([np.ones(len(whole)), whole["x"]])
    solve = np.linalg.inv(V)
    C = np.linalg.inv(X[:n].T @ solve @ X[:n])
    beta = C @ X[:n].T @ solve @ used["y"].to_numpy()
    c = G[n:, :n]
    found = model.predict(new, se=True, interval="prediction", ddf="normal", level=0.9)
    expected = X[n:] @ beta + c @ solve @ (used["y"].to_numpy() - X[:n] @ beta)
    assert found["estimate"].to_numpy() == pytest.approx(expected, abs=1e-8)
    u = X[n:] - c @ solve @ X[:n]
    mean = np.diag(G[n:, n:] - c @ solve @ c.T + u @ C @ u.T)
    assert found["std_error"].to_numpy() == pytest.approx(model.sigma * np.sqrt(mean), rel=1e-7)
    half = (found["conf_high"] - found["conf_low"]).to_numpy() / 2 / Z90
    assert half == pytest.approx(model.sigma * np.sqrt(mean + 1), rel=1e-7)
    left_out = model.predict(new, re="none", interval="prediction", ddf="normal", level=0.9)
    half = (left_out["conf_high"] - left_out["conf_low"]).to_numpy() / 2 / Z90
    total = np.diag(G[n:, n:] + X[n:] @ C @ X[n:].T) + 1
    assert half == pytest.approx(model.sigma * np.sqrt(total), rel=1e-7)


def test_fitted_values_are_the_predictions(case) -> None:
    model, used, _, _ = case
    assert model.predict(used).to_numpy() == pytest.approx(model.fittedvalues.to_numpy(), rel=1e-10)


@pytest.mark.parametrize("new", [False, True])
def test_new_effects_have_the_covariance_between_levels(case, new: bool) -> None:
    model, used, other, joint = case
    rows, r = (other if new else used), 4000
    y = model.simulate(r, seed=2, newdata=other if new else None)
    V = model.sigma**2 * (joint(rows) + np.eye(len(rows)))
    z = (np.cov(y) - V) / np.sqrt((np.outer(np.diag(V), np.diag(V)) + V**2) / r)
    assert np.abs(z).max() < 5.5
    assert np.std(z) == pytest.approx(1, abs=0.45)


def test_shares_of_the_variance_take_relations_into_account(case) -> None:
    model, used, _, joint = case
    random = model.sigma**2 * float(np.mean(np.diag(joint(used))))
    expected = random / (random + model.sigma**2)
    assert model.icc()["adjusted"] == pytest.approx(expected, rel=1e-8)


def test_levels_left_out_and_leverage(case) -> None:
    model, used, _, joint = case
    V, n = joint(used) + np.eye(len(used)), len(used)
    X, y, solve = model.fit.matrices.X, used["y"].to_numpy(), np.linalg.inv(V)
    P = solve - solve @ X @ np.linalg.inv(X.T @ solve @ X) @ X.T @ solve
    assert model.hat_values().to_numpy() == pytest.approx(1 - np.diag(P), abs=1e-9)
    (group,) = model.groups
    found = model.influence(group).params_without
    for level in found.index:
        columns = ["g1", "g2"] if "g1" in used else ["id"]
        has = (used[columns] == level).any(axis=1).to_numpy()
        kept = np.flatnonzero(~has)
        s = np.linalg.inv(V[np.ix_(kept, kept)])
        beta = np.linalg.solve(X[kept].T @ s @ X[kept], X[kept].T @ s @ y[kept])
        assert len(kept) <= n
        assert model.fit.matrices.coordinates.reported(beta) == pytest.approx(
            found.loc[level].to_numpy(), abs=1e-8
        )


def test_unknown_levels_cannot_be_drawn(case) -> None:
    model, used, _, _ = case
    strange = used.head(1).assign(**{c: 99 for c in ("g1",) if "g1" in used})
    if "id" in used:
        strange = strange.assign(id="zz")
    with pytest.raises(DataError, match="not seen"):
        model.simulate(1, newdata=strange)
    assert np.isfinite(model.predict(strange)).all()
    if "g1" in used:
        with pytest.raises(DataError, match="several levels"):
            model.predict(strange, se=True)
