"""Residuals, leverage and influence of generalised models."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import special, stats

import mixedmodels as mm
from mixedmodels.errors import DataError

Vector = NDArray[np.float64]

# lme4 1.1-31: residuals(glmer(..., nAGQ = 1), type = "pearson"), "deviance"; head(, 6)
LME4 = {
    "cbpp": {
        "pearson": [
            -1.33986164356944, 1.07512587117262, 2.87961559613909, -0.677264084565114,
            -0.2390840596562, -0.139529155112665,
        ],
        "deviance": [
            -1.43803188696972, 0.988743151369856, 2.3569978284624, -0.936858080541415,
            -0.243184564002473, -0.142422775832843,
        ],
    },
    "grouseticks": {
        "pearson": [
            -0.709181072030108, -0.709181072030108, -0.847091758720722, -0.923912523335042,
            -0.923912523335042, 1.06671991242651,
        ],
        "deviance": [
            -1.00293349024327, -1.00293349024327, -1.19796865375732, -1.30660962094677,
            -1.30660962094677, 0.954264301727012,
        ],
    },
}  # fmt: skip

# lme4 1.1-31: influence(glmer(...), "herd")$`fixed.effects[-herd]`[1:5, ], which fits anew
WITHOUT_HERD = [
    [-1.3747927, -1.16207614, -1.47373170, -1.5827345],
    [-1.3664122, -0.98768284, -1.11884526, -1.5868528],
    [-1.4919989, -0.92686930, -0.91294944, -1.6241960],
    [-1.4036573, -0.92749930, -1.23736162, -1.5255460],
    [-1.4432346, -0.80059234, -0.93581374, -1.6538459],
]


@pytest.fixture(scope="module")
def cbpp() -> mm.GeneralisedMixedModel:
    return mm.glmm("incidence / size ~ period + (1 | herd)", mm.datasets.load("cbpp"))


@pytest.fixture(scope="module")
def ticks() -> mm.GeneralisedMixedModel:
    data = mm.datasets.load("grouseticks")
    formula = "TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION)"
    return mm.glmm(formula, data, family="poisson")


@pytest.fixture(scope="module")
def binary() -> mm.GeneralisedMixedModel:
    return mm.glmm("y ~ x + (x | g)", binary_data(3), family="binomial")


def binary_data(seed: int, n: int = 600) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    g, x = np.arange(n) % 30, random.normal(size=n)
    eta = -0.4 + 0.9 * x + random.normal(size=30)[g] + 0.5 * random.normal(size=30)[g] * x
    return pd.DataFrame({"y": random.random(n) < special.expit(eta), "x": x, "g": g})


@pytest.mark.parametrize("kind", ["pearson", "deviance"])
def test_residuals_of_lme4(
    cbpp: mm.GeneralisedMixedModel, ticks: mm.GeneralisedMixedModel, kind: str
) -> None:
    for name, model in (("cbpp", cbpp), ("grouseticks", ticks)):
        found = model.residuals(kind)[:6].to_numpy()  # type: ignore[arg-type]
        # lme4's own parameters are good to about 1e-5 standard errors
        assert found == pytest.approx(LME4[name][kind], abs=3e-4), name


def test_other_residuals_follow_from_the_means(cbpp: mm.GeneralisedMixedModel) -> None:
    m, p = cbpp.fit.matrices, cbpp.fittedvalues.to_numpy()
    assert m.size is not None
    share = m.y / m.size
    assert cbpp.resid.to_numpy() == pytest.approx(share - p)
    expected = (share - p) / (p * (1 - p))
    assert cbpp.residuals("working").to_numpy() == pytest.approx(expected)
    pearson = (share - p) / np.sqrt(p * (1 - p) / m.size)
    for kind in ("pearson", "standardized", "normalized"):
        assert cbpp.residuals(kind).to_numpy() == pytest.approx(pearson)  # type: ignore[arg-type]
    studentized = pearson / np.sqrt(1 - cbpp.hat_values().to_numpy())
    assert cbpp.residuals("studentized").to_numpy() == pytest.approx(studentized)


def test_a_kind_without_a_meaning_is_refused(cbpp: mm.GeneralisedMixedModel) -> None:
    with pytest.raises(DataError, match="not available for generalised models"):
        cbpp.residuals("marginal")


def test_kinds_of_generalised_models_in_a_linear_one() -> None:
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
    for kind, same in (
        ("deviance", "pearson"),
        ("working", "response"),
        ("quantile", "normalized"),
    ):
        pd.testing.assert_series_equal(model.residuals(kind), model.residuals(same))  # type: ignore[arg-type]


def test_quantile_residuals_lie_within_their_steps(cbpp: mm.GeneralisedMixedModel) -> None:
    m, p = cbpp.fit.matrices, cbpp.fittedvalues.to_numpy()
    assert m.size is not None
    counts = stats.binom(m.size.astype(int), p)
    place = special.ndtr(cbpp.residuals("quantile", seed=5).to_numpy())
    assert (place > counts.cdf(m.y - 1)).all()
    assert (place < counts.cdf(m.y)).all()
    again = cbpp.residuals("quantile", seed=5)
    pd.testing.assert_series_equal(again, cbpp.residuals("quantile", seed=5))
    assert not np.allclose(again, cbpp.residuals("quantile", seed=6))


def test_quantile_residuals_of_what_cannot_be_are_far_and_finite() -> None:
    rng = np.random.default_rng(4)
    y = rng.poisson(3.0, 60)
    y[::15] = 200_000
    data = pd.DataFrame({"y": y, "g": np.repeat(np.arange(6), 10)})
    r = mm.glmm("y ~ 1 + (1 | g)", data, "poisson").residuals("quantile", seed=1).to_numpy()
    assert np.isfinite(r).all()
    assert r[::15].min() > 30
    assert r.min() < -30


def test_quantile_residuals_are_normal_if_the_model_is_right(
    binary: mm.GeneralisedMixedModel,
) -> None:
    r = binary.residuals("quantile", seed=1).to_numpy()
    assert stats.kstest(r, "norm").pvalue > 0.01
    assert 0.9 < r.std() < 1.1


def dense_leverage(model: mm.GeneralisedMixedModel) -> Vector:
    """d fitted / d response of the working model, from the whole equations of (beta, b)."""
    fit = model.fit
    m = fit.matrices
    weights, _ = fit.problem.working(fit.psi)  # type: ignore[union-attr]
    blocks, precisions = [m.X], [np.zeros((m.X.shape[1],) * 2)]
    for term, T in zip(m.terms, fit.T, strict=True):
        codes, levels = m.groupings[term.group].codes, len(m.groupings[term.group].levels)
        for level in range(levels):
            blocks.append(term.Z * (codes == level)[:, None])
            precisions.append(np.linalg.inv(T @ T.T))
    W = np.hstack(blocks)
    total = W.T @ (weights[:, None] * W)
    at = 0
    for P in precisions:
        total[at : at + len(P), at : at + len(P)] += P
        at += len(P)
    return np.einsum("ia,ab,ib->i", W, np.linalg.inv(total), W) * weights


def test_leverage_is_that_of_the_working_model(
    cbpp: mm.GeneralisedMixedModel, binary: mm.GeneralisedMixedModel
) -> None:
    for model in (cbpp, binary):
        h = model.hat_values()
        assert h.to_numpy() == pytest.approx(dense_leverage(model), rel=1e-6)
        assert 2 < h.sum() < model.nobs / 2


def test_cooks_distance_of_rows(cbpp: mm.GeneralisedMixedModel) -> None:
    h, e = cbpp.hat_values().to_numpy(), cbpp.residuals("pearson").to_numpy()
    expected = e**2 * h / (1 - h) ** 2 / 4
    assert cbpp.influence().cooks_distance.to_numpy() == pytest.approx(expected, rel=1e-6)


def test_influence_of_levels_beside_fits_without_them(cbpp: mm.GeneralisedMixedModel) -> None:
    refitted = np.array(WITHOUT_HERD)
    errors = cbpp.bse.to_numpy()
    moved = np.abs(refitted - cbpp.params.to_numpy()) / errors
    for theta, share in (("fixed", 0.15), ("one-step", 0.2)):
        found = cbpp.influence("herd", theta=theta).params_without[:5].to_numpy()  # type: ignore[arg-type]
        off = np.abs(found - refitted) / errors
        assert (off <= np.maximum(share * moved, 0.05)).all(), theta


def test_influence_of_structured_random_effects() -> None:
    data = binary_data(4)
    model = mm.glmm("y ~ x + cs(1 + x | g)", data, family="binomial")
    found = model.influence("g").params_without
    without = mm.glmm("y ~ x + cs(1 + x | g)", data[data["g"] != 3], family="binomial")
    off = np.abs(found.loc[3] - without.params) / model.bse
    assert (off < 0.1).all()
    assert 0 < model.hat_values().sum() < 60


def test_residuals_of_an_ordered_response() -> None:
    random = np.random.default_rng(7)
    n = 400
    g, x = np.arange(n) % 20, random.normal(size=n)
    latent = x + random.normal(size=20)[g] + random.logistic(size=n)
    data = pd.DataFrame({"y": np.digitize(latent, [-1, 0.5, 2]), "x": x, "g": g})
    model = mm.glmm("y ~ x + (1 | g)", data, family="ordinal")
    r = model.residuals("quantile", seed=2)
    assert stats.kstest(r, "norm").pvalue > 0.01
    with pytest.raises(DataError, match="ordered categories"):
        model.residuals("pearson")
    assert model.check().rows
