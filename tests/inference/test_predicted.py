"""Limits of predictions: degrees of freedom against closed forms, tests, and each other."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.inference import predicted
from mixedmodels.prediction.predict import predicted as predicted_means

OPTIMUM = 1e-5
"""Relative: mean squares at the optimum of the search."""

DIFFERENCES = 1e-5
"""Relative: central differences with steps of a thousandth of a standard error."""

GROUPS, ROWS = 7, 5


@pytest.fixture(scope="module")
def one_way() -> pd.DataFrame:
    rng = np.random.default_rng(12)
    g = np.repeat(np.arange(GROUPS), ROWS)
    y = 3 + 2 * rng.normal(size=GROUPS)[g] + rng.normal(size=len(g))
    return pd.DataFrame({"y": y, "g": g, "x": np.tile(np.arange(ROWS), GROUPS)})


def mean_squares(data: pd.DataFrame) -> tuple[float, float]:
    """Between and within groups, on GROUPS - 1 and GROUPS (ROWS - 1) degrees of freedom."""
    means = data.groupby("g")["y"].transform("mean")
    between = float(((means - data["y"].mean()) ** 2).sum()) / (GROUPS - 1)
    within = float(((data["y"] - means) ** 2).sum()) / (GROUPS * (ROWS - 1))
    return between, within


@pytest.mark.parametrize(
    ("new", "arguments", "of_between", "of_within"),
    [
        ({}, {"re": "none", "interval": "confidence"}, 1 / (GROUPS * ROWS), 0.0),
        ({"g": [99]}, {"interval": "confidence"}, 1 / (GROUPS * ROWS) + 1 / ROWS, -1 / ROWS),
        ({"g": [99]}, {"interval": "prediction"}, 1 / (GROUPS * ROWS) + 1 / ROWS, 1 - 1 / ROWS),
        ({}, {"re": "none", "interval": "prediction"}, 1 / (GROUPS * ROWS) + 1 / ROWS,
         1 - 1 / ROWS),
    ],
)  # fmt: skip
def test_a_balanced_layout_has_the_textbook_degrees_of_freedom(
    one_way, new, arguments, of_between, of_within
) -> None:
    """The variance is a sum of multiples of two independent mean squares (Satterthwaite 1946)."""
    model = mm.lmm("y ~ 1 + (1 | g)", one_way)
    row = model.predict({"x": [0.0], **new}, **arguments).iloc[0]
    between, within = mean_squares(one_way)
    parts = of_between * between, of_within * within
    df = sum(parts) ** 2 / (parts[0] ** 2 / (GROUPS - 1) + parts[1] ** 2 / (GROUPS * (ROWS - 1)))
    half = stats.t.ppf(0.975, df) * np.sqrt(sum(parts))
    assert row["df"] == pytest.approx(df, rel=OPTIMUM)
    assert row["conf_high"] - row["estimate"] == pytest.approx(half, rel=OPTIMUM)


@pytest.mark.parametrize("ddf", ["satterthwaite", "kenward-roger", "residual", "normal"])
@pytest.mark.parametrize("formula", ["y ~ x + (x | g)", "y ~ x + I(x**2) + (1 | g)"])
def test_a_mean_of_the_population_has_the_limits_of_its_t_test(one_way, ddf, formula) -> None:
    model = mm.lmm(formula, one_way)
    rows = {"x": [0.0, 1.5, 20.0]}
    found = model.predict(rows, re="none", interval="confidence", ddf=ddf)
    L = np.vander(rows["x"], len(model.params), increasing=True)
    tests = model.t_test(L, ddf=ddf)
    columns = ["estimate", "std_error", "df", "conf_low", "conf_high"]
    assert found[columns].to_numpy() == pytest.approx(tests[columns].to_numpy())


@pytest.mark.parametrize("re", ["all", ["g"], "(1 | g)"])
@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("interval", ["confidence", "prediction"])
@pytest.mark.parametrize(
    "formula", ["y ~ x + (x | g)", "y ~ x + (1 | g) + (0 + x | g)", "y ~ x + (x || g) + (1 | h)"]
)
def test_differences_and_derivatives_agree(one_way, interval, formula, weights, re) -> None:
    data = one_way.assign(h=np.arange(len(one_way)) % 3)
    data["w"] = 0.5 + (np.arange(len(data)) % 4)
    fit = mm.lmm(formula, data, weights=weights).fit
    new = {"x": [0.0, 3.0, 1.0, 2.0], "g": [99, 99, 0, 6], "h": [9, 9, 0, 9]}
    found = predicted_means(fit, new, re=re)
    k, exact = predicted._exact(fit, found, interval)
    again, differenced = predicted._differenced(fit, found, interval)
    assert again == pytest.approx(k)
    assert differenced == pytest.approx(exact, rel=DIFFERENCES, abs=DIFFERENCES)


def test_the_mean_of_a_known_group_knows_more_than_that_of_a_new_one(one_way) -> None:
    model = mm.lmm("y ~ 1 + (1 | g)", one_way)
    known, new = model.predict({"g": [0, 99]}, interval="confidence").to_dict("records")
    assert GROUPS - 1 < known["df"] <= GROUPS * ROWS
    assert new["df"] < known["df"]


def test_without_random_effects_all_rows_have_n_less_p(one_way) -> None:
    found = mm.lmm("y ~ x", one_way).predict(interval="prediction")
    assert (found["df"] == len(one_way) - 2).all()


def test_kenward_and_roger_is_for_means_of_the_population(one_way) -> None:
    model = mm.lmm("y ~ x + (1 | g)", one_way)
    for arguments in ({"interval": "confidence"}, {"re": "none", "interval": "prediction"}):
        with pytest.raises(DataError, match="for means of the population"):
            model.predict(one_way, ddf="kenward-roger", **arguments)


def test_a_mean_of_the_population_needs_the_columns_of_the_fixed_part_alone(sleepstudy) -> None:
    data = sleepstudy.assign(half=np.where(sleepstudy["Days"] < 5, "early", "late"))
    model = mm.lmm("Reaction ~ half + (Days | Subject)", data)
    early = {"half": ["early"]}
    # lme4 1.1-31: predict(m, data.frame(half = "early"), re.form = NA)
    assert model.predict(early, re="none")[0] == pytest.approx(259.4, abs=0.05)
    table = model.predict(early, re="none", interval="confidence")
    assert np.isfinite(table.to_numpy()).all()
    with pytest.raises(DataError, match="no column 'Days'"):
        model.predict(early, re="none", interval="prediction")
