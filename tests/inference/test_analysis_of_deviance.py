"""Likelihood ratios of terms: those of the models written out, for every type, and additive."""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError
from tests.inference.references import fitted, fixed_term
from tests.reference.load import reference

CRITERION = 1e-6  # twice what a search leaves

NAMES = (
    "alfalfa",
    "cake_collinear",
    "cake_factorial",
    "machines_unbal",
    "oats_hole",
    "oats_linear",
)
"""Models of which lme4's `drop1` is stored."""


@pytest.fixture(scope="module")
def data():
    """Two unbalanced factors and a covariate on twelve groups; both codings of the factors."""
    random = np.random.default_rng(11)
    g, f, h = (v.ravel() for v in np.indices((12, 3, 2)))
    frame = pd.DataFrame({"g": g, "f": [f"f{i}" for i in f], "h": [f"h{i}" for i in h]})
    frame = pd.concat([frame] * 3, ignore_index=True)
    frame["x"] = random.normal(size=len(frame))
    frame["y"] = (
        random.normal(size=12)[frame.g]
        + 0.5 * (frame.f == "f1")
        + 0.4 * frame.x
        + random.normal(size=len(frame))
    )
    return frame.drop(index=frame.index[(frame.f == "f2") & (frame.h == "h1")][:9])


def deviance(formula, data):
    return mm.lmm(formula, data, reml=False).objective


def ratios(model, kind):
    table = model.anova(kind, test="lrt").set_index("term")
    return table["statistic"].to_dict()


@pytest.mark.parametrize("name", NAMES)
def test_last_terms_are_those_of_r(name):
    """Of types 2 and 3 the rows of terms in no other are what `drop1` of lme4 tests."""
    stored = reference(name).raw["drop1"]["LRT_ML"]
    table = fitted(name, "ML").anova(2, test="lrt").set_index("term")
    for i, label in enumerate(stored["_rows"]):
        if label != "<none>" and stored["LRT"][i] is not None:
            row = table.loc[fixed_term(label)]
            assert row["df"] == stored["npar"][i]
            if row["df"] > 0:
                assert row["statistic"] == pytest.approx(stored["LRT"][i], abs=2 * CRITERION)


@pytest.mark.parametrize("reml", [True, False])
def test_type_1_is_the_sequence_of_models(data, reml):
    model = mm.lmm("y ~ f * h + x + (1 | g)", data, reml=reml)
    steps = ["1", "f", "f + h", "f + h + x", "f * h + x"]
    values = [deviance(f"y ~ {fixed} + (1 | g)", data) for fixed in steps]
    found = ratios(model, 1)
    assert list(found) == ["f", "h", "x", "f:h"]
    np.testing.assert_allclose(list(found.values()), -np.diff(values), atol=CRITERION)
    assert sum(found.values()) == pytest.approx(values[0] - values[-1], abs=CRITERION)
    notes = model.anova(1, test="lrt")["note"]
    assert all(("refitted by ML" in note) == reml for note in notes)


def test_type_2_leaves_out_what_contains_a_term(data):
    found = ratios(mm.lmm("y ~ f * h + x + (1 | g)", data), 2)
    both = deviance("y ~ f + h + x + (1 | g)", data)
    whole = deviance("y ~ f * h + x + (1 | g)", data)
    assert found["f"] == pytest.approx(deviance("y ~ h + x + (1 | g)", data) - both, abs=CRITERION)
    assert found["h"] == pytest.approx(deviance("y ~ f + x + (1 | g)", data) - both, abs=CRITERION)
    assert found["x"] == pytest.approx(deviance("y ~ f * h + (1 | g)", data) - whole, abs=CRITERION)


def test_type_3_is_about_equally_weighted_means_whatever_the_coding(data):
    """With codings that sum to zero the hypothesis is that the columns of a term have no effect."""
    whole = deviance("y ~ f * h + x + (1 | g)", data)
    columns = data.assign(
        f1=data.f.map({"f0": 1.0, "f1": 0.0, "f2": -1.0}),
        f2=data.f.map({"f0": 0.0, "f1": 1.0, "f2": -1.0}),
        h1=data.h.map({"h0": 1.0, "h1": -1.0}),
    )
    without_f = deviance("y ~ h1 + f1:h1 + f2:h1 + x + (1 | g)", columns)
    without_h = deviance("y ~ f1 + f2 + f1:h1 + f2:h1 + x + (1 | g)", columns)
    for contrasts in (None, {"f": "sum", "h": "helmert"}):
        found = ratios(mm.lmm("y ~ f * h + x + (1 | g)", data, contrasts=contrasts), 3)
        assert found["f"] == pytest.approx(without_f - whole, abs=CRITERION)
        assert found["h"] == pytest.approx(without_h - whole, abs=CRITERION)


def test_large_samples_bring_the_tests_together(data):
    """Wald statistics and likelihood ratios are of one hypothesis."""
    many = pd.concat([data.assign(g=data.g + 12 * i) for i in range(30)], ignore_index=True)
    random = np.random.default_rng(3)
    many["y"] = 0.1 * many.x + random.normal(size=12 * 30)[many.g] + random.normal(size=len(many))
    model = mm.lmm("y ~ f * h + x + (1 | g)", many, reml=False)
    wald, lrt = model.anova(3, ddf="normal"), model.anova(3, test="lrt")
    np.testing.assert_allclose(wald["num_df"] * wald["statistic"], lrt["statistic"], rtol=0.01)


def test_a_term_that_others_determine_has_no_test(data):
    same = data.assign(k=data.f.str.replace("f", "k"))
    with pytest.warns(mm.errors.DroppedColumnsWarning):
        model = mm.lmm("y ~ f + k + (1 | g)", same)
    row = model.anova(1, test="lrt").set_index("term").loc["k"]
    assert row["df"] == 0
    assert np.isnan(row["statistic"])


def test_refusals(data):
    model = mm.lmm("y ~ f + (1 | g)", data)
    with pytest.raises(DataError, match="type = 4"):
        model.anova(4, test="lrt")
    with pytest.raises(DataError, match=r"wald.*lrt"):
        model.anova(3, test="f")


def test_wald_chi_squares_of_drop1_are_those_of_its_f_tests(data):
    model = mm.lmm("y ~ f * h + x + (1 | g)", data)
    wald, f = model.drop1("wald"), model.drop1("f", ddf="normal")
    assert list(wald) == ["term", "df", "note", "statistic", "p_value"]
    np.testing.assert_allclose(wald["statistic"], f["num_df"] * f["statistic"], rtol=1e-12)
    np.testing.assert_allclose(wald["p_value"], f["p_value"], rtol=1e-12)
