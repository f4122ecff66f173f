"""Cross-validation in closed form, against conditional normal distributions and refits."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal, norm

import mixedmodels as mm
from mixedmodels.diagnostics import remainder
from mixedmodels.diagnostics.cross_validation import CrossValidation
from mixedmodels.errors import DataError, NotEstimableWarning
from mixedmodels.fit.fixed_effects import coefficients
from tests.diagnostics.test_leverage import dense_V
from tests.diagnostics.test_structured import MODELS, covariances, rows

EXACT = 1e-8


def conditional(
    result: CrossValidation, V: np.ndarray, *, held: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log densities, means and standard deviations by generalised least squares without each fold,
    and the normal distribution of the fold given the others.
    """
    fit, m = result.fit, result.fit.matrices
    offset = np.zeros(len(m.y)) if m.offset is None else m.offset
    y, X, n = m.y - offset, m.X, len(m.y)
    densities, mean, sd = [], np.empty(n), np.empty(n)
    for fold in range(len(result.folds.labels)):
        S, r = (
            np.flatnonzero(result.folds.codes == fold),
            np.flatnonzero(result.folds.codes != fold),
        )
        W = np.linalg.inv(V[np.ix_(r, r)])
        C = np.linalg.inv(X[r].T @ W @ X[r])
        residual = y[r] - X[r] @ (C @ X[r].T @ W @ y[r])
        freedom = len(r) - X.shape[1] if fit.reml else len(r)
        variance = fit.sigma**2 if held else residual @ W @ residual / freedom
        B = V[np.ix_(S, r)] @ W
        D = X[S] - B @ X[r]
        covariance = variance * (V[np.ix_(S, S)] - B @ V[np.ix_(r, S)] + D @ C @ D.T)
        mean[S] = y[S] - (y[S] - X[S] @ (C @ X[r].T @ W @ y[r]) - B @ residual)
        sd[S] = np.sqrt(np.diag(covariance))
        symmetric = (covariance + covariance.T) / 2
        densities.append(multivariate_normal.logpdf(y[S], mean[S], symmetric))
    return np.array(densities), mean + offset, sd


def agree(found: CrossValidation, V: np.ndarray, *, held: bool = False) -> None:
    density, mean, sd = conditional(found, V, held=held)
    np.testing.assert_allclose(found.log_densities, density, rtol=EXACT, atol=EXACT)
    np.testing.assert_allclose(found.predictions, mean, rtol=EXACT, atol=EXACT)
    np.testing.assert_allclose(found.sds, sd, rtol=EXACT)


def folds(n: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 4, n)


def test_plain_models(model: mm.LinearMixedModel) -> None:
    V = dense_V(model.fit.matrices, model.fit.theta)
    for by in (None, folds(model.nobs), *model.groups):
        agree(model.cross_validate(by), V)
        agree(model.cross_validate(by, sigma="held"), V, held=True)


@pytest.mark.parametrize("largest", [3, 1000])
def test_every_way_with_weights_and_offset(
    uneven: Callable[..., pd.DataFrame], monkeypatch: pytest.MonkeyPatch, largest: int
) -> None:
    """Sets of rows by their own covariance, by that of their effects, and by the other rows."""
    monkeypatch.setattr(remainder, "LARGEST", largest)
    data = uneven().assign(o=lambda d: np.sin(d["x"]) * 10)
    model = mm.lmm("y ~ x + (x | a) + (1 | b)", data, weights="w", offset="o", reml=False)
    V = dense_V(model.fit.matrices, model.fit.theta)
    for by in (None, "a", "b", folds(len(data)), (data["x"] > 0).to_numpy()):
        agree(model.cross_validate(by), V)


@pytest.mark.parametrize("name", MODELS)
def test_structured_models(name: str) -> None:
    formula, options = MODELS[name]
    model = mm.lmm(formula, rows(), **options)
    V = covariances(model)[0]
    for by in (None, "s", "item", folds(model.nobs)):
        agree(model.cross_validate(by), V)


def test_known_residual_variances() -> None:
    rng = np.random.default_rng(3)
    v = rng.uniform(0.1, 1, 24)
    data = pd.DataFrame({"v": 1 / v, "id": np.arange(24), "lab": np.arange(24) // 4})
    data["y"] = rng.normal(size=6)[data["lab"]] + rng.normal(size=24) * np.sqrt(v)
    model = mm.lmm("y ~ 1 + (1 | lab)", data, weights="v", sigma=1)
    for by in (None, "lab"):
        found = model.cross_validate(by)
        agree(found, covariances(model)[0], held=True)
        assert found.residual_sd == "held"


def test_without_fixed_effects_and_at_a_variance_of_zero() -> None:
    data = mm.datasets.load("dyestuff2")
    model = mm.lmm("Yield ~ 0 + (1 | Batch)", data)
    agree(model.cross_validate("Batch"), dense_V(model.fit.matrices, model.fit.theta))
    singular = mm.lmm("Yield ~ 1 + (1 | Batch)", data)
    assert singular.is_singular
    agree(singular.cross_validate("Batch"), np.eye(len(data)))


def test_refits_at_the_same_theta() -> None:
    """Coefficients, sigma and predictions of the engine's own estimates on the other rows."""
    model = mm.lmm("diameter ~ 1 + (1 | plate) + (1 | sample)", mm.datasets.load("penicillin"))
    found, m = model.cross_validate("sample"), model.fit.matrices
    for fold in (0, 3):
        own = found.folds.codes == fold
        problem = type(model.fit.problem)(m.take(~own))
        rest = problem.estimates(model.fit.theta, reml=True)
        plate = m.groupings[0].codes[own]
        mean = m.X[own] @ rest.beta + rest.b[0][plate, 0]
        np.testing.assert_allclose(found.predictions[own], mean, rtol=EXACT)


def test_a_step_of_theta_is_nearer_to_refits(uneven: Callable[..., pd.DataFrame]) -> None:
    data = uneven()
    formula = "y ~ x + (1 | a) + (1 | b)"
    model = mm.lmm(formula, data)
    fixed, moved = (model.cross_validate("b", theta=theta) for theta in ("fixed", "one-step"))
    exact = []
    for level in fixed.folds.labels:
        refit = mm.lmm(formula, data[data["b"] != level])
        at = model.fit.problem.working(refit.theta.to_numpy())
        V = dense_V(model.fit.matrices, at)
        fold = int(np.flatnonzero(fixed.folds.labels == level)[0])
        exact.append(conditional(fixed, V)[0][fold])
    misses = [np.abs(found.log_densities - exact).sum() for found in (fixed, moved)]
    assert misses[1] < 0.25 * misses[0]


def test_a_step_of_structured_theta_is_nearer_to_refits() -> None:
    data = rows()
    model = mm.lmm("y ~ x", data, residual="ar1(t | s)")
    fixed, moved = (model.cross_validate("s", theta=theta) for theta in ("fixed", "one-step"))
    exact = [density_by_refit(data, level) for level in fixed.folds.labels[:6]]
    misses = [np.abs(found.log_densities[:6] - exact).sum() for found in (fixed, moved)]
    assert misses[1] < 0.25 * misses[0]


def density_by_refit(data: pd.DataFrame, level: object) -> float:
    """Of the rows of a level whose residuals are autocorrelated."""
    rest, own = data[data["s"] != level], data[data["s"] == level]
    refit = mm.lmm("y ~ x", rest, residual="ar1(t | s)")
    table = refit.covariance_parameters()
    phi = float(table.loc[table["term"].str.startswith("cor"), "estimate"].iloc[0])
    lag = np.abs(np.subtract.outer(own["t"].to_numpy(), own["t"].to_numpy()))
    X = np.column_stack([np.ones(len(own)), own["x"]])
    covariance = refit.sigma**2 * phi**lag + X @ refit.cov_params().to_numpy() @ X.T
    return float(multivariate_normal.logpdf(own["y"], X @ coefficients(refit.fit), covariance))


def test_tables_agree_with_totals(uneven: Callable[..., pd.DataFrame]) -> None:
    model = mm.lmm("y ~ x + (x | a) + (1 | b)", uneven())
    found = model.cross_validate("a", level=0.5)
    table, each = found.table(), found.rows()
    assert table["nobs"].sum() == found.n == model.nobs
    assert table["log_density"].sum() == pytest.approx(found.elpd)
    weights = table["nobs"] / found.n
    assert (weights * table["rmse"] ** 2).sum() == pytest.approx(found.rmse**2)
    assert (weights * table["mae"]).sum() == pytest.approx(found.mae)
    assert (weights * table["coverage"]).sum() == pytest.approx(found.coverage)
    expected = norm.logpdf(each["error"], scale=each["sd"])
    assert each["log_density"].to_numpy() == pytest.approx(expected)
    by_row = model.cross_validate()
    assert by_row.rows()["log_density"].to_numpy() == pytest.approx(by_row.log_densities)
    assert by_row.table()["log_density"].to_numpy() == pytest.approx(by_row.log_densities)


def test_what_the_others_do_not_determine_is_nan_and_said() -> None:
    data = mm.datasets.load("sleepstudy").assign(special=lambda d: (d["Subject"] == "308") * 1.0)
    model = mm.lmm("Reaction ~ Days + special + (1 | Subject)", data)
    for theta in ("fixed", "one-step"):
        with pytest.warns(NotEstimableWarning, match="the first is '308'"):
            found = model.cross_validate("Subject", theta=theta)
        assert list(found.undetermined) == ["308"]
        assert found.n == 170
        assert found.rows()["prediction"].isna().sum() == 10
        assert np.isfinite([found.elpd, found.elpd_se, found.rmse, found.mae]).all()
        assert "without 1 that the others do not determine" in repr(found)
    halves = data.assign(half=np.where(data["Subject"].astype(int) < 350, "a", "b"))
    model = mm.lmm("Reaction ~ Days + half + (1 | Subject)", halves)
    with pytest.warns(NotEstimableWarning, match="2 of 2 levels"):
        none = model.cross_validate("half")
    assert np.isnan([none.elpd, none.elpd_se, none.rmse, none.mae, none.coverage]).all()
    assert none.n == 0
    alone = data.assign(special=np.arange(len(data)) == 4)
    with pytest.warns(NotEstimableWarning):
        lost = mm.lmm("Reaction ~ Days + special + (1 | Subject)", alone).cross_validate()
    assert list(lost.undetermined) == [4]


def test_the_scale_of_the_response_moves_the_density_alone() -> None:
    data = mm.datasets.load("sleepstudy")
    first = mm.lmm("Reaction ~ Days + (Days | Subject)", data).cross_validate("Subject")
    data["Reaction"] = 1e3 * data["Reaction"] - 7e5
    other = mm.lmm("Reaction ~ Days + (Days | Subject)", data).cross_validate("Subject")
    assert other.elpd == pytest.approx(first.elpd - 180 * np.log(1e3), abs=1e-3)
    assert other.rmse == pytest.approx(1e3 * first.rmse, rel=1e-4)


def test_comparison() -> None:
    data = mm.datasets.load("sleepstudy", backend="polars")
    formulas = ("Reaction ~ 1 + (1 | Subject)", "Reaction ~ Days + (Days | Subject)")
    level, slope = (mm.lmm(formula, data).cross_validate("Subject") for formula in formulas)
    found = level.compare(slope, names=["level", "slope"])
    table = found.table()
    assert type(table).__module__.startswith("polars")
    assert table["model"].to_list() == ["slope", "level"]
    apart = level.log_densities - slope.log_densities
    assert table["difference"][1] == pytest.approx(apart.sum())
    assert table["difference_se"][1] == pytest.approx(np.std(apart, ddof=1) * np.sqrt(18))
    assert table["difference"][0] == table["difference_se"][0] == 0
    with pytest.raises(DataError, match="folds differ"):
        level.compare(mm.lmm(formulas[0], data).cross_validate())
    with pytest.raises(DataError, match="different responses"):
        level.compare(
            mm.lmm("np.log(Reaction) ~ 1 + (1 | Subject)", data).cross_validate("Subject")
        )
    with pytest.raises(DataError, match="names for 2 models"):
        level.compare(slope, names=["one"])
    with pytest.raises(DataError, match="one model"):
        level.compare()
    with pytest.raises(DataError, match="type LinearMixedModel"):
        level.compare(mm.lmm(formulas[0], data))


@pytest.mark.parametrize("unit", [1.0, 1e-12])
def test_responses_in_tiny_units_are_told_apart(unit: float) -> None:
    data = mm.datasets.load("sleepstudy")
    data = data.assign(Reaction=data["Reaction"] * unit, twice=data["Reaction"] * 2 * unit)
    one, other = (
        mm.lmm(f"{y} ~ Days + (1 | Subject)", data).cross_validate("Subject")
        for y in ("Reaction", "twice")
    )
    with pytest.raises(DataError, match="different responses"):
        one.compare(other)


def test_folds_of_rows_that_were_dropped(uneven: Callable[..., pd.DataFrame]) -> None:
    data = uneven()
    data.loc[[3, 50], "x"] = np.nan
    data["school"] = [f"s{i % 5}" for i in range(len(data))]
    model = mm.lmm("y ~ x + (1 | a)", data)
    by_column = model.cross_validate("school")
    of_all = model.cross_validate(data["school"].to_numpy())
    of_used = model.cross_validate(data["school"].drop(index=[3, 50]))
    assert by_column.elpd == of_all.elpd == of_used.elpd
    assert model.cross_validate("row").elpd == model.cross_validate().elpd


@pytest.mark.parametrize(
    ("by", "options", "message"),
    [
        ("Subjct", {}, "Did you mean 'Subject'"),
        ([1, 2, 3], {}, r"shape \(3,\)"),
        (np.ones(180), {}, "one level"),
        (None, {"theta": "one-step"}, "not for single rows"),
        ("Subject", {"theta": "free"}, "theta = 'free' is not known"),
        ("Subject", {"sigma": 3}, "sigma = 3 is not known"),
        ("Subject", {"level": 95}, "level"),
        (np.where(np.arange(180) > 3, 1.0, np.nan), {}, "missing in 4"),
    ],
)
def test_mistakes(by: object, options: dict[str, object], message: str) -> None:
    model = mm.lmm("Reaction ~ Days + (1 | Subject)", mm.datasets.load("sleepstudy"))
    with pytest.raises(DataError, match=message):
        model.cross_validate(by, **options)


def test_other_models() -> None:
    data = mm.datasets.load("sleepstudy")
    iterative = mm.lmm("Reaction ~ Days + (1 | Subject)", data, method="iterative")
    with pytest.raises(DataError, match="not available for an iterative fit"):
        iterative.cross_validate("Subject")
    data["many"] = (data["Reaction"] > 300) * 1.0
    with pytest.raises(DataError, match="generalised"):
        mm.glmm("many ~ Days + (1 | Subject)", data).cross_validate("Subject")


def test_data_read_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mixedmodels.fit.streamed.COLLECTED", 0)
    data = mm.datasets.load("sleepstudy")
    model = mm.lmm("Reaction ~ Days + (1 | Subject)", lambda: iter([data]))
    for by in (None, "Subject", np.arange(180)):
        with pytest.raises(DataError, match="needs the rows of the data"):
            model.cross_validate(by)


def test_rows_of_several_levels() -> None:
    data = mm.datasets.load("sleepstudy")
    data["other"] = data["Subject"].to_numpy()[::-1]
    model = mm.lmm("Reaction ~ Days + mm(1 | Subject + other)", data)
    with pytest.raises(DataError, match="belong to several levels"):
        model.cross_validate(model.groups[0])
    agree(model.cross_validate("Days"), np.linalg.inv(inverse(model)))


def inverse(model: mm.LinearMixedModel) -> np.ndarray:
    return model.fit.problem.marginal_inverse(model.fit.theta).times(np.eye(model.nobs))
