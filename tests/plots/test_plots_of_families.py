"""Pictures of generalised models: on which scale they are, and what is theirs alone."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes

import mixedmodels as mm
from mixedmodels.errors import DataError
from tests.plots.test_plots import SEVERAL, SINGLE, rendered

ARGUMENTS = {"variogram": {"position": "period_number"}, "effects": {"x": "period"}}


@pytest.fixture(scope="module")
def shares() -> mm.GeneralisedMixedModel:
    data = mm.datasets.load("cbpp").assign(period_number=lambda d: d["period"].astype(int))
    return mm.glmm("incidence / size ~ period + (1 | herd)", data)


@pytest.fixture(scope="module")
def counts() -> mm.GeneralisedMixedModel:
    formula = "TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | LOCATION)"
    return mm.glmm(formula, mm.datasets.load("grouseticks"), family="poisson")


@pytest.mark.parametrize("name", [n for n in SINGLE if n != "collinearity"])
def test_one_panel(shares: mm.GeneralisedMixedModel, name: str) -> None:
    ax = getattr(shares.plot, name)(**ARGUMENTS.get(name, {}))
    assert isinstance(ax, Axes)
    assert ax.get_title(loc="left")
    assert rendered(ax.figure)
    assert len(shares.plot.data(name, **ARGUMENTS.get(name, {}))) > 0


@pytest.mark.parametrize("name", [n for n in SEVERAL if n != "partial_pooling"])
def test_several_panels(counts: mm.GeneralisedMixedModel, name: str) -> None:
    assert rendered(getattr(counts.plot, name)())


def test_fitted_lines_are_on_the_scale_of_the_response(shares: mm.GeneralisedMixedModel) -> None:
    data = shares.plot.data("lines")
    m = shares.fit.matrices
    assert m.size is not None
    assert data["observed"].to_numpy() == pytest.approx(m.y / m.size)
    assert data["fitted"].to_numpy() == pytest.approx(shares.fittedvalues.to_numpy())
    population = 1 / (1 + np.exp(-(m.X @ shares.fit.beta)))
    assert data["population"].to_numpy() == pytest.approx(population)


def test_residuals_are_quantile_residuals(shares: mm.GeneralisedMixedModel) -> None:
    ax = shares.plot.residuals()
    assert ax.get_ylabel() == "Quantile residual"
    assert ax.get_xlabel() == "Fixed part of incidence / size"
    expected = shares.fit.matrices.X @ shares.fit.beta
    assert shares.plot.data("residuals")["x"].to_numpy() == pytest.approx(expected)


def test_effects_say_their_scale(shares: mm.GeneralisedMixedModel) -> None:
    figure = shares.plot.caterpillar()
    assert figure.axes[0].get_xlabel() == "Effect on logit of incidence / size"


def test_calibration(shares: mm.GeneralisedMixedModel, counts: mm.GeneralisedMixedModel) -> None:
    _, ax = plt.subplots()
    assert shares.plot.calibration(ax=ax) is ax
    data = shares.plot.data("calibration")
    assert data["residual"].to_numpy() == pytest.approx(data["observed"] - data["fitted"])
    assert (data["conf_low"] < 0).all()
    with pytest.raises(DataError, match="no success in trials"):
        counts.plot.calibration()


def test_rootogram(counts: mm.GeneralisedMixedModel) -> None:
    _, ax = plt.subplots()
    assert counts.plot.rootogram(ax=ax) is ax
    data = counts.plot.data("rootogram")
    assert data["observed"].sum() == counts.nobs
    model = mm.lmm("Reaction ~ Days + (1 | Subject)", mm.datasets.load("sleepstudy"))
    with pytest.raises(DataError, match="the response is none"):
        model.plot.rootogram()


def test_check_panel(shares: mm.GeneralisedMixedModel, counts: mm.GeneralisedMixedModel) -> None:
    titles = [ax.get_title(loc="left") for ax in shares.plot.check().axes]
    assert "Observed shares against fitted probabilities" in titles
    titles = [ax.get_title(loc="left") for ax in counts.plot.check().axes]
    assert any(title.startswith("Counts hung") for title in titles)


def test_effects_are_means_of_the_response(shares: mm.GeneralisedMixedModel) -> None:
    data = shares.plot.data("effects", "period")
    expected = shares.predict(
        {"period": ["1", "2", "3", "4"], "herd": ["1"] * 4}, re="none"
    ).to_numpy()
    assert data["estimate"].to_numpy() == pytest.approx(expected, rel=1e-6)
    assert (data["conf_low"] > 0).all()
    assert shares.plot.effects("period").get_ylabel() == "Mean incidence / size"
