"""A balanced one-way layout has closed forms: analysis of variance and shrunken means."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mixedmodels.api.models import lmm

CLOSED_FORM = 1e-6  # relative; the search stops when the criterion has converged, theta at its root


class OneWay:
    """Random data with `levels` groups of `size`, and the textbook's answers."""

    def __init__(self, levels=8, size=5, seed=3):
        random = np.random.default_rng(seed)
        effects = random.normal(scale=2.0, size=levels)
        y = 10 + effects[:, None] + random.normal(size=(levels, size))
        self.frame = pd.DataFrame({"y": y.ravel(), "g": np.repeat(np.arange(levels) + 100, size)})
        self.levels, self.size, self.mean = levels, size, y.mean()
        self.means = y.mean(axis=1)
        between = size * ((self.means - self.mean) ** 2).sum()
        self.within = ((y - self.means[:, None]) ** 2).sum() / (levels * (size - 1))
        self.between_reml = (between / (levels - 1) - self.within) / size
        self.between_ml = (between / levels - self.within) / size

    def shrinkage(self):
        return self.size * self.between_reml / (self.size * self.between_reml + self.within)


@pytest.fixture(scope="module")
def layout():
    return OneWay()


@pytest.fixture(scope="module")
def model(layout):
    return lmm("y ~ 1 + (1 | g)", layout.frame)


@pytest.mark.parametrize("reml", [True, False])
def test_variances_are_those_of_the_analysis_of_variance(layout, reml):
    model = lmm("y ~ 1 + (1 | g)", layout.frame, reml=reml)
    between = layout.between_reml if reml else layout.between_ml
    assert model.cov_re["g"].loc["Intercept", "Intercept"] == pytest.approx(between, rel=1e-5)
    assert model.scale == pytest.approx(layout.within, rel=CLOSED_FORM)
    assert model.theta["g.Intercept"] == pytest.approx(np.sqrt(between / layout.within), rel=1e-5)


def test_mean_and_its_standard_error(layout, model):
    variance = (layout.within + layout.size * layout.between_reml) / (layout.levels * layout.size)
    assert model.params["Intercept"] == pytest.approx(layout.mean, rel=CLOSED_FORM)
    assert model.bse["Intercept"] == pytest.approx(np.sqrt(variance), rel=CLOSED_FORM)
    assert model.cov_params().loc["Intercept", "Intercept"] == pytest.approx(variance, rel=1e-6)
    assert model.tvalues["Intercept"] == pytest.approx(layout.mean / np.sqrt(variance), rel=1e-6)


def test_random_effects_are_shrunken_deviations(layout, model):
    effects = model.random_effects["g"]
    assert effects.index.tolist() == list(range(100, 108))
    assert effects.index.name == "g"
    expected = layout.shrinkage() * (layout.means - layout.mean)
    assert effects["Intercept"].to_numpy() == pytest.approx(expected, rel=1e-5)


def test_conditional_standard_deviations(layout, model):
    table = model.ranef_table(level=0.9)
    assert list(table.columns) == [
        "group", "level", "term", "estimate", "std_error", "conf_low", "conf_high",
    ]  # fmt: skip
    sd = np.sqrt(layout.shrinkage() * layout.within / layout.size)
    assert table["std_error"].to_numpy() == pytest.approx(np.full(layout.levels, sd), rel=1e-5)
    half = table["conf_high"] - table["estimate"]
    assert half.to_numpy() == pytest.approx(
        stats.norm.ppf(0.95) * table["std_error"].to_numpy(), rel=1e-9
    )
    assert table["level"].tolist() == [str(g) for g in range(100, 108)]


@pytest.mark.parametrize("reml", [True, False])
def test_criterion_is_that_of_the_normal_distribution(layout, reml):
    """Against the density of the multivariate normal, with the exact correction for REML."""
    model = lmm("y ~ 1 + (1 | g)", layout.frame, reml=reml)
    same = np.equal.outer(layout.frame["g"].to_numpy(), layout.frame["g"].to_numpy())
    V = model.scale * np.eye(len(same)) + model.cov_re["g"].to_numpy() * same
    y = layout.frame["y"].to_numpy()
    expected = stats.multivariate_normal(np.full(len(y), y.mean()), V).logpdf(y)
    if reml:
        information = np.linalg.inv(V).sum()
        expected += 0.5 * np.log(2 * np.pi) - 0.5 * np.log(information)
    assert model.llf == pytest.approx(expected, abs=1e-8)
    assert model.objective == pytest.approx(-2 * expected, abs=1e-8)


def test_information_criteria(model):
    n, k = 40, 3
    assert (model.nobs, model.npar) == (n, k)
    assert model.aic == pytest.approx(model.objective + 2 * k)
    assert model.bic == pytest.approx(model.objective + k * np.log(n))
    assert model.aicc == pytest.approx(model.aic + 2 * k * (k + 1) / (n - k - 1))


def test_no_variation_between_groups_gives_exactly_zero():
    frame = pd.DataFrame({"y": [1.0, 2, 3, 4] * 3, "g": np.repeat(["a", "b", "c"], 4)})
    model = lmm("y ~ 1 + (1 | g)", frame)
    assert model.is_singular
    assert model.cov_re["g"].to_numpy().item() == 0.0
    assert model.scale == pytest.approx(np.var([1, 2, 3, 4] * 3, ddof=1), rel=1e-9)
    assert (model.random_effects["g"].to_numpy() == 0).all()
