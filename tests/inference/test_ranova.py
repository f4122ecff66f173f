"""`ranova` gives R's tables, and differs where R compares models that are not nested."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mixedmodels as mm
from mixedmodels.errors import DataError
from tests.inference.references import fitted, random_term
from tests.reference.load import models, reference

LOGLIK = 1e-6  # what the references promise

NAMES = [name for name in models() if "ranova" in reference(name).raw]

# R replaces (0 + Days | Subject) by (1 | Subject), of as many parameters: no test. Here the term is
# left out, which is the hypothesis that Days has no variance.
NOT_NESTED_IN_R = {"sleepstudy_noint": ["Days in (0 + Days | Subject)"]}


@pytest.mark.parametrize("name", NAMES)
def test_tables_are_those_of_r(name):
    ref = reference(name)
    stored = ref.raw["ranova"]
    table = fitted(name).ranova().set_index("term")
    labels = [random_term(ref, label) for label in stored["_rows"]]
    assert sorted(table.index) == sorted(labels)
    for i, label in enumerate(labels):
        if label in NOT_NESTED_IN_R.get(name, []):
            continue
        row = table.loc[label]
        assert row["npar"] == stored["npar"][i]
        assert row["llf"] == pytest.approx(stored["logLik"][i], abs=LOGLIK)
        assert row["aic"] == pytest.approx(stored["AIC"][i], abs=2 * LOGLIK)
        if label == "<none>":
            assert row[["statistic", "df", "p_value", "p_value_boundary"]].isna().all()
            continue
        assert row["statistic"] == pytest.approx(stored["LRT"][i], abs=2 * LOGLIK)
        assert row["df"] == stored["Df"][i]
        if row["statistic"] > 2 * LOGLIK:  # below, p-values near 1 depend on the last digits
            assert row["p_value"] == pytest.approx(stored["Pr(>Chisq)"][i], rel=1e-5)
            halves = [stats.chi2.sf(row["statistic"], row["df"] - 1) if row["df"] > 1 else 0.0]
            halves.append(row["p_value"])
            if "binomial" not in row["note"]:
                assert row["p_value_boundary"] == pytest.approx(np.mean(halves))


def test_a_slope_without_an_intercept_is_left_out():
    table = fitted("sleepstudy_noint").ranova()
    without = reference("sleepstudy_intercept").raw["ranova"]  # its second row has no random term
    assert table["npar"].tolist() == [4, 3]
    assert table["llf"][1] == pytest.approx(without["logLik"][1], abs=LOGLIK)
    assert table["df"][1] == 1
    assert table["p_value_boundary"][1] == pytest.approx(table["p_value"][1] / 2)


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(8)
    g = np.repeat(np.arange(15), 12)
    frame = pd.DataFrame({"g": g, "f": np.tile(list("abc"), 60), "x": random.normal(size=180)})
    frame["z"] = random.normal(size=180)
    frame["y"] = (1 + frame.x) * random.normal(size=15)[g] + random.normal(size=180)
    return frame


@pytest.mark.parametrize(
    ("random", "reduced"),
    [
        ("(1 | g)", {"(1 | g)": ""}),
        ("(x + z | g)", {
            "x in (x + z | g)": "(z | g)",
            "z in (x + z | g)": "(x | g)",
        }),
        ("(x * z | g)", {"x:z in (x * z | g)": "(x + z | g)"}),
        ("(f | g)", {"f in (f | g)": "(1 | g)"}),
        ("(0 + f | g)", {"f in (0 + f | g)": "(1 | g)"}),
        ("(0 + f + x | g)", {
            "f in (0 + f + x | g)": "(x | g)",
            "x in (0 + f + x | g)": "(0 + f | g)",
        }),
        ("(0 + x + z | g)", {
            "x in (0 + x + z | g)": "(0 + z | g)",
            "z in (0 + x + z | g)": "(0 + x | g)",
        }),
        ("(x + z || g)", {
            "(1 | g)": "(0 + x + z || g)",
            "x in (0 + x | g)": "(z || g)",
            "z in (0 + z | g)": "(x || g)",
        }),
        ("(f || g)", {"f in (0 + f || g)": "(1 | g)"}),
        ("(1 | g/f)", {"(1 | g)": "(1 | g:f)", "(1 | g:f)": "(1 | g)"}),
        ("(x | g) + (1 | f)", {"x in (x | g)": "(1 | g) + (1 | f)", "(1 | f)": "(x | g)"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("reml", [True, False])
def test_rows_are_fits_without_the_term(data, random, reduced, reml):
    model = mm.lmm(f"y ~ x + {random}", data, reml=reml)
    table = model.ranova().set_index("term")
    assert table.index.tolist() == ["<none>", *reduced]
    assert table.loc["<none>", "llf"] == model.llf
    for label, text in reduced.items():
        expected = mm.lmm(f"y ~ x + {text}" if text else "y ~ x", data, reml=reml)
        row = table.loc[label]
        assert row["npar"] == expected.npar
        assert row["llf"] == pytest.approx(expected.llf, abs=LOGLIK)
        assert row["aic"] == pytest.approx(expected.aic, abs=2 * LOGLIK)
        assert row["df"] == model.npar - expected.npar
        assert 0 <= row["p_value_boundary"] <= row["p_value"]


def test_groups_in_backticks(data):
    model = mm.lmm("y ~ x + (x || `the group`)", data.rename(columns={"g": "the group"}))
    assert model.ranova()["term"].tolist() == [
        "<none>", "(1 | `the group`)", "x in (0 + x | `the group`)",
    ]  # fmt: skip


def test_the_rows_of_the_model_are_kept(data):
    holes = data.assign(z=data["z"].where(data["x"] < 1))
    model = mm.lmm("y ~ x + (z | g)", holes)
    table = model.ranova()
    expected = mm.lmm("y ~ x + (1 | g)", holes[holes["z"].notna()])
    assert table["llf"][1] == pytest.approx(expected.llf, abs=LOGLIK)
    more = len(data) - model.nobs
    assert f"{more} more would be complete" in table["note"][1]


def test_weights_offset_and_a_new_response_stay(data):
    weights = np.linspace(0.5, 2, len(data))
    arguments = {"weights": weights, "offset": "z"}
    y = data["y"] + data["x"] ** 2
    table = mm.lmm("y ~ x + (x | g)", data, **arguments).refit(y).ranova()
    expected = mm.lmm("w ~ x + (1 | g)", data.assign(w=y), **arguments)
    assert table["llf"][1] == pytest.approx(expected.llf, abs=LOGLIK)


def test_a_model_without_random_terms_is_refused(data):
    with pytest.raises(DataError, match="no random terms"):
        mm.lmm("y ~ x", data).ranova()
