"""Other sample sizes of a plan: designs are laid out anew, other rows are copied by level."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mixedmodels.api.models import lmm
from mixedmodels.errors import DataError
from mixedmodels.planning import design, plan
from mixedmodels.planning.extend import extended
from mixedmodels.planning.plan import plan_of

SIZES = {"fixed": {"day": 1}, "sd": {"subject": {"Intercept": 1, "day": 0.5}}, "sigma": 1}


def groups(made):
    return {g.name: np.bincount(g.codes) for g in made.problem.matrices.groupings}


def test_a_design_is_laid_out_anew():
    study = design({"subject": 10}, within={"day": range(5)})
    old = plan(study, "y ~ day + (day | subject)", **SIZES)
    new = extended(old, "subject", 14)
    assert groups(new)["subject"].tolist() == [5] * 14
    assert new.design.units == {"subject": 14}
    assert (new.beta == old.beta).all()
    assert new.theta == pytest.approx(old.theta)
    assert len(extended(new, "subject", 3).problem.matrices.y) == 15


def test_the_estimates_of_a_fit_are_a_plan(sleepstudy):
    model = lmm("Reaction ~ Days + (Days | Subject)", sleepstudy)
    made = plan_of(model)
    assert made.theta == pytest.approx(model.theta.to_numpy(), abs=1e-12)
    assert (made.simulate(3, seed=1) == model.simulate(3, seed=1)).all()
    larger = extended(made, "Subject", 50)
    assert groups(larger)["Subject"].tolist() == [10] * 50
    assert (larger.problem.matrices.X[:180] == model.fit.matrices.X).all()
    smaller = extended(made, "Subject", 5)
    assert groups(smaller)["Subject"].tolist() == [10] * 5


def test_transforms_keep_their_state(sleepstudy):
    model = lmm("Reaction ~ poly(Days, 2) + (scale(Days) | Subject)", sleepstudy)
    larger = extended(plan_of(model), "Subject", 36)
    X, Z = larger.problem.matrices.X, larger.problem.matrices.terms[0].Z
    old = model.fit.matrices
    assert np.tile(old.X, (2, 1)) == pytest.approx(X, abs=1e-12)
    assert np.tile(old.terms[0].Z, (2, 1)) == pytest.approx(Z, abs=1e-12)


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_copies_rename_what_is_nested_and_keep_what_is_crossed(library):
    school, pupil, task = (a.ravel() for a in np.meshgrid(range(3), range(4), range(5)))
    rows = library({"school": school, "pupil": school * 10 + pupil, "task": task})
    formula = "y ~ 1 + (1 | school) + (1 | pupil) + (1 | task)"
    sd = {"school": 1, "pupil": 1, "task": 1}
    new = extended(plan(rows, formula, fixed={}, sd=sd, sigma=1), "school", 7)
    assert groups(new)["school"].tolist() == [20] * 7
    assert groups(new)["pupil"].tolist() == [5] * 28
    assert groups(new)["task"].tolist() == [28] * 5


def test_weights_and_offset_columns_go_along(sleepstudy):
    frame = sleepstudy.assign(w=1.0 + sleepstudy["Days"], o=sleepstudy["Days"] * 2.0)
    model = lmm("Reaction ~ Days + (1 | Subject)", frame, weights="w", offset="o")
    larger = extended(plan_of(model), "Subject", 20)
    assert larger.problem.matrices.weights[180:190].tolist() == list(range(1, 11))
    assert larger.problem.matrices.offset[180:190].tolist() == list(range(0, 20, 2))
    array = lmm("Reaction ~ Days + (1 | Subject)", sleepstudy, weights=frame["w"].to_numpy())
    with pytest.raises(DataError, match="given as an array"):
        extended(plan_of(array), "Subject", 20)


@pytest.mark.parametrize(
    ("along", "size", "message"),
    [
        ("Days", 20, "along = 'Days' is no grouping column"),
        ("Subject", 0, "size of 'Subject' is 0"),
        ("Subject", 1, "one level"),
    ],
)
def test_sizes_that_cannot_be(sleepstudy, along, size, message):
    made = plan_of(lmm("Reaction ~ Days + (Days | Subject)", sleepstudy))
    with pytest.raises(DataError, match=message):
        extended(made, along, size)


def test_a_size_that_loses_a_cell():
    study = design({"subject": 12}, within={"t": [0, 1]}, between={"subject": {"g": list("abcd")}})
    made = plan(study, "y ~ g + (1 | subject)", fixed={}, sd={"subject": 1}, sigma=1)
    with pytest.raises(DataError, match=r"other coefficients: g\[T.c\], g\[T.d\]"):
        extended(made, "subject", 2)


def test_what_has_no_effect_sizes():
    with pytest.raises(DataError, match="A Design has no effect sizes"):
        plan_of(design({"subject": 5}))


def test_copies_have_names_that_no_level_has():
    levels = ["a", "a.copy1", "a..copy1", "b"]
    random = np.random.default_rng(3)
    data = pd.DataFrame({"g": np.repeat(levels, 6), "y": random.normal(size=24)})
    plan = plan_of(lmm("y ~ 1 + (1 | g)", data))
    larger = extended(plan, "g", 10).problem.matrices
    assert len(larger.groupings[0].levels) == 10
    assert np.bincount(larger.groupings[0].codes).tolist() == [6] * 10
