"""Checks of families: found where the data have it, silent where they do not."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mixedmodels as mm
from mixedmodels.diagnostics.calibration import bins_of, calibration_bins
from mixedmodels.diagnostics.checks import Check
from mixedmodels.diagnostics.dispersion import pearson_dispersion
from mixedmodels.diagnostics.frequencies import count_frequencies, frequencies
from mixedmodels.diagnostics.replicates import replicates
from mixedmodels.diagnostics.zeros import zeros_test
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.errors import DataError


def counts(seed: int = 5, n: int = 500, *, size: float | None = None) -> pd.DataFrame:
    """Poisson, or with `size` negative binomial."""
    random = np.random.default_rng(seed)
    g, x = np.arange(n) % 25, random.normal(size=n)
    mean = np.exp(0.6 + 0.4 * x + 0.5 * random.normal(size=25)[g])
    if size is not None:
        mean = mean * random.gamma(size, 1 / size, size=n)
    return pd.DataFrame({"y": random.poisson(mean), "x": x, "g": g})


def model(table: pd.DataFrame, **options: Any) -> mm.GeneralisedMixedModel:
    return mm.glmm("y ~ x + (1 | g)", table, **{"family": "poisson", **options})


def named(fit: mm.GeneralisedMixedModel, check: str) -> list[Check]:
    return [row for row in fit.check().rows if row.check == check]


def test_dispersion_is_pearsons() -> None:
    fit = model(counts())
    found = pearson_dispersion(fit.fit)
    assert found is not None
    mean = fit.fittedvalues.to_numpy()
    y = fit.fit.matrices.y
    assert found.chi2 == pytest.approx(np.sum((y - mean) ** 2 / mean))
    assert found.df == 500 - 3
    # What modes that follow their rows leave: n less the sum of the leverages, to first order.
    assert found.expected == pytest.approx(500 - fit.hat_values().sum(), rel=0.05)
    assert 0.01 < found.p_over < 1
    assert found.p_over + found.p_under >= 1


def test_dispersion_of_lme4() -> None:
    # lme4 1.1-31: sum(residuals(m, type = "pearson")^2) and df.residual(m) of
    # glmer(TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | LOCATION), grouseticks, poisson)
    data = mm.datasets.load("grouseticks")
    fit = mm.glmm("TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | LOCATION)", data, family="poisson")
    found = pearson_dispersion(fit.fit)
    assert found is not None
    assert (found.chi2, found.df) == (pytest.approx(691.13639, abs=0.1), 397)


def test_overdispersion_is_found_and_not_made_up() -> None:
    [row] = named(model(counts()), "Dispersion")
    assert row.grade == "good"
    [row] = named(model(counts(size=0.8)), "Dispersion")
    assert row.grade == "problem"
    assert row.value > 1.5
    assert "negative_binomial" in row.advice


def test_an_effect_of_every_row_is_no_underdispersion() -> None:
    random = np.random.default_rng(11)
    table = counts(11)
    table["y"] = random.poisson(table["y"] * np.exp(0.6 * random.normal(size=len(table))) + 1)
    table["row"] = np.arange(len(table))
    fit = mm.glmm("y ~ x + (1 | g) + (1 | row)", table, family="poisson")
    found = pearson_dispersion(fit.fit)
    assert found is not None
    assert found.chi2 < 0.6 * found.df
    assert 0.8 < found.ratio < 1.25
    assert named(fit, "Dispersion")[0].grade == "good"
    assert [row for row in fit.check().concerns if row.check.startswith("Symmetry")] == []


def test_too_many_rows_for_replicates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mixedmodels.diagnostics.replicates.MOST_ROWS", 100)
    fit = model(counts())
    found = pearson_dispersion(fit.fit)
    assert found is not None
    assert found.expected == pytest.approx(500 - fit.hat_values().sum())
    assert found.p_over == pytest.approx(stats.chi2.sf(found.chi2, found.expected))
    assert fit.check().rows


def test_replicates_have_the_modes_of_their_responses() -> None:
    fit = model(counts()).fit
    found = replicates(fit)
    assert found is not None
    rows = found.rows(fit)[3]
    assert isinstance(fit.problem, GeneralisedProblem)
    alone = fit.problem.with_response(found.y[:, 3].copy()).solution(fit.psi)
    assert rows.eta == pytest.approx(alone.eta)
    assert found.b[0][3] == pytest.approx(alone.b[0])
    assert rows.pearson() == pytest.approx((rows.y - np.exp(rows.eta)) / np.exp(rows.eta / 2))


def test_single_trials_have_no_dispersion() -> None:
    table = counts()
    table["y"] = table["y"] > 1
    assert named(model(table, family="binomial"), "Dispersion") == []


def test_zeros_are_counted_beside_simulated_ones() -> None:
    plain, more = counts(), counts()
    more.loc[np.random.default_rng(1).random(len(more)) < 0.35, "y"] = 0
    assert named(model(plain), "Zeros")[0].grade == "good"
    [row] = named(model(more), "Zeros")
    assert row.grade in ("look", "problem")
    assert row.value > 1.15
    found = zeros_test(model(more).fit, seed=1)
    assert found is not None
    assert found.value == (more["y"] == 0).sum()
    assert found.share < 0.02


def test_a_true_model_gives_no_concern() -> None:
    found = model(counts(8)).check()
    assert [row.title for row in found.concerns if row.grade == "problem"] == []


def test_calibration_bins_hold_every_trial() -> None:
    random = np.random.default_rng(2)
    p = random.uniform(0.05, 0.95, 700)
    size = random.integers(1, 6, 700).astype(float)
    y = random.binomial(size.astype(int), p).astype(float)
    found = bins_of(y, size, p)
    assert found.trials.sum() == size.sum()
    assert found.observed @ found.trials == pytest.approx(y.sum())
    assert found.fitted @ found.trials == pytest.approx(size @ p)
    assert (np.diff(found.fitted) > 0).all()
    assert found.is_far.mean() < 0.25
    assert found.distance < found.usual
    wrong = bins_of(y, size, p**3)
    assert wrong.is_far.mean() > 0.5
    assert wrong.distance > 2 * wrong.usual


def test_rows_alike_share_a_bin() -> None:
    p = np.repeat([0.2, 0.5, 0.8], 40)
    found = bins_of((np.arange(120) % 2).astype(float), np.ones(120), p)
    assert len(found.fitted) == 3


def test_calibration_is_of_probabilities() -> None:
    with pytest.raises(DataError, match="no success in trials"):
        calibration_bins(model(counts()).fit)


def test_expected_frequencies_add_up() -> None:
    fit = model(counts())
    found = count_frequencies(fit.fit)
    mean = fit.fittedvalues.to_numpy()
    assert found.observed.sum() == 500
    assert found.expected[0] == pytest.approx(np.exp(-mean).sum())
    assert found.expected.sum() <= 500
    by_hand = frequencies(
        fit.fit.matrices.y, lambda k: (stats.poisson.cdf(k - 1, mean), stats.poisson.cdf(k, mean))
    )
    assert found.expected == pytest.approx(by_hand.expected)


def test_many_counts_fall_into_bins() -> None:
    y = np.array([0.0, 3.0, 250.0])
    found = frequencies(y, lambda k: (np.minimum((k - 1) / 300, 1), np.minimum(k / 300, 1)))
    assert len(found.low) <= 50
    assert found.observed.sum() == 3
    assert (found.high[:-1] + 1 == found.low[1:]).all()


def test_separation_is_a_problem_of_the_checks() -> None:
    table = counts()
    table["arm"] = np.resize(["A", "B"], len(table))
    table.loc[table["arm"] == "B", "y"] = 0
    with pytest.warns(mm.errors.SeparationWarning):
        fit = mm.glmm("y ~ arm + (1 | g)", table, family="poisson")
    [row] = named(fit, "Separation")
    assert (row.grade, row.about, row.value) == ("problem", "arm[T.B]", 1.0)


def test_weights_leave_nothing_to_simulate() -> None:
    table = counts()
    table["w"] = 1.0
    fit = model(table, weights="w")
    [row] = named(fit, "Distribution of the response")
    assert row.grade == "unclear"
    assert named(fit, "Zeros") == []
