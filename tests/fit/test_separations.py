"""Separation of whole models: found, named, and never where there is none."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special

import mixedmodels as mm
from mixedmodels.errors import SeparationWarning


def data(seed: int = 4, n: int = 240) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    g, x = np.repeat(np.arange(24), n // 24), random.normal(size=n)
    arm, place = np.resize(["A", "B", "C"], n), np.resize(["u", "v"], n)
    eta = 0.3 + 0.8 * x + 0.7 * random.normal(size=24)[g]
    y = (random.random(n) < special.expit(eta)).astype(int)
    count = random.poisson(np.exp(0.4 * eta))
    return pd.DataFrame({"y": y, "count": count, "g": g, "arm": arm, "place": place, "x": x})


def fitted(formula: str, table: pd.DataFrame, **options: Any) -> tuple[Any, list[str]]:
    """The model and what was said of separation."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = mm.glmm(formula, table, **options)
    said = [str(w.message) for w in caught if w.category is SeparationWarning]
    assert [w for w in caught if w.category is not SeparationWarning] == []
    assert tuple(said) == model.convergence.separated
    return model, said


def test_nothing_is_said_where_there_is_none() -> None:
    model, said = fitted("y ~ arm + x + (1 | g)", data())
    assert said == []
    assert model.convergence.separated == ()


def test_a_level_without_successes() -> None:
    table = data()
    table.loc[table["arm"] == "C", "y"] = 0
    model, [said] = fitted("y ~ arm + x + (1 | g)", table)
    assert said.startswith("Quasi-complete separation: there is no finite estimate of arm[T.C], ")
    assert "goes to -infinity" in said
    assert "all 80 rows with arm = C have no success" in said
    assert said in model.convergence.message
    assert said.splitlines()[0] in str(model.summary())
    assert model.params["arm[T.C]"] < -10
    # The other coefficients are those of the rows of the other levels.
    rest, nothing = fitted("y ~ arm + x + (1 | g)", table[table["arm"] != "C"])
    assert nothing == []
    for name in ("Intercept", "arm[T.B]", "x"):
        assert model.params[name] == pytest.approx(rest.params[name], abs=1e-4)


def test_the_reference_level_takes_the_others_along() -> None:
    table = data()
    table.loc[table["arm"] == "A", "y"] = 1
    _, [said] = fitted("y ~ arm + x + (1 | g)", table)
    assert "Intercept (+), arm[T.B] (-) and arm[T.C] (-)" in said
    assert "arm = A have nothing but successes" in said


def test_a_cell_of_two_factors() -> None:
    table = data()
    table.loc[(table["arm"] == "C") & (table["place"] == "u"), "y"] = 1
    _, [said] = fitted("y ~ arm * place + x + (1 | g)", table)
    assert "arm[T.C] (+) and arm[T.C]:place[T.v] (-)" in said
    assert "arm = C, place = u" in said


def test_a_number_that_repeats_the_response() -> None:
    table = data()
    table["y"] = (table["x"] > 0.1).astype(int)
    _, said = fitted("y ~ x + (1 | g)", table)
    assert said[0].startswith("Complete separation: there is no finite estimate of")
    assert "x up to" in said[0]


def test_zeros_of_counts() -> None:
    table = data()
    table.loc[table["arm"] == "B", "count"] = 0
    for family in ("poisson", "negative_binomial"):
        _, [said] = fitted("count ~ arm + x + (1 | g)", table, family=family)
        assert "arm[T.B], which goes to -infinity" in said
        assert "have a count of 0" in said


def test_trials_and_names_of_levels() -> None:
    table = data()
    table["size"] = 5
    table.loc[table["arm"] == "B", "y"] = 5
    _, [said] = fitted("y / size ~ arm + x + (1 | g)", table)
    assert "arm = B have nothing but successes" in said
    table = data()
    table["outcome"] = np.where(table["y"] == 1, "cured", "ill")
    table.loc[table["arm"] == "B", "outcome"] = "cured"
    _, [said] = fitted("outcome ~ arm + x + (1 | g)", table)
    assert "arm = B have the response ill" not in said
    assert "arm = B have the response" in said


def test_the_hurdle_of_a_level_without_zeros() -> None:
    table = data()
    table.loc[table["arm"] == "B", "count"] += 1
    _, said = fitted("count ~ x + (1 | g)", table, family="poisson", hurdle="~ arm")
    assert any("in the hurdle" in one and "arm[T.B]" in one for one in said)


def test_ordered_categories() -> None:
    table = data()
    table["y"] = table["y"] + (np.arange(len(table)) % 7 == 0)
    table.loc[table["arm"] == "C", "y"] = 0
    _, [said] = fitted("y ~ arm + x + (1 | g)", table, family="ordinal")
    assert "arm[T.C], which goes to -infinity" in said


def test_levels_that_are_all_alike() -> None:
    table = data()
    table["y"] = np.random.default_rng(1).integers(0, 2, 24)[table["g"]]
    model, [said] = fitted("y ~ x + (1 | g)", table)
    assert said.startswith("Every one of the 24 levels of g has one outcome alone")
    assert [row.about for row in model.check().concerns if row.check == "Levels that are all alike"]


def test_columns_far_from_zero_are_named_as_in_the_formula() -> None:
    table = data()
    table["year"] = 2000 + np.arange(len(table)) % 10
    table.loc[table["arm"] == "C", "y"] = 1
    _, [said] = fitted("y ~ arm + year + (1 | g)", table)
    assert "estimate of arm[T.C], which goes to +infinity" in said


@pytest.mark.parametrize("link", ["probit", "cloglog", "cauchit", "log"])
def test_every_link(link: str) -> None:
    table = data()
    table["y"] = (np.random.default_rng(1).random(len(table)) < 0.25).astype(int)
    table.loc[table["arm"] == "C", "y"] = 0
    _, [said] = fitted("y ~ arm + (1 | g)", table, link=link)
    assert "arm[T.C], which goes to -infinity" in said


def test_means_that_end_nowhere_are_not_separated() -> None:
    table = data()
    table["z"] = np.exp(0.2 * table["x"]) + 0.1
    model, said = fitted("z ~ arm + (1 | g)", table, family="gamma")
    assert said == []
    assert "Separation" not in [row.check for row in model.check().rows]


def test_numbers_that_are_levels() -> None:
    table = data()
    table.loc[table["g"] < 3, "count"] = 0
    _, [said] = fitted("count ~ 0 + C(g) + x", table, family="poisson")
    assert "C(g)[0] (-), C(g)[1] (-) and C(g)[2] (-)" in said
    assert "all 30 rows with g = 0 or g = 1 or g = 2 have a count of 0" in said


def test_other_frames_say_the_same() -> None:
    polars = pytest.importorskip("polars")
    table = data()
    table.loc[table["arm"] == "C", "y"] = 0
    _, [said] = fitted("y ~ arm + x + (1 | g)", table)
    _, [again] = fitted("y ~ arm + x + (1 | g)", polars.from_pandas(table))
    assert again == said


def test_what_was_said_is_in_the_report(tmp_path: Path) -> None:
    table = data()
    table.loc[table["arm"] == "C", "y"] = 0
    model, _ = fitted("y ~ arm + x + (1 | g)", table)
    page = model.report(tmp_path / "page.html").read_text("utf-8")
    assert "Quasi-complete separation" in page
