"""Draws of the parameters: their conditional distribution by dense algebra, the rest by moments."""

import sys
import types

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError, SeparationWarning
from mixedmodels.inference.draws import arviz_data, free_scale
from mixedmodels.inference.draws.conditional import conditional_draw, effects_of_rows

EXACT = 1e-7


class OneAtATime:
    """In the place of a random generator: all noise is zero but one number of it."""

    def __init__(self, place: int) -> None:
        self.place, self.given = place, 0

    def standard_normal(self, size: int | tuple[int, ...]) -> np.ndarray:
        z = np.zeros(size)
        if 0 <= self.place - self.given < z.size:
            z.flat[self.place - self.given] = 1.0
        self.given += z.size
        return z


def moments(fit) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of (beta, b) over draws at the estimates: draws are linear in the noise,
    so that these are exact.
    """

    def drawn(place: int) -> np.ndarray:
        at = conditional_draw(fit, OneAtATime(place))
        return np.concatenate([at.beta, *(b.ravel() for b in at.b)])

    counter = OneAtATime(-1)
    conditional_draw(fit, counter)
    mean = drawn(-1)
    columns = np.array([drawn(i) - mean for i in range(counter.given)])
    return mean, columns.T @ columns


def known(levels: int) -> pd.DataFrame:
    names = [f"a{i}" for i in range(levels)]
    K = 0.6 ** np.abs(np.subtract.outer(np.arange(levels), np.arange(levels)))
    return pd.DataFrame(K, index=names, columns=names)


def small(seed: int = 2, n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"x": rng.normal(size=n), "w": rng.uniform(0.5, 2, n)})
    data["a"] = [f"a{i}" for i in np.arange(n) % 7]
    data["g"], data["t"] = rng.integers(0, 5, n), np.arange(n) // 7
    data["y"] = 1 + data["x"] + rng.normal(size=7)[np.arange(n) % 7] + rng.normal(size=n)
    data["y"] += rng.normal(size=5)[data["g"]] * (1 + data["x"])
    return data


MODELS = {
    "crossed, weights": ("y ~ x + (1 + x | g) + (1 | a)", {"weights": "w"}),
    "residual": ("y ~ x + (1 | g)", {"residual": "ar1(t | a)"}),
    "known": ("y ~ x + known(1 | a, cov=K) + (1 | g)", {"known": {"K": known(7)}}),
    "none": ("y ~ x", {}),
    "no fixed effects": ("y ~ 0 + (1 | g)", {"reml": False}),
}


@pytest.mark.parametrize("name", MODELS)
def test_conditional_draws_have_the_exact_distribution(name: str) -> None:
    """Of beta and b given theta, by the mixed-model equations with dense matrices."""
    formula, options = MODELS[name]
    fit = mm.lmm(formula, small(n=150), **options).fit
    m = fit.matrices
    R = np.diag(fit.problem.row_sd(fit.theta) ** 2)
    if m.residual is not None:
        C = fit.problem.residual_covariance(fit.theta, 0, m.residual.positions)
        R = np.sqrt(np.diag(R)) * C * np.equal.outer(m.residual.codes, m.residual.codes)
    Z, G = [m.X], [np.zeros((m.X.shape[1],) * 2)]
    for term, T in zip(m.terms, fit.T, strict=True):
        codes, levels = m.groupings[term.group].codes, len(m.groupings[term.group].levels)
        rows = np.zeros((len(m.y), levels, T.shape[0]))
        rows[np.arange(len(m.y)), codes] = term.Z
        Z.append(rows.reshape(len(m.y), -1))
        between = known(7).to_numpy() if term.precision is not None else np.eye(levels)
        G.append(np.linalg.inv(np.kron(between, T @ T.T)))
    both = np.hstack(Z)
    A = both.T @ np.linalg.solve(R, both)
    first = 0
    for block in G:
        own = slice(first, first + len(block))
        A[own, own] += block
        first = own.stop
    mean, covariance = moments(fit)
    expected = np.linalg.solve(A, both.T @ np.linalg.solve(R, m.y))
    np.testing.assert_allclose(mean, expected, rtol=EXACT, atol=EXACT)
    size = np.abs(covariance).max()
    np.testing.assert_allclose(
        covariance, fit.sigma**2 * np.linalg.inv(A), rtol=EXACT, atol=EXACT * size
    )


@pytest.mark.parametrize(
    ("formula", "options"),
    [
        ("count ~ x + (1 | g) + (1 | a)", {"family": "poisson"}),
        ("slow ~ x + (1 | g)", {"family": "binomial"}),
        ("y ~ x + (1 | g)", {"family": "student_t"}),
    ],
)
@pytest.mark.filterwarnings("ignore::mixedmodels.errors.SingularFitWarning")
def test_random_effects_of_generalised_models_have_laplaces_covariance(formula, options) -> None:
    data = small()
    rng = np.random.default_rng(1)
    data["count"] = rng.poisson(np.exp(0.3 * data["y"]))
    data["slow"] = (data["y"] > 1) * 1.0
    data.loc[3, "y"] += 30
    fit = mm.glmm(formula, data, **options).fit
    p = len(fit.beta)
    mean, covariance = moments(fit)
    S = fit.problem.solve(fit.psi, np.asfortranarray(np.eye(len(mean) - p)))
    np.testing.assert_allclose(mean[p:], np.concatenate([b.ravel() for b in fit.b]), atol=1e-6)
    np.testing.assert_allclose(covariance[p:, p:], S, rtol=1e-5, atol=1e-8)
    assert effects_of_rows(fit).shape == (len(data), len(mean) - p)


def test_the_scale_is_that_of_logarithms_and_fishers_z() -> None:
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
    scale = free_scale.free_scale(model.fit)
    table = model.covariance_parameters()
    estimates = table["estimate"].to_numpy()
    sd = np.array([True, True, False, True])
    np.testing.assert_allclose(scale.estimate[sd], np.log(estimates[sd]), rtol=1e-8)
    np.testing.assert_allclose(scale.estimate[2], np.arctanh(estimates[2]), rtol=1e-8)
    slopes = np.where(sd, 1 / estimates, 1 / (1 - estimates**2))
    expected = model.cov_variance("sd").to_numpy() * np.outer(slopes, slopes)
    np.testing.assert_allclose(scale.root @ scale.root.T, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.SingularFitWarning")
@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x + (x + w | g) + (x || a)",
        "y ~ x + (x | g) + cs(0 + x + w | a)",
        "y ~ x + (1 | g) + (1 | a)",
    ],
)
def test_the_scale_and_back(formula: str) -> None:
    data = small(n=300)
    data["x"] += 50  # a column far from zero has other working coordinates
    fit = mm.lmm(formula, data).fit
    scale = free_scale.free_scale(fit)
    back = scale.at(scale.estimate)
    for T, expected in zip(back.T, fit.T, strict=True):
        np.testing.assert_allclose(T @ T.T, expected @ expected.T, rtol=1e-6, atol=1e-10)
    assert back.sigma == pytest.approx(fit.sigma)


def test_partial_correlations_and_back() -> None:
    rng = np.random.default_rng(4)
    for q in (1, 2, 3, 5):
        z = rng.normal(size=q * (q - 1) // 2) * 2
        L = free_scale._root_of(z, q)
        np.testing.assert_allclose((L**2).sum(axis=1), 1.0)
        np.testing.assert_allclose(free_scale._partial_z(L), z, rtol=1e-8)
        A = rng.normal(size=(q, q))
        root = np.linalg.cholesky(A @ A.T + 0.1 * np.eye(q))
        root /= np.sqrt((root**2).sum(axis=1))[:, None]
        np.testing.assert_allclose(free_scale._root_of(free_scale._partial_z(root), q), root)


def test_moments_of_many_draws() -> None:
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
    draws = model.draws(1200, seed=3)
    error = draws.params.std() / np.sqrt(1200)
    assert (np.abs(draws.params.mean() - model.params) < 4 * error).all()
    # balanced data: beta-hat does not depend on theta, and E(sigma^2 C) is above its plug-in
    ratio = draws.params.var() / np.diag(model.cov_params())
    assert ((ratio > 1.0) & (ratio < 1.35)).all()
    logs = np.log(draws.variance_parameters[["sd(Subject:Days)", "sd(Residual)"]])
    estimates = model.covariance_parameters().set_index(["group", "term"])["estimate"]
    estimate = np.log([estimates["Subject", "Days"], estimates["Residual", "sd"]])
    assert (np.abs(logs.mean() - estimate) < 4 * logs.std() / np.sqrt(1200)).all()
    summary = draws.summary(level=0.9)
    assert list(summary["term"][:2]) == ["Intercept", "Days"]
    low = draws.params["Days"].quantile(0.05)
    assert summary["conf_low"][1] == pytest.approx(low)


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.SingularFitWarning")
def test_singular_fits_stay_at_the_boundary() -> None:
    model = mm.lmm("Yield ~ 1 + (1 | Batch)", mm.datasets.load("dyestuff2"))
    draws = model.draws(50, seed=1)
    assert draws.held == ("sd(Batch:Intercept)",)
    assert "held there: sd(Batch:Intercept)" in repr(draws)
    assert (draws.variance_parameters["sd(Batch:Intercept)"] == 0).all()
    assert (draws.random_effects["Batch"] == 0).all(axis=None)
    assert draws.params["Intercept"].std() > 0
    rng = np.random.default_rng(4)
    data = pd.DataFrame({"g": np.repeat(np.arange(15), 5), "x": np.tile(np.arange(5.0), 15)})
    data["y"] = rng.normal(size=15)[data["g"]] * (1 + data["x"]) + 2 * rng.normal(size=75)
    one = mm.lmm("y ~ x + (x | g)", data)
    assert one.is_singular
    drawn = one.draws(200, seed=1)
    correlation = drawn.variance_parameters["cor(g:Intercept, x)"]
    np.testing.assert_allclose(np.abs(correlation), 1.0, atol=1e-6)
    sds = drawn.variance_parameters[["sd(g:Intercept)", "sd(g:x)"]]
    assert (sds.std() > 0).all()
    assert set(drawn.held) == {"cor(g:Intercept, x)"}


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.SingularFitWarning")
def test_what_is_hardly_known_does_not_explode() -> None:
    """The logarithm of a standard deviation that is small beside its error has no normal
    distribution, and nor has z of a correlation about which nothing is known.
    """
    rng = np.random.default_rng(18)
    data = pd.DataFrame({"g": np.repeat(np.arange(8), 6), "x": rng.normal(size=48)})
    data["y"] = rng.normal(size=8)[data["g"]] + 0.25 * rng.normal(size=8)[data["g"]] * data["x"]
    data["y"] += rng.normal(size=48)
    model = mm.lmm("y ~ x + (x || g)", data)
    found = model.covariance_parameters().set_index("parameter")
    error, estimate = found["std_error"]["sd(g:x)"], found["estimate"]["sd(g:x)"]
    assert error > 0.5 * estimate > 0
    drawn = model.draws(400, seed=1).variance_parameters["sd(g:x)"]
    assert (drawn > 0).all()
    assert drawn.quantile(0.99) < estimate + 3 * error
    whole = mm.lmm("y ~ x + (x | g)", data)
    correlation = whole.draws(400, seed=1).variance_parameters["cor(g:Intercept, x)"]
    if not whole.is_singular:
        assert (np.abs(correlation) < 0.999).mean() > 0.9


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.SingularFitWarning")
def test_a_coordinate_on_which_nothing_depends_is_held() -> None:
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"s": np.repeat(np.arange(25), 4), "t": np.tile(np.arange(4), 25)})
    data["y"] = 2 * rng.normal(size=25)[data["s"]] + rng.normal(size=100)
    model = mm.lmm("y ~ 1 + ar1(0 + C(t) | s)", data)  # the effects of s are all alike
    draws = model.draws(40, seed=1)
    assert draws.held == ("cor(s)",)
    assert (draws.variance_parameters["cor(s)"] > 0.99).all()
    assert draws.variance_parameters["sd(s)"].std() > 0


def test_a_draw_depends_on_the_seed_and_its_number() -> None:
    model = mm.lmm("y ~ x + (1 | g)", small())
    many, few = model.draws(20, seed=5), model.draws(6, seed=5)
    np.testing.assert_array_equal(many.params[:6], few.params)
    np.testing.assert_array_equal(many.random_effects["g"][:6], few.random_effects["g"])
    assert not np.allclose(few.params, model.draws(6, seed=6).params)
    assert len(few) == 6


def test_reported_coordinates() -> None:
    """A covariate far from zero has other working coordinates, and the same draws."""
    data = small()
    model = mm.lmm("y ~ x + (x | g)", data.assign(x=data["x"] + 1000))
    draws = model.draws(30, seed=1)
    eta = draws.predict(kind="link").to_numpy()
    x = data["x"].to_numpy() + 1000
    effects = draws.random_effects["g"]
    for i in (0, 17):
        b0, b1 = (effects.iloc[i].xs(term, level="term")[data["g"]] for term in ("Intercept", "x"))
        beta = draws.params.iloc[i]
        expected = beta["Intercept"] + beta["x"] * x + b0.to_numpy() + b1.to_numpy() * x
        np.testing.assert_allclose(eta[:, i], expected, rtol=1e-6, atol=1e-6)


def test_frame_goes_back_to_the_users_library() -> None:
    data = mm.datasets.load("sleepstudy", backend="polars")
    draws = mm.lmm("Reaction ~ Days + (1 | Subject)", data).draws(4, seed=1)
    table = draws.frame(random_effects=True)
    assert type(table).__module__.startswith("polars")
    assert table.columns[:6] == [
        "draw", "Intercept", "Days", "sd(Subject:Intercept)", "sd(Residual)",
        "b(Subject:308:Intercept)",
    ]  # fmt: skip
    assert table.shape == (4, 23)
    assert type(draws.summary()).__module__.startswith("polars")


def test_predictions() -> None:
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
    draws = model.draws(600, seed=2)
    new = {"Days": [9, 9, 9, np.nan], "Subject": ["308", "new", "new", "308"]}
    mean = draws.predict(new, seed=3)
    assert mean.shape == (4, 600)
    assert mean.iloc[3].isna().all()
    np.testing.assert_array_equal(mean.iloc[1], mean.iloc[2])  # one new subject
    whole = model.predict({"Days": [9], "Subject": ["new"]}, se=True)
    assert mean.iloc[1].std() == pytest.approx(float(whole["std_error"].iloc[0]), rel=0.2)
    known_level = model.predict({"Days": [9], "Subject": ["308"]}, se=True)
    assert mean.iloc[0].std() == pytest.approx(float(known_level["std_error"].iloc[0]), rel=0.2)
    population = draws.predict(new, new_levels="population")
    fixed = draws.params @ [1.0, 9.0]
    np.testing.assert_allclose(population.iloc[1], fixed)
    np.testing.assert_allclose(draws.predict(new, re="none").iloc[0], fixed)
    response = draws.predict(new, kind="response", seed=3)
    assert response.iloc[3].isna().all()
    added = (response - mean).iloc[:3].to_numpy()
    assert added.std() == pytest.approx(model.sigma, rel=0.1)
    assert np.abs(np.corrcoef(added)[0, 1:]).max() < 0.15
    with pytest.raises(DataError, match="has not seen"):
        draws.predict(new, new_levels="error")
    with pytest.raises(DataError, match="kind = 'means'"):
        draws.predict(new, kind="means")


def test_weights_of_new_responses() -> None:
    data = small().assign(w=100.0)
    model = mm.lmm("y ~ x + (1 | g)", data, weights="w")
    draws = model.draws(400, seed=2)
    added = draws.predict(kind="response", seed=1) - draws.predict()
    assert added.to_numpy().std() == pytest.approx(model.sigma / 10, rel=0.05)
    with pytest.raises(DataError, match="weights"):
        draws.predict(data.drop(columns="w"), kind="response")


def test_generalised_models() -> None:
    model = mm.glmm("incidence / size ~ period + (1 | herd)", mm.datasets.load("cbpp"))
    draws = model.draws(600, seed=1)
    error = draws.params.std() / np.sqrt(600)
    assert (np.abs(draws.params.mean() - model.params) < 4 * error).all()
    np.testing.assert_allclose(draws.params.std(), model.bse, rtol=0.12)
    share = draws.predict()
    eta = draws.predict(kind="link")
    np.testing.assert_allclose(share, 1 / (1 + np.exp(-eta)))
    counts = draws.predict(kind="response", seed=1)
    size = mm.datasets.load("cbpp")["size"].to_numpy()
    assert (counts >= 0).all(axis=None)
    assert (counts.max(axis=1) <= size).all()
    assert counts.to_numpy().mean() == pytest.approx((share.T * size).to_numpy().mean(), rel=0.03)


def test_ordered_responses() -> None:
    data = small().assign(rating=lambda d: pd.cut(d["y"], 3, labels=["low", "mid", "high"]))
    draws = mm.glmm("rating ~ x + (1 | g)", data, family="ordinal").draws(20, seed=1)
    assert draws.predict(kind="link").shape == (60, 20)
    assert set(np.unique(draws.predict(kind="response", seed=1))) <= {0.0, 1.0, 2.0}
    with pytest.raises(DataError, match="no mean"):
        draws.predict()


def test_arviz() -> None:
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("arviz_base")
    data = small()
    model = mm.lmm("y ~ x + (x | g) + (1 | a)", data, weights="w")
    draws = model.draws(7, seed=1)
    found = draws.to_arviz(posterior_predictive=True, seed=2)
    assert isinstance(found, xarray.DataTree)
    assert set(found.children) == {
        "posterior", "observed_data", "log_likelihood", "posterior_predictive",
    }  # fmt: skip
    posterior = found["posterior"]
    assert posterior["beta"].dims == ("chain", "draw", "coefficient")
    own = posterior["beta"].sel(coefficient="x", chain=0).to_numpy()
    np.testing.assert_array_equal(own, draws.params["x"])
    effect = posterior["b_g"].sel(g_level=3, g_term="x", chain=0).to_numpy()
    np.testing.assert_array_equal(effect, draws.random_effects["g"][(3, "x")])
    sd = posterior["parameters"].sel(parameter="sd(a:Intercept)", chain=0).to_numpy()
    np.testing.assert_array_equal(sd, draws.variance_parameters["sd(a:Intercept)"])
    np.testing.assert_array_equal(found["observed_data"]["y"], data["y"])
    predictive = draws.predict(kind="response", seed=2)
    np.testing.assert_array_equal(found["posterior_predictive"]["y"][0], predictive.T)
    eta, sigma = draws.predict().to_numpy().T, draws.variance_parameters["sd(Residual)"].to_numpy()
    scale = sigma[:, None] / np.sqrt(data["w"].to_numpy())
    z = (data["y"].to_numpy() - eta) / scale
    expected = -0.5 * np.log(2 * np.pi) - np.log(scale) - z**2 / 2
    np.testing.assert_allclose(found["log_likelihood"]["y"][0], expected, rtol=1e-8)


def test_arviz_of_other_models() -> None:
    pytest.importorskip("arviz_base")
    model = mm.glmm("incidence / size ~ period + (1 | herd)", mm.datasets.load("cbpp"))
    found = model.draws(3, seed=1).to_arviz(posterior_predictive=True, seed=1)
    assert list(found["observed_data"].data_vars) == ["incidence of size"]
    assert found["log_likelihood"]["incidence of size"].shape == (1, 3, 56)
    data = small().assign(rating=lambda d: pd.cut(d["y"], 3, labels=False))
    ordered = mm.glmm("rating ~ x + (1 | g)", data, family="ordinal").draws(3, seed=1)
    log_density = ordered.to_arviz()["log_likelihood"]["rating"][0].to_numpy()
    assert (log_density < 0).all()
    correlated = mm.lmm("y ~ x", small(), residual="ar1(t | a)").draws(3, seed=1).to_arviz()
    assert "log_likelihood" not in correlated.children


@pytest.mark.parametrize("unit", [1e-9, 1e-5, 1e9])
@pytest.mark.parametrize("formula", ["y ~ x + (x | g)", "y ~ x"])
def test_draws_follow_the_unit_of_the_response(formula: str, unit: float) -> None:
    one = mm.lmm(formula, small()).draws(4, seed=1)
    other = mm.lmm(formula, small().assign(y=lambda d: d["y"] * unit)).draws(4, seed=1)
    np.testing.assert_allclose(other.params / unit, one.params, rtol=1e-4, atol=1e-6)
    own, same = other.variance_parameters["sd(Residual)"], one.variance_parameters["sd(Residual)"]
    np.testing.assert_allclose(own / unit, same, rtol=1e-4)


@pytest.mark.parametrize("y", ["beta", "parameters", "row", "chain", "draw", "b_g", "coefficient"])
def test_arviz_of_responses_called_as_something_else_there(y: str) -> None:
    pytest.importorskip("arviz_base")
    data = small().rename(columns={"y": y})
    data.index = pd.MultiIndex.from_arrays([data["a"], data.index])
    draws = mm.lmm(f"{y} ~ x + (1 | g)", data).draws(3, seed=1)
    found = draws.to_arviz(posterior_predictive=True, seed=1)
    assert found["posterior"]["beta"].shape == (1, 3, 2)
    np.testing.assert_array_equal(found["posterior"]["beta"][0], draws.params)
    np.testing.assert_array_equal(found["observed_data"][f"{y}_"], data[y])
    assert found["log_likelihood"][f"{y}_"].shape == (1, 3, len(data))


def test_earlier_versions_of_arviz(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before version 1 there is no arviz_base, and every group is an argument."""
    module = types.ModuleType("arviz")
    module.from_dict = lambda **groups: groups
    monkeypatch.setitem(sys.modules, "arviz", module)
    monkeypatch.setattr(arviz_data, "find_spec", lambda name: name == "arviz" or None)
    draws = mm.lmm("y ~ x + (1 | g)", small()).draws(3, seed=1)
    found = draws.to_arviz()
    assert set(found) == {"posterior", "observed_data", "log_likelihood", "coords", "dims"}
    monkeypatch.setattr(arviz_data, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r'pip install "mixedmodels\[arviz\]"'):
        draws.to_arviz()


def test_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = small()
    model = mm.lmm("y ~ x + (1 | g)", data)
    with pytest.raises(DataError, match="n = 0"):
        model.draws(0)
    with pytest.raises(DataError, match="seed"):
        model.draws(3, seed=-1)
    with pytest.raises(DataError, match="iterative"):
        mm.lmm("y ~ x + (1 | g)", data, method="iterative").draws(3)
    unknown = np.full((2, 2), np.nan)
    monkeypatch.setattr(free_scale, "_covariance", lambda scale: unknown)
    with pytest.raises(DataError, match="not positive definite"):
        model.draws(3)
    monkeypatch.setattr("mixedmodels.fit.streamed.COLLECTED", 0)
    with pytest.raises(DataError, match="needs the rows of the data"):
        mm.lmm("y ~ x + (1 | g)", lambda: iter([data])).draws(3)


def test_draws_of_what_has_no_finite_estimate_are_marked() -> None:
    data = small().assign(y=lambda d: (d["x"] > 0).astype(int))
    with pytest.warns(SeparationWarning):
        model = mm.glmm("y ~ x + (1 | g)", data)
    with pytest.warns(SeparationWarning, match="no finite estimate"):
        model.draws(3, seed=1)
