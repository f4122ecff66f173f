"""Standard errors and intervals of predictions, against the mixed model equations in full."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import linalg, stats

import mixedmodels as mm
from mixedmodels.errors import DataError
from tests import dense

ROUNDING = 1e-8  # relative: two exact ways of the same algebra, of condition some thousands

FORMULAS = [
    "y ~ x + kind + (1 | g)",
    "y ~ x + (x | g)",
    "y ~ x + kind + (x | g) + (1 | h)",
    "y ~ x + (1 | g) + (0 + x | g) + (kind | h)",
    "y ~ x + (x || g) + (1 | h) + (1 | c)",
    "y ~ x + (1 | g/h)",
    "y ~ 0 + x + (1 | h)",
]


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(3)
    n = 180
    g, h, c = (random.integers(0, levels, n) for levels in (12, 7, 3))
    x = random.normal(size=n)
    effects = random.normal(size=(12, 2))
    y = 1 + x + effects[g, 0] + effects[g, 1] * x + random.normal(size=7)[h]
    return pd.DataFrame(
        {
            "y": y + random.normal(size=3)[c] + random.normal(size=n),
            "x": x,
            "kind": np.where(random.random(n) < 0.5, "a", "b"),
            "g": g,
            "h": [f"h{level}" for level in h],
            "c": c,
            "w": random.uniform(0.5, 3, n),
        }
    )


def expanded(matrices):
    """Z (n, q) with every level's columns, and where each term begins."""
    parts = []
    for term in matrices.terms:
        grouping = matrices.groupings[term.group]
        hot = np.equal.outer(grouping.codes, np.arange(len(grouping.levels)))
        parts.append((hot[:, :, None] * term.Z[:, None, :]).reshape(len(hot), -1))
    return parts


def henderson(fit, included):
    """Variances of the errors of the fitted rows: the inverse of the whole matrix."""
    m = fit.matrices
    G = dense.relative_covariances(m, fit.theta)
    levels = [len(m.groupings[t.group].levels) for t in m.terms]
    whole = linalg.block_diag(*(np.kron(np.eye(n), G_k) for n, G_k in zip(levels, G, strict=True)))
    parts = expanded(m)
    Z = np.hstack(parts)
    V = dense.marginal_covariance(m, G)
    inverse = np.linalg.inv(V)
    P = inverse - inverse @ m.X @ np.linalg.inv(m.X.T @ inverse @ m.X) @ m.X.T @ inverse
    C = np.linalg.inv(m.X.T @ inverse @ m.X)
    cov_b = whole - whole @ Z.T @ P @ Z @ whole
    cross = -C @ m.X.T @ inverse @ Z @ whole  # Cov(beta-hat, b-hat - b)
    z = np.hstack([p * (t.group in included) for p, t in zip(parts, m.terms, strict=True)])
    return fit.sigma**2 * (
        np.einsum("ni,ij,nj->n", m.X, C, m.X)
        + np.einsum("ni,ij,nj->n", z, cov_b, z)
        + 2 * np.einsum("ni,ij,nj->n", m.X, cross, z)
    )


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("weights", [None, "w"])
def test_fitted_rows_have_the_variance_of_the_mixed_model_equations(frame, formula, weights):
    model = mm.lmm(formula, frame, weights=weights)
    groups = [grouping.name for grouping in model.fit.matrices.groupings]
    for chosen in (groups, groups[:1], groups[-1:], []):
        table = model.predict(re=chosen, se=True)
        included = {groups.index(name) for name in chosen}
        expected = np.sqrt(henderson(model.fit, included))
        assert table["std_error"].to_numpy() == pytest.approx(expected, rel=ROUNDING)
        again = model.predict(frame, re=chosen, se=True)
        assert again["std_error"].to_numpy() == pytest.approx(expected, rel=ROUNDING)


def test_singular_fits_have_the_same_algebra(frame):
    random = np.random.default_rng(5)
    model = mm.lmm("y ~ x + (x | g)", frame.assign(y=random.normal(size=len(frame))))
    assert model.is_singular
    expected = np.sqrt(henderson(model.fit, {0}))
    assert model.predict(se=True)["std_error"].to_numpy() == pytest.approx(expected, rel=ROUNDING)


def test_a_known_group_far_from_the_data_has_less_error_than_a_new_one(frame):
    model = mm.lmm("y ~ x + (x | g)", frame)
    new = pd.DataFrame({"x": [8.0, 8.0], "g": [0, 99]})
    known, unseen = model.predict(new, se=True)["std_error"]
    assert known < unseen


def test_an_unseen_level_adds_its_variance(frame):
    model = mm.lmm("y ~ x + (x | g) + (1 | h)", frame)
    new = pd.DataFrame({"x": [0.5], "g": [99], "h": ["nobody"]})
    found = model.predict(new, se=True).iloc[0]
    x = np.array([1, 0.5])
    own = model.cov_re["g"].to_numpy()
    fixed = x @ model.cov_params().to_numpy() @ x
    expected = fixed + x @ own @ x + model.cov_re["h"].to_numpy()[0, 0]
    assert found["std_error"] == pytest.approx(expected**0.5, rel=ROUNDING)
    assert found["estimate"] == pytest.approx(x @ model.params.to_numpy())


def test_limits_of_the_mean_and_of_an_observation(frame):
    model = mm.lmm("y ~ x + (x | g) + (1 | h)", frame, weights="w")
    quantile = stats.t.ppf(0.95, len(frame) - 2)
    mean = model.predict(frame, interval="confidence", level=0.9, ddf="residual")
    half = (mean["conf_high"] - mean["estimate"]).to_numpy()
    assert half == pytest.approx(quantile * mean["std_error"].to_numpy())
    one = model.predict(frame, interval="prediction", level=0.9, ddf="residual")
    spread = np.sqrt(mean["std_error"] ** 2 + model.scale / frame["w"]).to_numpy()
    assert (one["estimate"] - one["conf_low"]).to_numpy() == pytest.approx(quantile * spread)
    plain = frame.drop(columns="w")
    unweighted = model.predict(plain, interval="prediction", level=0.9, ddf="residual")
    typical = model.scale * np.mean(1 / frame["w"])
    spread = np.sqrt(mean["std_error"] ** 2 + typical).to_numpy()
    high = (unweighted["conf_high"] - unweighted["estimate"]).to_numpy()
    assert high == pytest.approx(quantile * spread)


def test_an_observation_of_a_new_group_varies_with_the_group(frame):
    model = mm.lmm("y ~ x + (x | g)", frame)
    without = frame[["x"]].head(4)
    population = model.predict(without, re="none", interval="prediction")
    unseen = model.predict(without.assign(g=99), interval="prediction")
    for column in ("estimate", "conf_low", "conf_high"):
        assert population[column].to_numpy() == pytest.approx(unseen[column].to_numpy())
    assert (population["std_error"] < unseen["std_error"]).all()


def test_without_random_effects_it_is_the_textbook(frame):
    model = mm.lmm("y ~ x", frame)
    found = model.predict({"x": [0.3]}, interval="prediction").iloc[0]
    x = np.array([1, 0.3])
    half = stats.t.ppf(0.975, len(frame) - 2) * np.sqrt(
        x @ model.cov_params().to_numpy() @ x + model.scale
    )
    assert found["conf_high"] - found["estimate"] == pytest.approx(half)


def test_sampled_levels(frame):
    model = mm.lmm("y ~ x + (x | g) + (1 | h)", frame)
    new = pd.DataFrame({"x": [0.0, 1.0, 0.0, 0.0], "g": [99, 99, 98, 0], "h": "h1"})
    draw = model.predict(new, new_levels="sampled", seed=1)
    rest = model.predict(new)
    effect = (draw - rest).to_numpy()
    assert effect[3] == 0
    assert effect[0] != effect[2]
    again = model.predict(new.iloc[[0, 0, 2]], new_levels="sampled", seed=1)
    assert again.to_numpy() == pytest.approx(draw.to_numpy()[[0, 0, 2]])
    assert (model.predict(new, new_levels="sampled", seed=2) != draw)[:3].all()
    se = model.predict(new, new_levels="sampled", seed=1, se=True)["std_error"]
    assert (se < model.predict(new, se=True)["std_error"])[:3].all()


def test_sampled_levels_have_the_estimated_covariance(frame):
    model = mm.lmm("y ~ x + (x | g)", frame)
    n = 4000
    new = pd.DataFrame({"x": np.tile([0.0, 1.0], n), "g": np.repeat(np.arange(100, 100 + n), 2)})
    effects = (model.predict(new, new_levels="sampled", seed=4) - model.predict(new)).to_numpy()
    b = effects.reshape(n, 2) @ np.array([[1, -1], [0, 1]])
    cov = model.cov_re["g"].to_numpy()
    assert np.cov(b.T) == pytest.approx(cov, abs=5 * np.diag(cov).max() * (2 / n) ** 0.5)


def test_missing_values_and_other_libraries(frame):
    model = mm.lmm("y ~ x + (x | g)", frame)
    new = pl.DataFrame({"x": [0.1, None, 0.3], "g": [0, 1, None]})
    found = model.predict(new, interval="prediction")
    assert isinstance(found, pl.DataFrame)
    assert found.columns == ["estimate", "std_error", "df", "conf_low", "conf_high"]
    assert found["std_error"].is_null().to_list() == [False, True, False]
    pandas = model.predict(new.to_pandas().set_axis(["p", "q", "r"]), se=True)
    assert pandas.index.tolist() == ["p", "q", "r"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"interval": "credible"}, "interval = 'credible' is not known"),
        ({"interval": "confidence", "level": 95}, "level = 95 is not a probability"),
        ({"new_levels": "sampled", "seed": -1}, "seed = -1"),
        ({"new_levels": "sampled", "seed": "x"}, "seed = 'x'"),
    ],
)
def test_bad_options(frame, arguments, message):
    model = mm.lmm("y ~ x + (x | g)", frame)
    with pytest.raises(DataError, match=message):
        model.predict(**arguments)
