"""Joint tests against the analysis of variance of type 3 and against tests of contrasts."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm

SAME = 1e-6

BASES = {"num_df": 0, "statistic": SAME, "den_df": 1e-3, "p_value": 1e-3}
"""Satterthwaite's joint degrees of freedom depend on the rows of a hypothesis: `anova` has those of
treatment coding, `joint_tests` an orthonormal basis."""
NUMBERS = ["num_df", "den_df", "statistic", "p_value"]


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(12)
    n = 260
    frame = pd.DataFrame(
        {
            "a": rng.choice(list("pqr"), n, p=[0.5, 0.3, 0.2]),
            "b": rng.choice(list("uv"), n, p=[0.7, 0.3]),
            "x": rng.normal(40, 3, n),
            "g": rng.integers(0, 14, n),
        }
    )
    frame["y"] = rng.normal(size=n) + 0.2 * frame.x + (frame.a == "q") * (frame.b == "v") * 2
    return frame


@pytest.mark.parametrize("ddf", ["satterthwaite", "kenward-roger", "residual", "normal"])
@pytest.mark.parametrize("fixed", ["a * b", "a + b", "a * b * x", "a + x", "poly(x, 2) * a"])
def test_complete_cells_have_the_tests_of_type_three(
    data: pd.DataFrame, fixed: str, ddf: str
) -> None:
    centred = data.assign(x=data.x - data.x.mean())
    model = mm.lmm(f"y ~ {fixed} + (1 | g)", centred)
    found = model.joint_tests(ddf=ddf).set_index("term")
    anova = model.anova(ddf=ddf)
    anova["term"] = anova["term"].str.replace("poly(x, 2)", "x")
    wanted = anova.set_index("term")
    if "poly" in fixed:  # the slope of a curve is zero on average, or at its mean: not the same
        wanted = wanted.drop("a")
        found = found.rename({"a:x": "x:a"}).drop("a")
        wanted = wanted.rename({"a:x": "x:a"})
    assert set(found.index) == set(wanted.index)
    for term in wanted.index:
        for column in NUMBERS:
            np.testing.assert_allclose(
                float(found.loc[term, column]),
                float(wanted.loc[term, column]),
                rtol=SAME if ddf != "satterthwaite" else BASES[column],
                err_msg=f"{term} {column}",
            )


def test_the_origin_of_a_covariate_does_not_matter(data: pd.DataFrame) -> None:
    first = mm.lmm("y ~ a * x + (1 | g)", data).joint_tests()
    second = mm.lmm("y ~ a * x + (1 | g)", data.assign(x=data.x - 1e5)).joint_tests()
    np.testing.assert_allclose(
        first[NUMBERS].astype(float), second[NUMBERS].astype(float), rtol=1e-5
    )


def test_simple_effects_are_tests_within_groups(data: pd.DataFrame) -> None:
    model = mm.lmm("y ~ a * b + (1 | g)", data)
    found = model.joint_tests(by="b")
    pairs = model.emmeans("a | b").contrast("trt.vs.ctrl").test(joint=True)
    assert found["term"].tolist() == ["a", "a"]
    for column in NUMBERS:
        np.testing.assert_allclose(found[column], pairs[column], rtol=SAME)


def test_empty_cells_leave_what_is_estimable() -> None:
    """Degrees of freedom of the terms and of what belongs to none add up to those of the cells."""
    frame = pd.DataFrame(list(product("abc", "wxyz", range(8))), columns=["r", "s", "g"])
    frame = frame[~((frame.r == "c") & (frame.s == "z"))].reset_index(drop=True)
    frame["y"] = np.random.default_rng(0).normal(size=len(frame))
    with pytest.warns(mm.errors.DroppedColumnsWarning):
        model = mm.lmm("y ~ r * s + (1 | g)", frame)
    found = model.joint_tests()
    assert found["term"].tolist() == ["r", "s", "r:s", "(confounded)"]
    assert found["num_df"].tolist() == [1, 2, 5, 2]
    assert found["num_df"].sum() == 11 - 1
    assert found["note"].tolist()[:3] == [
        "1 of 2 df estimable",
        "2 of 3 df estimable",
        "5 of 6 df estimable",
    ]
    # The sum of independent parts: Wald statistics of the uncorrelated ones add up to that of all.
    cells = model.joint_tests(ddf="normal")
    rest = cells[cells["term"] == "(confounded)"]
    assert (rest["statistic"] > 0).all()


def test_a_model_without_factors_has_the_tests_of_its_slopes(data: pd.DataFrame) -> None:
    model = mm.lmm("y ~ x + (1 | g)", data)
    np.testing.assert_allclose(model.joint_tests()["p_value"], model.anova()["p_value"], rtol=SAME)
    assert len(mm.lmm("y ~ 1 + (1 | g)", data).joint_tests()) == 0
