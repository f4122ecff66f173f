"""Leverage, deletion and checks of structured covariances, against dense algebra."""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.diagnostics.autocorrelation import correlation_left
from mixedmodels.errors import DataError

MODELS = {
    "ar1 crossed": ("y ~ x + (1 | item)", {"residual": "ar1(t | s)"}),
    "cs, no random effects": ("y ~ x", {"residual": "cs(t | s)"}),
    "strata": ("y ~ x + (1 | s)", {"sigma": "~ arm", "weights": "w"}),
    "term": ("y ~ x + cs(1 + x | s, hom=True) + (1 | item)", {}),
}


def rows(seed: int = 9) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"s": np.repeat(np.arange(15), 5), "t": np.tile(np.arange(5), 15)})
    data = data.sample(frac=0.85, random_state=1).sort_index().reset_index(drop=True)
    n = len(data)
    data["x"], data["w"] = rng.normal(size=n), rng.uniform(0.5, 2, n)
    data["item"], data["arm"] = rng.integers(0, 6, n), np.where(data["s"] % 2 == 0, "a", "b")
    walk = pd.Series(rng.normal(size=n)).groupby(data["s"]).cumsum()
    data["y"] = 1 + data["x"] + rng.normal(size=6)[data["item"]] + 0.7 * walk + rng.normal(size=n)
    return data


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> mm.LinearMixedModel:
    formula, options = MODELS[request.param]
    return mm.lmm(formula, rows(), **options)


def covariances(model: mm.LinearMixedModel) -> tuple[np.ndarray, np.ndarray]:
    """V and R over sigma^2."""
    fit, problem = model.fit, model.fit.problem
    m, scale = fit.matrices, problem.row_scale(fit.theta)
    R = np.diag(scale**2)
    if m.residual is not None and m.residual.structure is not None:
        C = problem.residual_covariance(fit.theta, 0, m.residual.positions)
        R = C * np.equal.outer(m.residual.codes, m.residual.codes) * np.outer(scale, scale)
    V = R.copy()
    for term, T in zip(m.terms, fit.T, strict=True):
        codes = m.groupings[term.group].codes
        V += np.equal.outer(codes, codes) * (term.Z @ T @ T.T @ term.Z.T)
    return V, R


def least_squares(model: mm.LinearMixedModel, V: np.ndarray, kept: np.ndarray) -> np.ndarray:
    X, y = model.fit.matrices.X[kept], model.fit.matrices.y[kept]
    solved = np.linalg.solve(V[np.ix_(kept, kept)], np.column_stack([X, y]))
    return np.linalg.solve(X.T @ solved[:, :-1], X.T @ solved[:, -1])


def test_leverage_is_the_derivative_of_the_fitted_value(model) -> None:
    """At the estimated variances the fitted values are linear in y: y - R P y."""
    V, R = covariances(model)
    X = model.fit.matrices.X
    solved = np.linalg.inv(V)
    P = solved - solved @ X @ np.linalg.inv(X.T @ solved @ X) @ X.T @ solved
    assert model.resid.to_numpy() == pytest.approx(R @ P @ model.fit.matrices.y, abs=1e-9)
    assert model.hat_values().to_numpy() == pytest.approx(1 - np.diag(R @ P), abs=1e-10)
    sd = model.sigma * np.sqrt(np.diag(R @ P @ R))
    found = model.residuals("studentized").to_numpy()
    assert found == pytest.approx(model.resid.to_numpy() / sd, rel=1e-8)


def test_rows_and_levels_left_out_are_least_squares_without_them(model) -> None:
    V, _ = covariances(model)
    n = len(V)
    by_row = model.influence().params_without.to_numpy()
    for i in range(0, n, 7):
        assert by_row[i] == pytest.approx(least_squares(model, V, np.arange(n) != i), abs=1e-9)
    if not model.groups:
        return
    group = model.groups[0]
    codes = model.fit.matrices.groupings[0].codes
    by_level = model.influence(group).params_without.to_numpy()
    for level in range(len(by_level)):
        assert by_level[level] == pytest.approx(least_squares(model, V, codes != level), abs=1e-9)


def test_cooks_distance_is_that_of_the_fixed_effects(model) -> None:
    found = model.influence()
    change = (model.params - found.params_without).to_numpy()
    information = np.linalg.inv(model.cov_params().to_numpy())
    expected = np.einsum("ia,ab,ib->i", change, information, change) / len(model.params)
    assert found.cooks_distance.to_numpy() == pytest.approx(expected, rel=1e-9)


def test_a_row_that_alone_determines_a_coefficient_has_no_estimate_without_it() -> None:
    data = rows().assign(one=0.0)
    data.loc[3, "one"] = 1.0
    found = mm.lmm("y ~ x + one", data, residual="ar1(t | s)").influence()
    assert np.isnan(found.params_without.loc[3]).all()
    assert np.isfinite(found.params_without.drop(index=3)).all().all()


def test_expected_likeness_is_that_of_normalized_residuals(model) -> None:
    V, R = covariances(model)
    m = model.fit.matrices
    found = correlation_left(model.fit)
    if m.residual is None or m.residual.structure is None:
        assert found is not None
        return
    order = np.lexsort((m.residual.positions[:, 0], m.residual.codes))
    X, solved = m.X, np.linalg.inv(V)
    P = solved - solved @ X @ np.linalg.inv(X.T @ solved @ X) @ X.T @ solved
    root = np.linalg.cholesky(R[np.ix_(order, order)])
    S = root.T @ P[np.ix_(order, order)] @ root
    i = np.flatnonzero(np.diff(m.residual.codes[order]) == 0)
    expected = np.mean(S[i, i + 1] / np.sqrt(S[i, i] * S[i + 1, i + 1]))
    assert found.expected == pytest.approx(expected, abs=1e-10)
    e = model.residuals("normalized").to_numpy()[order]
    r = e[i] @ e[i + 1] / np.sqrt((e[i] @ e[i]) * (e[i + 1] @ e[i + 1]))
    assert found.observed == pytest.approx(r, rel=1e-10)


def test_a_missing_correlation_is_seen_and_a_modelled_one_is_not() -> None:
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"s": np.repeat(np.arange(60), 8), "t": np.tile(np.arange(8), 60)})
    steps = np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
    data["x"] = rng.normal(size=480)
    e = rng.normal(size=(60, 8)) @ np.linalg.cholesky(0.6**steps).T
    data["y"] = data["x"] + e.ravel()
    wrong = mm.lmm("y ~ x", data, residual="cs(t | s, hom=True)")
    right = mm.lmm("y ~ x", data, residual="ar1(t | s)")
    grades = [
        next(row.grade for row in model.check().rows if row.check.startswith("Likeness"))
        for model in (wrong, right)
    ]
    assert grades[0] in ("look", "problem")
    assert grades[1] == "good"
    assert {row.grade for row in right.check().rows} <= {"good", "unclear"}


def test_what_goes_by_the_entries_of_templates_is_refused(model) -> None:
    with pytest.raises(DataError, match="structured covariances"):
        model.plot.leverage()
    with pytest.raises(DataError, match="draw plot"):
        model.plot.autocorrelation()


def test_pictures_of_the_checks_are_drawn(model) -> None:
    assert model.plot.check().axes
    assert model.plot.acf("s", time="t").get_title(loc="left")
    assert model.plot.variogram("t", "s").get_title(loc="left")
