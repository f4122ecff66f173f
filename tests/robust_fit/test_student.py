"""Multivariate t per group: a likelihood that never decreases, and its maximum."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import mixedmodels as mm
from mixedmodels.errors import DataError

SLEEP = "Reaction ~ Days + (Days | Subject)"


def dense_log_likelihood(model: mm.RobustMixedModel, data: pd.DataFrame, group: str) -> float:
    """Multivariate t densities of scipy at the model's estimates."""
    m = model.found.fit.matrices
    total = 0.0
    for rows in m.groupings[0].rows():
        V = model.sigma**2 * np.eye(len(rows))
        for term, T in zip(m.terms, model.found.fit.T, strict=True):
            same = m.groupings[term.group].codes[rows]
            Z = term.Z[rows] @ T
            V += model.sigma**2 * (Z @ Z.T) * (same[:, None] == same)
        mean = m.X[rows] @ model.found.fit.beta
        total += stats.multivariate_t(mean, V, df=model.df).logpdf(m.y[rows])
    return total


@pytest.mark.parametrize("df", [None, 3.0])
@pytest.mark.parametrize(
    "formula, name",
    [(SLEEP, "sleepstudy"), ("strength ~ 1 + (1 | batch/cask)", "pastes")],
)
def test_likelihood_is_the_density_and_never_decreases(formula, name, df):
    data = mm.datasets.load(name)
    model = mm.rlmm(formula, data, psi="t", df=df)
    assert np.diff(model.found.trace).min() > -1e-8
    assert model.llf == pytest.approx(dense_log_likelihood(model, data, ""), abs=1e-6)
    assert model.llf == model.found.trace[-1]


def test_without_groups_it_is_the_student_family():
    data = mm.datasets.load("sleepstudy")
    model = mm.rlmm("Reaction ~ Days", data, psi="t")
    family = mm.glmm("Reaction ~ Days", data, family="student_t")
    assert model.llf == pytest.approx(family.llf, abs=1e-6)
    np.testing.assert_allclose(model.params, family.params, rtol=1e-4)
    assert model.df == pytest.approx(np.exp(family.auxiliary_params["shape"].iloc[0]), rel=1e-2)
    assert model.aic == pytest.approx(family.aic, abs=1e-5)
    assert model.row_weights.nunique() > 100


def test_one_row_per_group_is_the_same():
    """V_i = (psi^2 + sigma^2) is all that is told: a t regression of the rows."""
    random = np.random.default_rng(1)
    data = pd.DataFrame({"x": random.normal(size=80), "g": np.arange(80) // 2})
    data["y"] = 1 + data["x"] + random.standard_t(3, size=80)
    model = mm.rlmm("y ~ x + (1 | g)", data, psi="t", df=3)
    no_bar = mm.rlmm("y ~ x", data, psi="t", df=3)
    assert model.llf != pytest.approx(no_bar.llf, abs=1e-3)

    def negative(p):
        scale = np.exp(p[2])
        return -stats.t.logpdf(data["y"], 3, loc=p[0] + p[1] * data["x"], scale=scale).sum()

    best = optimize.minimize(negative, [1, 1, 0], tol=1e-10)
    assert no_bar.llf == pytest.approx(-best.fun, abs=1e-6)
    np.testing.assert_allclose(no_bar.params, best.x[:2], atol=1e-4)
    hessian_errors = np.sqrt(np.diag(best.hess_inv))[:2]
    np.testing.assert_allclose(no_bar.bse, hessian_errors, rtol=0.3)  # expected, not observed


def test_large_df_is_maximum_likelihood():
    data = mm.datasets.load("sleepstudy")
    model, normal = mm.rlmm(SLEEP, data, psi="t", df=1e9), mm.lmm(SLEEP, data, reml=False)
    assert model.llf == pytest.approx(normal.llf, abs=1e-4)
    np.testing.assert_allclose(model.params, normal.params, rtol=1e-6)
    np.testing.assert_allclose(model.bse, normal.bse, rtol=1e-5)
    np.testing.assert_allclose(
        model.random_effects["Subject"], normal.random_effects["Subject"], rtol=1e-3, atol=1e-3
    )


def test_estimated_df_is_the_best():
    data = mm.datasets.load("sleepstudy")
    best = mm.rlmm(SLEEP, data, psi="t")
    for df in (0.9 * best.df, 1.1 * best.df):
        assert mm.rlmm(SLEEP, data, psi="t", df=df).llf < best.llf
    assert "degrees of freedom (estimated)" in str(best)
    assert best.aic == pytest.approx(-2 * best.llf + 2 * 7)


def test_an_outlying_group_counts_little():
    data = mm.datasets.load("sleepstudy")
    moved = data["Reaction"] + 1000.0 * (data["Subject"] == "308")
    model = mm.rlmm(SLEEP, data.assign(Reaction=moved), psi="t")
    assert model.group_weights["Subject"]["weight"].idxmin() == "308"
    assert abs(model.params["Intercept"] - 251) < 10


def test_crossed_groups_are_refused():
    with pytest.raises(DataError, match="are crossed"):
        mm.rlmm(
            "diameter ~ 1 + (1 | plate) + (1 | sample)", mm.datasets.load("penicillin"), psi="t"
        )


def test_tails_of_the_normal_are_said_to_be_that():
    rng = np.random.default_rng(2)
    x = np.linspace(-1, 1, 200)
    data = pd.DataFrame({"x": x, "y": x + rng.uniform(-1, 1, size=200)})
    assert "with the tails of the normal" in str(mm.rlmm("y ~ x", data, psi="t"))
