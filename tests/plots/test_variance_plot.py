"""Shares of the variance are those of R² and ICC, term by term."""

import numpy as np
import pytest

import mixedmodels as mm

MODELS = {
    "slopes": lambda: mm.lmm("Reaction ~ Days + (Days || Subject)", mm.datasets.load("sleepstudy")),
    "crossed": lambda: mm.lmm(
        "diameter ~ 1 + (1 | plate) + (1 | sample)", mm.datasets.load("penicillin")
    ),
    "counts": lambda: mm.glmm(
        "TICKS ~ YEAR + (1 | BROOD) + (1 | INDEX)", mm.datasets.load("grouseticks"), "poisson"
    ),
    "structured": lambda: mm.lmm(
        "distance ~ age", mm.datasets.load("orthodont"), residual="ar1(age | Subject)"
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_shares_add_up_to_those_of_r2(name):
    model = MODELS[name]()
    data = model.plot.data("variance_partition")
    assert data.share.sum() == pytest.approx(1)
    assert data.variance.to_numpy() / data.variance.sum() == pytest.approx(data.share.to_numpy())
    assert data.share[0] == pytest.approx(model.r2()["marginal"])
    rows = [g for g, n in model.ngroups.items() if n == model.nobs]
    random = data.share[data.group.notna() & ~data.group.isin(rows)].sum()
    assert random == pytest.approx(model.r2()["conditional"] - model.r2()["marginal"])


def test_mean_variance_of_slopes():
    model = MODELS["slopes"]()
    data = model.plot.data("variance_partition")
    days = mm.datasets.load("sleepstudy").Days
    intercept, slope = np.diag(model.cov_re["Subject"])
    assert data.variance[1] == pytest.approx(intercept + slope * (days**2).mean())
    assert data.variance.iloc[-1] == pytest.approx(model.scale)


def test_picture():
    model = MODELS["crossed"]()
    ax = model.plot.variance_partition()
    names = [label.get_text() for label in ax.get_yticklabels()]
    share = model.icc(of_group="plate")["unadjusted"]
    assert names[1] == f"plate ({100 * share:.1f} %)" and len(ax.patches) == 4
