"""Each check sees what it is for, and says nothing of a model that is right."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.diagnostics.autocorrelation import correlation, pairs
from mixedmodels.diagnostics.collinearity import collinearity, inflation
from mixedmodels.diagnostics.facts import facts
from mixedmodels.diagnostics.moments import shape
from mixedmodels.diagnostics.smooth import local_linear
from tests.diagnostics.test_leverage import hat_matrix

LEVELS, ROWS = 60, 20


def fitted(make: Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]) -> str:
    """The grades of a model y ~ x + (1 | g) by check, for a made response."""
    rng = np.random.default_rng(8)
    g = np.repeat(np.arange(LEVELS), ROWS)
    x = rng.normal(size=len(g))
    data = pd.DataFrame({"y": make(rng, g, x), "x": x, "g": g})
    checks = mm.lmm("y ~ x + (1 | g)", data).check()
    return {f"{row.check} {row.about}".strip(): row.grade for row in checks.rows}


def noise(rng: np.random.Generator, g: np.ndarray) -> np.ndarray:
    return rng.normal(size=LEVELS)[g] + rng.normal(size=len(g))


def test_a_true_model_raises_no_concern() -> None:
    grades = fitted(lambda rng, g, x: x + noise(rng, g))
    assert set(grades.values()) == {"good"}


@pytest.mark.parametrize(
    ("check", "make"),
    [
        ("Symmetry of the residuals", lambda r, g, x: x + r.normal(size=LEVELS)[g]
         + r.exponential(size=len(g))),
        ("Tails of the residuals", lambda r, g, x: x + r.normal(size=LEVELS)[g]
         + r.standard_t(3, size=len(g))),
        ("Spread along the fitted values", lambda r, g, x: 3 * x
         + np.exp(0.4 * x) * r.normal(size=len(g)) + r.normal(size=LEVELS)[g]),
        ("Curve left in the residuals x", lambda r, g, x: x + x**2 + noise(r, g)),
        ("Spread of the residuals by level g", lambda r, g, x: x + r.normal(size=LEVELS)[g]
         + np.exp(0.6 * r.normal(size=LEVELS))[g] * r.normal(size=len(g))),
        ("Shape of the random effects Intercept | g", lambda r, g, x: x
         + 3 * r.exponential(size=LEVELS)[g] + r.normal(size=len(g))),
        ("Likeness of neighbouring rows g", lambda r, g, x: x + r.normal(size=LEVELS)[g]
         + np.convolve(r.normal(size=len(g) + 1), [1, 0.8], "valid")),
    ],
)  # fmt: skip
def test_a_wrong_model_is_seen(check: str, make: Callable[..., np.ndarray]) -> None:
    assert fitted(make)[check] in ("look", "problem")


def test_an_outlier_is_named() -> None:
    data = mm.datasets.load("sleepstudy").copy()
    data.index = [f"r{i}" for i in range(len(data))]
    data.loc["r17", "Reaction"] += 300
    checks = mm.lmm("Reaction ~ Days + (Days | Subject)", data).check()
    [row] = [row for row in checks.rows if row.check == "Outlying rows"]
    assert (row.about, row.grade) == ("row r17", "problem")


def test_a_level_that_decides_is_named() -> None:
    data = mm.datasets.load("sleepstudy").copy()
    data.loc[data["Subject"] == "310", "Reaction"] += 120 * data["Days"]
    checks = mm.lmm("Reaction ~ Days + (1 | Subject)", data).check()
    [row] = [row for row in checks.rows if row.check == "Influential levels"]
    assert (row.about, row.grade) == ("Subject 310", "problem")


def test_table_and_text() -> None:
    data = mm.datasets.load("sleepstudy", backend="polars")
    checks = mm.lmm("Reaction ~ Days + (Days | Subject)", data).check()
    table = checks.table()
    assert table.columns == ["check", "about", "effect", "value", "grade", "verdict", "advice"]
    assert len(table) == len(checks.rows)
    text, page = str(checks), checks._repr_html_()
    for row in checks.rows:
        assert row.check in text
        assert row.check in page
        assert row.verdict.endswith(".")
        assert row.advice.endswith(".")
        assert "p =" not in row.verdict
    assert text.splitlines()[0].startswith(f"{len(checks.rows)} checks")
    assert [row.grade for row in checks.concerns] == sorted(
        (row.grade for row in checks.concerns), key=lambda grade: grade != "problem"
    )


def test_it_repeats() -> None:
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
    assert model.check().rows == model.check().rows


def test_every_model_can_be_checked(model: mm.LinearMixedModel) -> None:
    assert len(model.check().rows) >= 8


def test_inflation_of_two_covariates_is_the_textbooks() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=300)
    z = x + 0.5 * rng.normal(size=300)
    model = mm.lmm("y ~ x + z", pd.DataFrame({"y": rng.normal(size=300), "x": x, "z": z}))
    expected = 1 / (1 - np.corrcoef(x, z)[0, 1] ** 2)
    assert [row.gvif for row in inflation(model.fit)] == pytest.approx([expected] * 2)
    assert collinearity(model.fit)["factor"].tolist() == pytest.approx([expected**0.5] * 2)
    assert not any(row.shared for row in inflation(model.fit))


def test_inflation_does_not_depend_on_the_coding_of_a_factor() -> None:
    formula, data = "angle ~ recipe + temp + (1 | recipe:replicate)", mm.datasets.load("cake")
    plain = inflation(mm.lmm(formula, data).fit)
    coded = inflation(mm.lmm(formula, data, contrasts={"recipe": "helmert"}).fit)
    assert [row.gvif for row in plain] == pytest.approx([row.gvif for row in coded])


def test_an_interaction_is_collinear_by_construction() -> None:
    model = mm.lmm("angle ~ recipe * temp + (1 | recipe:replicate)", mm.datasets.load("cake"))
    assert all(row.shared for row in inflation(model.fit))
    [row] = [row for row in model.check().rows if row.check == "Collinearity"]
    assert row.grade == "look"


@pytest.mark.parametrize("formula", ["y ~ x + (x | a)", "y ~ x + (x | a) + (1 | b)"])
def test_expected_autocorrelation_against_dense(
    formula: str, uneven: Callable[..., pd.DataFrame]
) -> None:
    model = mm.lmm(formula, uneven(), weights="w")
    found = correlation(facts(model.fit))
    assert found is not None
    w = model.fit.matrices.weights
    # Cov(e) / sigma^2 = (I - H) W^-1, in units where every row has weight one
    cov = (np.eye(model.nobs) - hat_matrix(model)) * np.sqrt(w)[:, None] / np.sqrt(w)
    i, k = pairs(model.fit.matrices.groupings[0].codes, lag=1)
    expected = np.mean(cov[i, k] / np.sqrt(np.diag(cov)[i] * np.diag(cov)[k]))
    assert found.expected == pytest.approx(expected, rel=1e-9)


def test_moments_are_those_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(0).exponential(size=57)
    found = shape(values)
    assert found.skewness == pytest.approx(stats.skew(values, bias=False))
    assert found.kurtosis == pytest.approx(stats.kurtosis(values, bias=False))


def test_the_smooth_reproduces_a_line() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(size=400)
    smooth = local_linear(x, 3 - 2 * x)
    assert smooth is not None
    np.testing.assert_allclose(smooth.y, 3 - 2 * smooth.x, atol=1e-9)
    assert local_linear(np.repeat([0.0, 1.0], 5), np.arange(10.0)) is None


@pytest.mark.parametrize(
    ("formula", "told"),
    [
        ("strength ~ 1 + (1 | batch) + (1 | cask)", ["cask in batch"]),
        ("strength ~ 1 + (1 | batch/cask)", []),
        ("strength ~ 1 + (1 | batch) + (1 | sample)", []),
    ],
)
def test_labels_that_are_used_again_within_a_group_are_told(formula, told) -> None:
    rows = mm.lmm(formula, mm.datasets.load("pastes")).check().rows
    assert [row.about for row in rows if row.check == "Labels used again"] == told


def test_crossed_factors_with_a_row_a_cell_are_taken_as_they_are() -> None:
    model = mm.lmm("diameter ~ 1 + (1 | plate) + (1 | sample)", mm.datasets.load("penicillin"))
    assert "Labels used again" not in {row.check for row in model.check().rows}


@pytest.mark.parametrize("character", ["\n", "\x1b[31m", "\u202e", "\t", "\x00"])
def test_names_do_not_break_the_lines(character: str) -> None:
    """The text has as many rows and nothing that controls a terminal, whatever a name holds."""
    random = np.random.default_rng(0)
    name = f"g{character}1"
    data = pd.DataFrame({"y": random.normal(size=60), name: np.arange(60) % 12})
    data[name] = [f"{character}{i}" for i in data[name]]
    text = str(mm.lmm(f"y ~ 1 + (1 | `{name}`)", data).check())
    plain = str(mm.lmm("y ~ 1 + (1 | g1)", data.rename(columns={name: "g1"})).check())
    assert all(line.isprintable() for line in text.split("\n"))
    heads = [
        sum(line[:2] in ("+ ", "? ", "! ", "- ") for line in t.split("\n")) for t in (text, plain)
    ]
    assert heads[0] == heads[1]
