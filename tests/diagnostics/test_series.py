"""Autocorrelation and variogram of residuals, against nlme and against their definitions."""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError

# nlme 3.1-162: m <- lme(distance ~ age, random = ~ 1 | Subject, data = Orthodont)
# ACF(m, resType = "normalized"); Variogram(m, form = ~ age, resType = "normalized")
ORTHODONT_ACF = [-0.271610874861, -0.147138048346, -0.632269167672]
ORTHODONT_VARIOGRAM = [0.958897819418, 0.878119528426, 1.292993410734]

# nlme 3.1-162: o <- lme(follicles ~ sin(2*pi*Time) + cos(2*pi*Time), ~ 1 | Mare, Ovary)
# ACF(o, maxLag = 5)
OVARY_ACF = [0.5027311031398, 0.3288761108453, 0.1877995976384, 0.1670829444516, 0.0847805754981]

NLME = 1e-6  # two optimisers of one criterion


@pytest.fixture(scope="module")
def growth() -> mm.LinearMixedModel:
    return mm.lmm("distance ~ age + (1 | Subject)", mm.datasets.load("orthodont"))


@pytest.fixture(scope="module")
def gaps() -> pd.DataFrame:
    """Series with missing and unordered times."""
    rng = np.random.default_rng(5)
    whole = pd.DataFrame({"s": np.repeat(np.arange(15), 6), "t": np.tile(np.arange(6), 15) * 2.5})
    some = whole.sample(frac=0.7, random_state=1).reset_index(drop=True)
    some["y"] = rng.normal(size=len(some)) + rng.normal(size=15)[some["s"]] + 0.1 * some["t"]
    return some


def test_autocorrelation_is_nlmes(growth: mm.LinearMixedModel) -> None:
    found = growth.acf("Subject", time="age")
    assert found["correlation"].to_numpy() == pytest.approx(ORTHODONT_ACF, abs=NLME)
    assert found["n"].tolist() == [81, 54, 27]
    model = mm.lmm(
        "follicles ~ sin(tau * Time) + cos(tau * Time) + (1 | Mare)",
        mm.datasets.load("ovary"),
        context={"tau": 2 * np.pi},
    )
    found = model.acf(max_lag=5)
    assert found["correlation"].to_numpy() == pytest.approx(OVARY_ACF, abs=NLME)
    assert found["n"].tolist() == [297, 286, 275, 264, 253]


def test_variogram_is_nlmes(growth: mm.LinearMixedModel) -> None:
    found = growth.variogram("age")
    assert found["distance"].tolist() == [2.0, 4.0, 6.0]
    assert found["semivariance"].to_numpy() == pytest.approx(ORTHODONT_VARIOGRAM, abs=NLME)


@pytest.mark.parametrize("lag", [1, 2, 3, 4])
def test_lags_count_steps_of_time_over_gaps(gaps: pd.DataFrame, lag: int) -> None:
    model = mm.lmm("y ~ t + (1 | s)", gaps)
    e = model.residuals("normalized").to_numpy()
    products = [
        e[i] * e[j]
        for i in range(len(gaps))
        for j in range(len(gaps))
        if gaps["s"][i] == gaps["s"][j] and gaps["t"][j] - gaps["t"][i] == 2.5 * lag
    ]
    row = model.acf("s", time="t").set_index("lag").loc[lag]
    assert row["n"] == len(products)
    assert row["correlation"] == pytest.approx(np.mean(products) / np.mean(e**2), rel=1e-12)
    assert row["noise"] == pytest.approx(1.959964 / np.sqrt(len(products)), rel=1e-6)


def test_variogram_from_its_definition(gaps: pd.DataFrame) -> None:
    model = mm.lmm("y ~ t + (1 | s)", gaps)
    e, found = model.residuals("pearson").to_numpy(), {}
    for i in range(len(gaps)):
        for j in range(i):
            if gaps["s"][i] == gaps["s"][j]:
                found.setdefault(abs(gaps["t"][i] - gaps["t"][j]), []).append((e[i] - e[j]) ** 2)
    table = model.variogram("t", "s", kind="pearson", max_distance=8).set_index("distance")
    assert set(table.index) == {d for d in found if d <= 8}
    for d, row in table.iterrows():
        assert row["n"] == len(found[d])
        assert row["semivariance"] == pytest.approx(np.mean(found[d]) / 2, rel=1e-12)


def test_many_distances_are_put_into_bins() -> None:
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"x": rng.uniform(size=80), "z": rng.uniform(size=80)})
    data["y"] = rng.normal(size=80)
    table = mm.lmm("y ~ 1", data).variogram(["x", "z"], bins=10)
    assert table["n"].sum() == 80 * 79 / 2
    assert table["n"].max() - table["n"].min() <= 2
    assert table["distance"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m.acf("nobody"), "group = 'nobody' is not a column"),
        (lambda m: m.acf("Sex", time="age"), "the same age"),
        (lambda m: m.acf(time="nothing"), "time = 'nothing' is not a column"),
        (lambda m: m.acf(kind="scaled"), "kind = 'scaled' is not known"),
        (lambda m: m.acf(max_lag=0), "max_lag = 0"),
        (lambda m: m.variogram("Sex"), "is not numeric"),
        (lambda m: m.variogram([]), "names no column"),
        (lambda m: m.variogram("age", max_distance=1), "that near"),
        (lambda m: m.variogram("age", max_distance=-1), "max_distance"),
    ],
)
def test_what_cannot_be_is_refused(growth: mm.LinearMixedModel, call, words: str) -> None:
    with pytest.raises(DataError, match=words):
        call(growth)


def test_one_row_per_series_is_refused() -> None:
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"y": rng.normal(size=30), "i": np.arange(30)})
    with pytest.raises(DataError, match="No series has two rows"):
        mm.lmm("y ~ 1", data).acf("i")


def test_normalized_residuals_of_a_plain_model_are_the_standardized(gaps: pd.DataFrame) -> None:
    gaps = gaps.assign(w=np.linspace(0.5, 2, len(gaps)))
    model = mm.lmm("y ~ t + (1 | s)", gaps, weights="w")
    expected = model.resid * np.sqrt(gaps["w"]) / model.sigma
    assert model.residuals("normalized").to_numpy() == pytest.approx(expected, rel=1e-12)
    assert model.residuals("standardized").to_numpy() == pytest.approx(expected, rel=1e-12)
